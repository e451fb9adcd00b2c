//! The peer of the Lambda function in `make bench`: a bare `lambda_http` hello world with the same
//! database client, which it builds while it starts. With `BARE_CALLS` set it also makes one call
//! then, as the product does.

use std::env;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = Client::new(&aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await);
    if env::var_os("BARE_CALLS").is_some() {
        let ready = AttributeValue::S("ready".to_owned());
        client
            .get_item()
            .table_name(env::var("CONTACTS_TABLE")?)
            .key("pk", ready.clone())
            .key("sk", ready)
            .send()
            .await?;
    }
    let client = &client;
    run(service_fn(move |_: Request| async move {
        let region = client.config().region().map_or("", AsRef::as_ref);
        Ok::<_, Error>(format!("hello from {region}"))
    }))
    .await
}
