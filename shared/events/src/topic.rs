//! How messages leave: through a topic of Amazon SNS, or from this process itself.

mod own;
mod sns;

use aws_config::SdkConfig;
use contacts_store::{Endpoint, EndpointState};
use jiff::Timestamp;

use crate::{
    Channel, Error, Message, Result,
    endpoint::{Refusal, Target, normal},
    pass::Pass,
};

pub use own::Own;
pub(crate) use sns::Seen;
pub use sns::Sns;

/// The way out.
#[derive(Debug, Clone)]
pub enum Topic {
    /// Amazon SNS.
    Sns(Sns),
    /// This process.
    Own(Own),
}

/// A message on its way.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) channel: Channel,
    /// The URL, for a process that sends itself.
    pub(crate) address: String,
    /// The endpoint's key.
    pub(crate) endpoint: String,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// Where the reader is.
    pub(crate) zone: jiff::tz::TimeZone,
    pub(crate) message: Message,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is where it can be fetched, or on its way by the hands of SNS.
    Sent,
    /// It was tried, and is to be tried again.
    Later(&'static str),
    /// It was not tried.
    Held,
    /// It never can be sent, or its endpoint says that it wants no more.
    Never(&'static str),
}

impl Fate {
    /// Whether there is to be another try.
    pub(crate) const fn waits(self) -> bool {
        matches!(self, Self::Later(_) | Self::Held)
    }
}

impl Topic {
    /// The topic of Amazon SNS with this ARN, reached as `sdk` says; without one, this process, which
    /// calls no address of this machine or of a private network.
    #[must_use]
    pub fn new(sdk: &SdkConfig, arn: Option<&str>) -> Self {
        match arn {
            Some(arn) => Self::Sns(Sns::new(sdk, arn)),
            None => Self::Own(Own::new(false)),
        }
    }

    /// The address as it is kept, if messages may go there.
    pub(crate) async fn check(
        &self,
        channel: Channel,
        text: &str,
    ) -> std::result::Result<String, Refusal> {
        let (partition, loopback, resolve) = match self {
            Self::Sns(sns) => (Some(sns.partition()), false, sns.resolve()),
            Self::Own(own) => (None, own.loopback(), own.resolve()),
        };
        let address = normal(channel, text, partition, loopback)?;
        if channel == Channel::Https {
            Target::parse(&address, loopback)?.check(resolve).await?;
        }
        Ok(address)
    }

    /// Whether messages reach the endpoint this way. It does not where the endpoint was subscribed by a
    /// process with another topic, or with none where this one has one.
    pub(crate) fn reaches(&self, endpoint: &Endpoint) -> bool {
        match self {
            Self::Sns(sns) => endpoint.arn.as_deref().is_some_and(|arn| sns.is_of(arn)),
            Self::Own(_) => {
                endpoint.channel == Channel::Https.name()
                    && endpoint.arn.is_none()
                    && endpoint.state == EndpointState::Confirmed
            }
        }
    }

    /// How many rows of the outbox are sent together, where it matters: SNS takes several messages in
    /// one call, and a URL does not.
    pub(crate) const fn rows(&self) -> Option<usize> {
        match self {
            Self::Sns(_) => None,
            Self::Own(_) => Some(1),
        }
    }

    /// Sends the messages, and says of each what became of it.
    pub(crate) async fn send(&self, pass: &Pass<'_>, letters: &[&Letter]) -> Vec<Fate> {
        match self {
            Self::Sns(sns) => sns.send(pass, letters).await,
            Self::Own(own) => own.send(pass, letters).await,
        }
    }

    /// Makes the topic forget an endpoint.
    pub(crate) async fn forget(&self, endpoint: &Endpoint) -> Result<()> {
        match self {
            Self::Sns(sns) => sns.forget(endpoint).await.map_err(|_| Error::Sns),
            Self::Own(_) => Ok(()),
        }
    }
}
