//! The messages that go out, as OpenAPI's webhooks.

use contacts_events::{EventKind, Message};
use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema};

/// Adds the message of every kind to the document, and its schema.
pub(super) fn add(document: &mut Value) {
    let mut schemas = vec![(Message::name().into_owned(), Message::schema())];
    Message::schemas(&mut schemas);
    for (name, schema) in schemas {
        let schema = serde_json::to_value(schema).expect("a schema is plain JSON");
        document["components"]["schemas"][name] = schema;
    }
    let reference = format!("#/components/schemas/{}", Message::name());
    for kind in EventKind::ALL {
        document["webhooks"][kind.name()] = json!({"post": {
            "tags": ["subscriptions"],
            "operationId": format!("on.{kind}"),
            "summary": kind.summary(),
            "description": "To a subscribed URL; in the body of a message of SQS; and, as `Message` in \
                            the signed envelope of Amazon SNS, to a URL that SNS calls. At least once: \
                            drop what has an `id` that you have seen.",
            "security": [],
            "requestBody": {"required": true, "content": {"application/json": {
                "schema": {"$ref": reference},
                "example": Message::example(*kind),
            }}},
            "responses": {
                "2XX": {"description": "You have it."},
                "404": {"description": "Nobody is here: the subscription has failed."},
                "410": {"description": "You want no more: the subscription has failed."},
                "default": {"description": "Try again later."},
            },
        }});
    }
}
