//! A standard topic of Amazon SNS. It has one subscription for each endpoint, with a filter policy on
//! the endpoint's key, so that a message reaches the endpoint it is for and no other.

use std::{fmt, time::Duration};

use aws_config::{SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sns::{
    Client, config,
    error::{ProvideErrorMetadata, SdkError},
    operation::subscribe::SubscribeError,
    types::{MessageAttributeValue, PublishBatchRequestEntry},
};
use contacts_store::Endpoint;
use contacts_telemetry::traces::{self, Carrier};
use futures::StreamExt;
use serde_json::json;
use tracing::Instrument as _;

use super::{Fate, Letter};
use crate::{
    Channel, Error, Limit, Result,
    endpoint::{Resolve, lookup},
    pass::Pass,
    text,
};

/// For one call with its repeats.
const CALL: Duration = Duration::from_secs(8);
const ATTEMPT: Duration = Duration::from_secs(3);
/// The most messages, and bytes, that one `PublishBatch` takes (Amazon SNS API Reference).
const BATCH: usize = 10;
const BATCH_BYTES: usize = 250_000;
/// How much longer than a pass its last batches may take.
const GRACE: Duration = Duration::from_secs(5);
/// How many batches are under way at once.
const PARALLEL: usize = 4;
const SILENT: &str = "SNS did not take the messages";
/// By what endpoints are told apart; the others are for whoever receives from a queue.
const ENDPOINT: &str = "endpoint";

/// A topic.
#[derive(Clone)]
pub struct Sns {
    client: Client,
    /// Its ARN.
    topic: String,
    resolve: Resolve,
}

impl fmt::Debug for Sns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sns({})", self.topic)
    }
}

/// What SNS knows of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It awaits its confirmation.
    Pending,
    /// It gets messages.
    Confirmed,
    /// SNS does not know it (any more).
    Gone,
}

impl Sns {
    /// The standard topic with this ARN, reached as `sdk` says.
    #[must_use]
    pub fn new(sdk: &SdkConfig, topic: &str) -> Self {
        Self::with_resolver(sdk, topic, lookup())
    }

    /// The same with names from elsewhere.
    #[must_use]
    pub fn with_resolver(sdk: &SdkConfig, topic: &str, resolve: Resolve) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(CALL)
            .build();
        let config = config::Builder::from(sdk)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(4))
            .build();
        Self {
            client: Client::from_conf(config),
            topic: topic.to_owned(),
            resolve,
        }
    }

    pub(super) fn partition(&self) -> &str {
        self.topic.split(':').nth(1).unwrap_or_default()
    }

    /// Whether the subscription with this ARN is one to this topic.
    pub(super) fn is_of(&self, arn: &str) -> bool {
        let rest = arn.strip_prefix(&self.topic);
        rest.is_some_and(|rest| rest.starts_with(':'))
    }

    pub(super) fn resolve(&self) -> &Resolve {
        &self.resolve
    }

    /// Makes SNS send what is for the endpoint there, once whoever is there has confirmed. Doing it
    /// again gives the same subscription.
    pub(crate) async fn subscribe(&self, endpoint: &Endpoint) -> Result<String> {
        let filter = json!({ENDPOINT: [endpoint.key]});
        let mut subscribe = self
            .client
            .subscribe()
            .topic_arn(&self.topic)
            .protocol(&endpoint.channel)
            .endpoint(&endpoint.address)
            .return_subscription_arn(true)
            .attributes("FilterPolicy", filter.to_string());
        if endpoint.channel == Channel::Sqs.name() {
            // A queue's reader gets the message as it is. A URL gets it in SNS's envelope, because that
            // is signed.
            subscribe = subscribe.attributes("RawMessageDelivery", "true");
        }
        let done = subscribe.send().await.map_err(|error| refused(&error))?;
        done.subscription_arn.ok_or(Error::Sns)
    }

    /// What SNS knows of the subscription with this ARN.
    pub(crate) async fn look(&self, arn: &str) -> Result<Seen> {
        let get = self.client.get_subscription_attributes();
        match get.subscription_arn(arn).send().await {
            Ok(answer) => {
                let pending = answer
                    .attributes()
                    .and_then(|all| all.get("PendingConfirmation"));
                let pending = pending.is_some_and(|pending| pending == "true");
                Ok(if pending {
                    Seen::Pending
                } else {
                    Seen::Confirmed
                })
            }
            Err(error) if error.code() == Some("NotFound") => Ok(Seen::Gone),
            Err(error) => {
                warn("GetSubscriptionAttributes", &error);
                Err(Error::Sns)
            }
        }
    }

    /// Makes SNS forget an endpoint. One that is not confirmed cannot be forgotten, and SNS drops it by
    /// itself.
    pub(super) async fn forget(&self, endpoint: &Endpoint) -> Result<()> {
        let arn = match &endpoint.arn {
            Some(arn) => Some(arn.clone()),
            // This process or another died before it could note the ARN.
            None => self.find(endpoint).await?,
        };
        let Some(arn) = arn else {
            return Ok(());
        };
        let unsubscribe = self.client.unsubscribe().subscription_arn(arn);
        match unsubscribe.send().await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some("NotFound" | "InvalidParameter")) => Ok(()),
            Err(error) => {
                warn("Unsubscribe", &error);
                Err(Error::Sns)
            }
        }
    }

    /// The ARN of the endpoint's subscription, if it has one that is confirmed.
    async fn find(&self, endpoint: &Endpoint) -> Result<Option<String>> {
        let mut next = None;
        loop {
            let list = self.client.list_subscriptions_by_topic();
            let list = list.topic_arn(&self.topic).set_next_token(next);
            let page = list.send().await.map_err(|error| {
                warn("ListSubscriptionsByTopic", &error);
                Error::Sns
            })?;
            let found = page.subscriptions().iter().find(|one| {
                one.protocol() == Some(&endpoint.channel)
                    && one.endpoint() == Some(&endpoint.address)
            });
            if let Some(found) = found {
                let arn = found.subscription_arn().unwrap_or_default();
                return Ok(arn.starts_with("arn:").then(|| arn.to_owned()));
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(None);
            }
        }
    }

    pub(super) async fn send(&self, pass: &Pass<'_>, letters: &[&Letter]) -> Vec<Fate> {
        let batches = futures::stream::iter(batches(letters).into_iter().map(|batch| async move {
            let fates = if pass.is_over() {
                vec![Fate::Held; batch.len()]
            } else {
                let sent = self.send_batch(&batch);
                let sent = tokio::time::timeout_at(pass.until() + GRACE, sent).await;
                sent.unwrap_or_else(|_| vec![Fate::Later(SILENT); batch.len()])
            };
            batch
                .into_iter()
                .map(|(at, _)| at)
                .zip(fates)
                .collect::<Vec<_>>()
        }));
        let mut fates: Vec<_> = batches.buffer_unordered(PARALLEL).concat().await;
        fates.sort_unstable_by_key(|(at, _)| *at);
        fates.into_iter().map(|(_, fate)| fate).collect()
    }

    async fn send_batch(&self, batch: &[(usize, Option<PublishBatchRequestEntry>)]) -> Vec<Fate> {
        let entries: Vec<_> = batch
            .iter()
            .filter_map(|(_, entry)| entry.clone())
            .collect();
        let name = self.topic.rsplit(':').next().unwrap_or_default();
        let traced = traces::send(Carrier::Sns, name);
        let publish = self.client.publish_batch().topic_arn(&self.topic);
        let publish = publish.set_publish_batch_request_entries(Some(entries));
        let answer = publish.send().instrument(traced.clone()).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                traces::failed(&traced);
                warn("PublishBatch", &error);
                return vec![Fate::Later(SILENT); batch.len()];
            }
        };
        batch
            .iter()
            .map(|(at, entry)| {
                let id = at.to_string();
                let failed = answer.failed().iter().find(|failed| failed.id() == id);
                if entry.is_none() || failed.is_some_and(|failed| failed.sender_fault()) {
                    Fate::Never("SNS does not take such a message")
                } else if answer
                    .successful()
                    .iter()
                    .any(|done| done.id() == Some(&id))
                {
                    Fate::Sent
                } else {
                    Fate::Later("SNS did not take the message")
                }
            })
            .collect()
    }
}

/// The messages in batches that SNS takes, each with its place.
fn batches(letters: &[&Letter]) -> Vec<Vec<(usize, Option<PublishBatchRequestEntry>)>> {
    let mut batches: Vec<Vec<_>> = Vec::new();
    let mut bytes = 0;
    for (at, letter) in letters.iter().enumerate() {
        let entry = entry(at, letter);
        // Names of attributes and the like count too.
        let size = entry
            .as_ref()
            .map_or(0, |entry| entry.message().len() + 1_000);
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH && bytes + size <= BATCH_BYTES => {
                bytes += size;
                batch.push((at, entry));
            }
            _ => {
                bytes = size;
                batches.push(vec![(at, entry)]);
            }
        }
    }
    batches
}

fn entry(at: usize, letter: &Letter) -> Option<PublishBatchRequestEntry> {
    let message = &letter.message;
    let mut entry = PublishBatchRequestEntry::builder().id(at.to_string());
    for (name, value) in [
        (ENDPOINT, letter.endpoint.as_str()),
        ("subscription", &message.subscription),
        ("kind", message.kind.name()),
        ("book", &message.book),
    ] {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value)
            .build();
        entry = entry.message_attributes(name, value.ok()?);
    }
    let entry = match letter.channel {
        Channel::Email => {
            let body = text::body(message, letter.at, &letter.zone);
            let structure = json!({"default": body, "email": body});
            entry
                .message_structure("json")
                .message(structure.to_string())
                .subject(text::subject(message))
        }
        Channel::Sqs | Channel::Https => entry.message(message.json()),
    };
    entry.build().ok()
}

fn refused(error: &SdkError<SubscribeError>) -> Error {
    match error.as_service_error() {
        Some(SubscribeError::FilterPolicyLimitExceededException(_))
        | Some(SubscribeError::SubscriptionLimitExceededException(_)) => Error::Limit(Limit::Topic),
        _ => {
            warn("Subscribe", error);
            Error::Sns
        }
    }
}

/// Says in the log what failed. SNS repeats addresses in its messages, so only the code is said.
fn warn<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) {
    let kind = match error {
        SdkError::ConstructionFailure(_) => "construction",
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(_) => "unreachable",
        SdkError::ResponseError(_) => "unreadable answer",
        _ => "refused",
    };
    let code = error.code().unwrap_or_default();
    tracing::warn!(operation, kind, code, "SNS failed");
}
