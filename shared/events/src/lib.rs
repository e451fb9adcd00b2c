//! Events: who wants to know what happens in a book, what the messages say, and how they are sent.
//!
//! A write puts what happened into the outbox, in its own transaction (`contacts_store`). [`Events`]
//! makes one message of it for each subscription that asks for it, and sends them through a [`Topic`]:
//! Amazon SNS, or this process itself. `docs/EVENTS.md` tells receivers what to expect.

mod day;
mod deliver;
mod endpoint;
mod error;
mod kind;
mod message;
mod pass;
mod publish;
mod subscribe;
mod sweep;
mod text;
mod topic;
mod turn;

use std::sync::Arc;

use contacts::Contacts;

pub use contacts_store::{EndpointState, MOST_AWAITED, MOST_SUBSCRIPTIONS, SubscriptionId};
pub use endpoint::{Refusal, Resolve, is_public};
pub use error::{Error, Limit, Result};
pub use kind::{Channel, Detail, EventKind};
pub use message::{Anniversary, ContactPart, JobPart, Message};
pub use publish::Published;
pub use subscribe::{NewSubscription, Standing};
pub use sweep::Swept;
pub use topic::{Own, Sns, Topic};

use crate::{pass::Pauses, turn::Turns};

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    contacts: Contacts,
    topic: Topic,
    turns: Arc<Turns>,
    pauses: Arc<Pauses>,
}

impl Events {
    /// The use cases over `contacts`, with messages through `topic`.
    pub fn new(contacts: Contacts, topic: Topic) -> Self {
        Self {
            contacts,
            topic,
            turns: Arc::default(),
            pauses: Arc::default(),
        }
    }
}
