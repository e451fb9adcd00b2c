//! Amazon SQS, a standard queue with a dead-letter queue behind it.

use std::time::Duration;

use aws_config::{SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sqs::{
    Client, config,
    types::{MessageSystemAttributeName, QueueAttributeName},
};

use super::{Delivery, QueueError};
use crate::Message;

/// How long a receive waits for a message. SQS offers 20 s ("Amazon SQS short and long polling"), but a
/// process that stops has to wait for its receive, or a message on its way would be away for nothing.
const WAIT: Duration = Duration::from_secs(5);
/// For calls that somebody waits for.
const CALL: Duration = Duration::from_secs(3);

/// A queue in SQS.
#[derive(Debug, Clone)]
pub struct Sqs {
    client: Client,
    url: String,
}

impl Sqs {
    /// The queue at `url`, reached as `sdk` says.
    pub fn new(sdk: &SdkConfig, url: impl Into<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_timeout(CALL)
            .build();
        let config = config::Builder::from(sdk)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .build();
        Self {
            client: Client::from_conf(config),
            url: url.into(),
        }
    }

    /// The queue's name, which is where its URL ends.
    pub(super) fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    pub(super) async fn send(&self, body: &str) -> Result<(), QueueError> {
        let send = self.client.send_message().queue_url(&self.url);
        let sent = send.message_body(body).send().await;
        sent.map(drop)
            .map_err(|error| QueueError::new("SendMessage", error))
    }

    pub(super) async fn receive(&self, most: usize) -> Result<Vec<Delivery>, QueueError> {
        let patience = TimeoutConfig::builder()
            .operation_timeout(WAIT + CALL)
            .build();
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(most.clamp(1, 10)).unwrap_or(10))
            .wait_time_seconds(i32::try_from(WAIT.as_secs()).unwrap_or(5))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .customize()
            .config_override(config::Builder::new().timeout_config(patience))
            .send()
            .await
            .map_err(|error| QueueError::new("ReceiveMessage", error))?;
        let messages = received.messages.unwrap_or_default();
        let deliveries = messages.into_iter().filter_map(|message| {
            let count = message
                .attributes()
                .and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount));
            Some(Delivery {
                message: Message::read(message.body().unwrap_or_default()),
                receives: count.and_then(|count| count.parse().ok()).unwrap_or(1),
                handle: message.receipt_handle?,
            })
        });
        Ok(deliveries.collect())
    }

    pub(super) async fn delete(&self, handle: &str) -> Result<(), QueueError> {
        let delete = self.client.delete_message().queue_url(&self.url);
        let deleted = delete.receipt_handle(handle).send().await;
        deleted
            .map(drop)
            .map_err(|error| QueueError::new("DeleteMessage", error))
    }

    pub(super) async fn hold(&self, handle: &str, time: Duration) -> Result<(), QueueError> {
        let change = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(handle)
            .visibility_timeout(i32::try_from(time.as_secs()).unwrap_or(i32::MAX));
        let changed = change.send().await;
        changed
            .map(drop)
            .map_err(|error| QueueError::new("ChangeMessageVisibility", error))
    }

    pub(super) async fn visibility(&self) -> Result<Duration, QueueError> {
        let value = self
            .attribute(QueueAttributeName::VisibilityTimeout)
            .await?;
        let seconds = value.and_then(|value| value.parse().ok()).unwrap_or(30);
        Ok(Duration::from_secs(seconds))
    }

    pub(super) async fn redrive(&self) -> Result<usize, QueueError> {
        let policy = self.attribute(QueueAttributeName::RedrivePolicy).await?;
        let policy = policy.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        let arn = policy
            .as_ref()
            .and_then(|policy| policy["deadLetterTargetArn"].as_str());
        let name = arn.and_then(|arn| arn.rsplit(':').next()).ok_or_else(|| {
            QueueError::new("GetQueueAttributes", "the queue has no dead-letter queue")
        })?;
        let dead = self.client.get_queue_url().queue_name(name).send().await;
        let dead = dead.map_err(|error| QueueError::new("GetQueueUrl", error))?;
        let dead = Self {
            client: self.client.clone(),
            url: dead.queue_url.unwrap_or_default(),
        };
        let mut moved = 0;
        loop {
            let received = dead
                .client
                .receive_message()
                .queue_url(&dead.url)
                .max_number_of_messages(10)
                // Without a wait, SQS looks at some of its servers only, and may see nothing.
                .wait_time_seconds(1)
                .send()
                .await
                .map_err(|error| QueueError::new("ReceiveMessage", error))?;
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(moved);
            }
            for message in messages {
                let body = message.body().unwrap_or_default();
                self.send(&Message::brought_back(body)).await?;
                dead.delete(message.receipt_handle().unwrap_or_default())
                    .await?;
                moved += 1;
            }
        }
    }

    async fn attribute(&self, name: QueueAttributeName) -> Result<Option<String>, QueueError> {
        let get = self.client.get_queue_attributes().queue_url(&self.url);
        let got = get.attribute_names(name.clone()).send().await;
        let got = got.map_err(|error| QueueError::new("GetQueueAttributes", error))?;
        Ok(got.attributes.and_then(|mut all| all.remove(&name)))
    }
}
