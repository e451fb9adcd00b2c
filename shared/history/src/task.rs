//! What a process is called in the history.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use data_encoding::HEXLOWER;
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;

const PATIENCE: Duration = Duration::from_secs(2);
const MAX_ANSWER: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "TaskARN")]
    task_arn: String,
}

/// The name of this process in the history: of a task of ECS its id, else a random one.
pub async fn task_name() -> String {
    let of_ecs = match std::env::var("ECS_CONTAINER_METADATA_URI_V4") {
        Ok(address) => task_of_ecs(&address).await,
        Err(_) => None,
    };
    of_ecs.unwrap_or_else(random_task)
}

/// A name that no other process has.
fn random_task() -> String {
    let mut bits = [0; 8];
    // Without randomness the point numbers, which are random too, would not hold either: the process id is as
    // good as it gets.
    if getrandom::fill(&mut bits).is_err() {
        bits = u64::from(std::process::id()).to_be_bytes();
    }
    HEXLOWER.encode(&bits)
}

/// The id of this task, from the address in `ECS_CONTAINER_METADATA_URI_V4` (Amazon ECS Developer Guide, "Task
/// metadata endpoint version 4"). None if there is no answer.
async fn task_of_ecs(address: &str) -> Option<String> {
    let ask = async {
        let request = HttpRequest::get(format!("{address}/task")).ok()?;
        let answer = crate::aws::connector().call(request).await.ok()?;
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let metadata: Metadata = serde_json::from_slice(&body.ok()?.to_bytes()).ok()?;
        id_of(&metadata.task_arn)
    };
    tokio::time::timeout(PATIENCE, ask).await.ok().flatten()
}

/// The last part of `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`.
fn id_of(arn: &str) -> Option<String> {
    let id = arn.rsplit('/').next()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    ((1..=64).contains(&id.len()) && id.bytes().all(fits)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tasks_id_is_the_end_of_its_arn() {
        let arn = "arn:aws:ecs:eu-central-1:123456789012:task/prod/0123456789abcdef";
        assert_eq!(id_of(arn).as_deref(), Some("0123456789abcdef"));
        assert_eq!(id_of("arn:aws:ecs:task/a b"), None);
        assert_ne!(random_task(), random_task());
    }
}
