//! The OpenAPI 3.1 document: from the handlers, completed with what is true of all of them.

mod examples;
mod webhooks;

use serde_json::{Map, Value, json};
use utoipa::openapi::{
    InfoBuilder, OpenApi, OpenApiBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    tag::TagBuilder,
};

use crate::problem::{Kind, PROBLEM_JSON, schema};
use examples::Place;

/// The parts that no handler says.
pub(crate) fn base() -> OpenApi {
    let tag = |name: &str, text: &str| TagBuilder::new().name(name).description(Some(text)).build();
    let mut document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("contact-manager")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some("An address book for a team: JSContact cards (RFC 9553) and vCards, kept without loss."))
                .license(Some(utoipa::openapi::LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
                .build(),
        )
        .tags(Some([
            tag("books", "Address books. `default` names your default one, made on first use."),
            tag("contacts", "Contacts: a JSContact card each, readable and writable as a vCard too."),
            tag("jobs", "Work that outlives its request, and what became of it."),
            tag("subscriptions", "Who is told of what happens in a book. The messages are under `webhooks`."),
            tag("system", "What answers, and how it and its like fare now and fared before."),
            tag("tokens", "Personal access tokens."),
            tag("service", "The service itself. No token needed."),
        ]))
        .security(Some(["bearer", "basic"].map(|scheme| {
            SecurityRequirement::new::<_, [&str; 0], &str>(scheme, [])
        })))
        .build();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A personal access token (`cm_…`) or a JWT of the configured issuer.",
        ))
        .build();
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some(
            "For programs that know nothing else: a personal access token as the password, with any \
             user name.",
        ))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("basic", SecurityScheme::Http(basic));
    document
}

/// The whole document.
pub(crate) fn document() -> Value {
    let (_, document) = crate::routes::routes();
    let mut document = serde_json::to_value(document).expect("an OpenAPI document is plain JSON");
    document["components"]["schemas"]["Problem"] = schema();
    webhooks::add(&mut document);
    let paths = document["paths"]
        .as_object_mut()
        .expect("a document has paths");
    for (path, methods) in paths {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let kinds = problems(path, method, operation);
            let place = Place::of(path, method, operation);
            let id = operation["operationId"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let responses = operation["responses"]
                .as_object_mut()
                .expect("an operation has responses");
            add_answers(responses, &id);
            add_problems(responses, &kinds, &place);
        }
    }
    document
}

/// Which problems an operation may answer with. Follows from its path, its method and its body, so that
/// no handler can forget one.
fn problems(path: &str, method: &str, operation: &Value) -> Vec<Kind> {
    use Kind::*;
    let mut kinds = vec![
        HeaderTooLarge,
        UriTooLong,
        Internal,
        Overloaded,
        Timeout,
        NotFound,
        MethodNotAllowed,
    ];
    if path == "/health" || path == "/ready" {
        kinds = vec![HeaderTooLarge, UriTooLong, Internal];
    }
    if path == "/ready" {
        kinds.push(NotReady);
    }
    if path != "/health" && path != "/ready" {
        kinds.extend([InvalidParameter, RateLimited]);
    }
    if path.starts_with("/v1") {
        kinds.extend([Unauthorized, Forbidden, Unavailable]);
    }
    if path.contains("{book}") {
        kinds.push(BookNotFound);
    }
    if path.contains("{contact}") {
        kinds.push(ContactNotFound);
    }
    if path.contains("{job}") {
        kinds.push(JobNotFound);
    }
    if path.contains("{subscription}") {
        kinds.push(SubscriptionNotFound);
    }
    if path.contains("{token}") {
        kinds.push(TokenNotFound);
    }
    let body = operation.get("requestBody");
    let takes = |kind: &str| body.is_some_and(|body| body["content"].get(kind).is_some());
    if body.is_some() {
        kinds.extend([
            InvalidJson,
            UnreadableBody,
            RequestTimeout,
            TooLarge,
            UnsupportedMediaType,
        ]);
    }
    let header = |name: &str| {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        parameters.is_some_and(|all| all.iter().any(|one| one["name"] == name))
    };
    if header("Idempotency-Key") {
        kinds.extend([InvalidHeader, IdempotencyRunning, IdempotencyMismatch]);
    }
    if header("If-Match") || header("If-None-Match") {
        kinds.extend([InvalidHeader, PreconditionFailed]);
    }
    // A batch says what is wrong with its items in their places.
    if path.contains("/contacts") && !path.ends_with("/batch") && body.is_some() {
        kinds.push(InvalidCard);
        kinds.push(if path.contains("{contact}") {
            UidChanged
        } else {
            UidTaken
        });
    }
    if takes("text/vcard") {
        kinds.push(InvalidVcard);
    }
    match (path, method) {
        ("/v1/books/{book}", "delete") => kinds.push(DefaultBook),
        ("/v1/books/{book}/changes", _) => kinds.push(TokenTooOld),
        ("/v1/books/{book}/contacts" | "/v1/books/{book}/contacts/{contact}", "get") => {
            kinds.push(NotAcceptable)
        }
        ("/v1/jobs", "post") => kinds.push(BookNotFound),
        ("/v1/jobs/{job}", "delete") => kinds.push(JobNotStoppable),
        ("/v1/jobs/{job}/report", _) => kinds.push(NotAcceptable),
        ("/v1/subscriptions", "post") => {
            kinds.extend([
                BookNotFound,
                EndpointInUse,
                TooManySubscriptions,
                InvalidEndpoint,
            ]);
        }
        ("/v1/tokens", "post") => kinds.extend([InvalidHeader, ExpiryExceeded]),
        _ => {}
    }
    kinds
}

/// Gives each answer with a body an example.
fn add_answers(responses: &mut Map<String, Value>, id: &str) {
    for response in responses.values_mut() {
        let contents = response.get_mut("content").and_then(Value::as_object_mut);
        for (kind, content) in contents.into_iter().flatten() {
            content["example"] = examples::answer(id, kind);
        }
    }
}

fn add_problems(responses: &mut Map<String, Value>, kinds: &[Kind], place: &Place) {
    for kind in Kind::ALL.iter().filter(|kind| kinds.contains(kind)) {
        let response = responses.entry(kind.status().as_str()).or_insert_with(|| {
            json!({
                "description": "",
                "content": {PROBLEM_JSON: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {},
                }},
            })
        });
        if *kind == Kind::RateLimited {
            response["headers"] = rate_headers();
        }
        let said = response["description"].as_str().unwrap_or_default();
        let meaning = kind.meaning();
        response["description"] =
            format!("{said}{}{meaning}", if said.is_empty() { "" } else { " " }).into();
        for (name, problem) in examples::problems(*kind, place) {
            response["content"][PROBLEM_JSON]["examples"][name] =
                json!({"value": problem.document(Some(examples::REQUEST_ID))});
        }
    }
}

/// What the answer to a request that was one too many says in headers. Other answers have the last
/// two as well, where there is a limit.
fn rate_headers() -> Value {
    let header = |kind: &str, description: &str, example: Value| json!({"description": description, "schema": {"type": kind}, "example": example});
    json!({
        "Retry-After": header("integer", "Seconds until there is room again.", json!(1)),
        "RateLimit": header(
            "string",
            "What is left of which limit, and how many seconds until more is \
             (draft-ietf-httpapi-ratelimit-headers-10).",
            json!("\"token\";r=0;t=1"),
        ),
        "RateLimit-Policy": header(
            "string",
            "How much the limit allows at once, and in how many seconds it grows back.",
            json!("\"token\";q=200;w=4"),
        ),
    })
}
