//! Events that end or upset `lambda_http`: here each gets an answer, and the same process the next.

use contacts_tests::alb::{Alb, Target, alb_event, alb_health_check_event, api_gateway_v2_event};
use contacts_tests::client::Request;
use contacts_tests::lambda_runtime::FunctionError;
use contacts_tests::twins::Twins;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::{CONTACTS, card, get, has_status, post, twins};

/// A valid event with one member changed.
fn with(twins: &Twins, member: &str, value: Value) -> Value {
    let mut event = alb_event(&twins.dressed(post(CONTACTS, &card("Ada"))));
    event[member] = value;
    event
}

/// The status of the function's answer; it has one.
async fn status(twins: &Twins, event: &Value) -> u64 {
    let answer = twins.sandboxes.invoke(event).await;
    let answer = answer
        .unwrap_or_else(|error| panic!("{error}: {event:.300}"))
        .json()
        .unwrap();
    answer["statusCode"].as_u64().unwrap()
}

/// The first process still answers.
async fn lives(twins: &Twins) {
    assert_eq!(
        status(twins, &alb_event(&twins.dressed(get("/v1/books")))).await,
        200
    );
    assert_eq!(
        twins.sandboxes.starts().len(),
        1,
        "{:?}",
        twins.sandboxes.starts()
    );
}

#[tokio::test]
async fn each_event_that_upsets_lambda_http_is_answered_and_survived() {
    let twins = twins().await;
    let headers = |name: &str, value: &str| json!({name: [value], "host": ["h"], "authorization": [format!("Bearer {}", twins.token)]});
    let base64 = |body: &str| {
        let mut event = with(&twins, "body", body.into());
        event["isBase64Encoded"] = true.into();
        event
    };
    let single = json!({
        "requestContext": {"elb": {"targetGroupArn": "arn"}},
        "httpMethod": "GET",
        "path": "/v1/books",
        "queryStringParameters": {"limit": "1"},
        "headers": {"host": "foo:99999", "x-forwarded-proto": "https, http"},
        "body": "",
        "isBase64Encoded": false,
    });
    let mut spaced = single.clone();
    spaced["headers"]["host"] = "a b/items/7?z=".into();
    for (event, answered) in [
        (base64("*"), 400),
        (base64("e30"), 400),
        (base64("e30==="), 400),
        (base64("\u{e9}"), 400),
        (with(&twins, "path", ":99999".into()), 404),
        (with(&twins, "path", ":99999/x".into()), 400),
        (with(&twins, "path", "".into()), 400),
        (with(&twins, "path", Value::Null), 400),
        (with(&twins, "path", "/a b".into()), 400),
        (with(&twins, "path", "/\u{0}".into()), 400),
        (
            with(&twins, "path", format!("/{}", "a".repeat(70_000)).into()),
            414,
        ),
        (
            with(&twins, "path", format!("/{}", "ä".repeat(70_000)).into()),
            414,
        ),
        (
            with(
                &twins,
                "multiValueQueryStringParameters",
                json!({"q": ["%FF".repeat(10_000)]}),
            ),
            414,
        ),
        (
            with(
                &twins,
                "multiValueQueryStringParameters",
                json!({"q": ["\u{fffd}".repeat(30_000)]}),
            ),
            400,
        ),
        (
            with(&twins, "multiValueHeaders", headers("a name", "1")),
            400,
        ),
        (with(&twins, "multiValueHeaders", headers("", "1")), 400),
        (
            with(&twins, "multiValueHeaders", headers("a\r\nb", "1")),
            400,
        ),
        (
            with(&twins, "multiValueHeaders", headers("x", "1\r\ny: 2")),
            400,
        ),
        (with(&twins, "multiValueHeaders", headers("x", "1\n")), 400),
        (
            with(&twins, "multiValueHeaders", headers("x", "\u{0}")),
            400,
        ),
        (
            with(&twins, "multiValueHeaders", headers("host", "foo:99999")),
            415,
        ),
        (
            with(&twins, "multiValueHeaders", headers("host", "a b")),
            415,
        ),
        (
            with(
                &twins,
                "multiValueHeaders",
                headers("x-forwarded-proto", "https, http"),
            ),
            415,
        ),
        (
            with(
                &twins,
                "multiValueHeaders",
                headers("x-request-id", "\u{fc}\u{ff}"),
            ),
            415,
        ),
        (
            with(
                &twins,
                "multiValueHeaders",
                headers("origin", "\u{fc}\u{ff}"),
            ),
            415,
        ),
        (
            with(
                &twins,
                "multiValueHeaders",
                headers("x-large", &"x".repeat(600_000)),
            ),
            431,
        ),
        (with(&twins, "httpMethod", "GET /".into()), 400),
        (with(&twins, "httpMethod", "".into()), 400),
        (with(&twins, "httpMethod", "G\r\nT".into()), 400),
        (with(&twins, "httpMethod", "\u{e9}".into()), 400),
        (with(&twins, "httpMethod", 1.into()), 400),
        (single, 401),
        (spaced, 401),
        (json!({}), 400),
        (json!(null), 400),
        (json!([]), 400),
        (json!("text"), 400),
        (json!({"Records": []}), 400),
        (json!({"version": "2.0"}), 400),
        (json!({"requestContext": {"http": {}}}), 400),
        (alb_health_check_event("/health"), 200),
        (alb_health_check_event("/ready"), 200),
        (
            api_gateway_v2_event(&twins.dressed(get("/v1/books?limit=1&limit=2"))),
            400,
        ),
        (api_gateway_v2_event(&twins.dressed(get("/v1/books"))), 200),
    ] {
        assert_eq!(status(&twins, &event).await, answered, "{event:.300}");
        lives(&twins).await;
    }
}

#[tokio::test]
async fn an_event_that_is_no_json_is_an_error_that_the_process_survives() {
    let twins = twins().await;
    for event in [
        &b""[..],
        b"{",
        b"{\"path\": \"\\ud800\"}",
        b"nonsense",
        b"{\"path\": \"\xff\"}",
        b"{} {}",
        &b"[".repeat(1_000_000),
    ] {
        match twins.sandboxes.invoke_bytes(event.to_vec()).await {
            Ok(answer) => assert_eq!(answer.json().unwrap()["statusCode"], 400),
            Err(FunctionError::Reported(_)) => {}
            Err(error) => panic!("{error}"),
        }
        lives(&twins).await;
    }
}

#[tokio::test]
async fn client_bytes_in_headers_do_not_come_back_in_headers() {
    let twins = Twins::with(&[("CONTACTS_CORS_ORIGINS", "https://app.example.org")], 1)
        .await
        .unwrap();
    let alb = Alb::new(Target::Lambda(twins.sandboxes.clone()));
    for name in [
        "origin",
        "x-request-id",
        "accept",
        "if-none-match",
        "traceparent",
        "location",
    ] {
        for value in [&b"\xff\xfe"[..], "ü€😀".as_bytes()] {
            let answer = alb
                .send(twins.dressed(get("/v1/books").header(name, value)))
                .await;
            assert!(answer.status < 500);
            assert!(answer.headers.iter().all(|(_, value)| value.is_ascii()));
        }
    }
    let arrival = get("/missing\u{e9}?x=\u{e9}");
    has_status(&alb.send(twins.dressed(arrival)).await, 404);
    lives(&twins).await;
}

/// Valid events of every shape, to be mutated.
fn seeds(twins: &Twins) -> Vec<Value> {
    let requests = [
        get("/v1/books?limit=1"),
        post(CONTACTS, &card("Ada")),
        Request::new("POST", CONTACTS).body("image/png", vec![0xff; 9]),
        Request::new("OPTIONS", "/v1/books").header("origin", "https://app.example.org"),
    ];
    let requests = requests.map(|request| twins.dressed(request));
    let alb = requests.iter().map(alb_event);
    let mut events: Vec<Value> = alb
        .chain(requests.iter().map(api_gateway_v2_event))
        .collect();
    events.push(alb_health_check_event("/health"));
    events
}

/// Paths to every value of a document.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(value, &format!("{at}/{name}"), all);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

fn junk() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        ".{0,12}",
        "[\\x00-\\x20/:.%\\\\?#\"<>é\u{fffd}]{0,12}",
        "(%[0-9A-F]{2}){0,8}",
        Just("/".repeat(70_000)),
        Just("%FF".repeat(10_000)),
    ];
    prop_oneof![
        4 => text.clone().prop_map(Value::String),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => text.clone().prop_map(|text| json!([text])),
        1 => (text.clone(), text).prop_map(|(name, value)| json!({name: value})),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_mutated_event_ends_the_process() {
    let twins = twins().await;
    let seeds = seeds(&twins);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let runtime = tokio::runtime::Handle::current();
    let mutations = prop::collection::vec((any::<prop::sample::Index>(), junk()), 1..4);
    let strategy = (any::<prop::sample::Index>(), mutations);
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&strategy, |(seed, mutations)| {
            let mut event = seed.get(&seeds).clone();
            for (place, value) in mutations {
                let mut places = Vec::new();
                pointers(&event, "", &mut places);
                if let Some(old) = event.pointer_mut(place.get::<String>(&places)) {
                    *old = value;
                }
            }
            let answer = runtime.block_on(twins.sandboxes.invoke(&event));
            let answer = answer.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let status = answer.json().map(|answer| answer["statusCode"].as_u64());
            prop_assert!(
                status
                    .is_ok_and(|status| status.is_some_and(|status| (200..500).contains(&status)))
            );
            prop_assert_eq!(twins.sandboxes.starts().len(), 1);
            Ok(())
        })
    });
    outcome.unwrap();
    lives(&twins).await;
}
