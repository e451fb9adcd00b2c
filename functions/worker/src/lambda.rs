//! The worker as a Lambda function with an SQS event source, whose mapping has
//! `ReportBatchItemFailures` (Lambda Developer Guide, "Handling errors for an SQS event source").

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contacts_jobs::{Delivery, Runner, Until, Verdict};
use futures::future::join_all;
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

/// What SQS hands over ("Using Lambda with Amazon SQS", "Example standard queue message event"), as far
/// as it matters here.
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: String,
    attributes: Attributes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    approximate_receive_count: String,
}

/// The messages that are not done.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// Takes invocations from the runtime API until the sandbox ends, one at a time.
///
/// `after` runs when an answer is ready and before it is handed over: the process may be frozen from
/// then on.
///
/// # Errors
/// The runtime API is out of reach.
///
/// # Panics
/// Outside a Lambda sandbox: the runtime reads its variables there.
pub async fn run(runner: Runner, after: impl AsyncFn()) -> Result<(), Error> {
    let (runner, after) = (&runner, &after);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| async move {
        let answer = batch(
            runner,
            &event.payload,
            &Until::most_of(left(&event.context)),
        )
        .await;
        after().await;
        Ok::<_, Error>(answer)
    }))
    .await
}

/// Works on the messages of one invocation; the answer names those that must come again.
async fn batch(runner: &Runner, event: &Event, until: &Until) -> Answer {
    let failures = join_all(event.records.iter().map(|record| async move {
        let receives = record.attributes.approximate_receive_count.parse();
        let delivery = Delivery::new(&record.body, receives.unwrap_or(1));
        let verdict = runner.handle(&delivery, until).await;
        (verdict == Verdict::Again).then(|| Failure {
            item_identifier: record.message_id.clone(),
        })
    }))
    .await;
    Answer {
        batch_item_failures: failures.into_iter().flatten().collect(),
    }
}

/// How long the invocation may still take.
fn left(context: &Context) -> Duration {
    let deadline = UNIX_EPOCH + Duration::from_millis(context.deadline);
    deadline
        .duration_since(SystemTime::now())
        .unwrap_or_default()
}
