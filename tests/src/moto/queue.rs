//! One queue, and what tests ask of it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use tokio::time::{Instant, interval};

/// How long anything waited for may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A standard queue. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Queue {
    sqs: Client,
    url: String,
    arn: String,
}

/// What is in a queue. A message that is dead by its receive count is still visible until the next
/// receive moves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that a receive would give now.
    pub visible: u64,
    /// Messages received, neither deleted nor visible again.
    pub in_flight: u64,
    /// Messages sent with a delay that is not over.
    pub delayed: u64,
}

impl Counts {
    /// All messages there are.
    #[must_use]
    pub fn total(self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }
}

impl Queue {
    pub(super) async fn create(
        sqs: Client,
        name: &str,
        attributes: impl IntoIterator<Item = (QueueAttributeName, String)>,
    ) -> Result<Self> {
        let mut create = sqs.create_queue().queue_name(name);
        for (name, value) in attributes {
            create = create.attributes(name, value);
        }
        let url = create.send().await?.queue_url;
        Self::at(sqs, url).await
    }

    pub(super) async fn find(sqs: Client, name: &str) -> Result<Self> {
        let url = sqs.get_queue_url().queue_name(name).send().await?.queue_url;
        Self::at(sqs, url).await
    }

    async fn at(sqs: Client, url: Option<String>) -> Result<Self> {
        let mut queue = Self {
            sqs,
            url: url.context("the queue has a URL")?,
            arn: String::new(),
        };
        queue.arn = queue.attribute(QueueAttributeName::QueueArn).await?;
        Ok(queue)
    }

    pub(super) fn dead_name(name: &str) -> String {
        format!("{name}-dead")
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The queue to which its messages go after too many receives.
    #[must_use]
    pub fn dead_letters(&self) -> Self {
        Self {
            sqs: self.sqs.clone(),
            url: Self::dead_name(&self.url),
            arn: Self::dead_name(&self.arn),
        }
    }

    /// Sends a message with this body.
    ///
    /// # Errors
    /// If it is not accepted.
    pub async fn send(&self, body: &str) -> Result<()> {
        let send = self.sqs.send_message().queue_url(&self.url);
        send.message_body(body).send().await?;
        Ok(())
    }

    /// Receives 1 to 10 messages with all their attributes, and waits for the first.
    ///
    /// # Errors
    /// If none comes within 20 seconds.
    pub async fn receive(&self) -> Result<Vec<Message>> {
        let received = self
            .sqs
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .wait_time_seconds(20)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await?;
        match received.messages {
            Some(messages) if !messages.is_empty() => Ok(messages),
            _ => bail!("no message came to {}", self.url),
        }
    }

    /// Deletes a received message.
    ///
    /// # Errors
    /// If it was never received.
    pub async fn delete(&self, message: &Message) -> Result<()> {
        let delete = self.sqs.delete_message().queue_url(&self.url);
        let handle = message.receipt_handle();
        delete
            .set_receipt_handle(handle.map(str::to_owned))
            .send()
            .await?;
        Ok(())
    }

    /// Receives and deletes messages until at least `count` have come.
    ///
    /// # Errors
    /// If for 20 seconds none comes.
    pub async fn take(&self, count: usize) -> Result<Vec<Message>> {
        let mut taken = Vec::new();
        while taken.len() < count {
            for message in self.receive().await? {
                self.delete(&message).await?;
                taken.push(message);
            }
        }
        Ok(taken)
    }

    /// Deletes all messages.
    ///
    /// # Errors
    /// If moto cannot be reached.
    pub async fn purge(&self) -> Result<()> {
        self.sqs.purge_queue().queue_url(&self.url).send().await?;
        Ok(())
    }

    /// What is in it now.
    ///
    /// # Errors
    /// If moto cannot be reached.
    pub async fn counts(&self) -> Result<Counts> {
        let get = self.sqs.get_queue_attributes().queue_url(&self.url);
        let all = get.attribute_names(QueueAttributeName::All).send().await?;
        let count = |name| -> Result<u64> {
            let value = all.attributes().and_then(|all| all.get(&name));
            Ok(value.context("a queue counts its messages")?.parse()?)
        };
        Ok(Counts {
            visible: count(QueueAttributeName::ApproximateNumberOfMessages)?,
            in_flight: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)?,
            delayed: count(QueueAttributeName::ApproximateNumberOfMessagesDelayed)?,
        })
    }

    /// Waits until what is in it fits.
    ///
    /// # Errors
    /// If it does not within 30 seconds.
    pub async fn until(&self, fits: impl Fn(Counts) -> bool) -> Result<Counts> {
        let started = Instant::now();
        let mut tries = interval(Duration::from_millis(20));
        loop {
            tries.tick().await;
            let counts = self.counts().await?;
            if fits(counts) {
                return Ok(counts);
            }
            if started.elapsed() > PATIENCE {
                bail!("{} still has {counts:?}", self.url);
            }
        }
    }

    async fn attribute(&self, name: QueueAttributeName) -> Result<String> {
        let get = self.sqs.get_queue_attributes().queue_url(&self.url);
        let got = get.attribute_names(name.clone()).send().await?;
        let value = got.attributes().and_then(|all| all.get(&name));
        Ok(value.with_context(|| format!("no {name}"))?.clone())
    }
}
