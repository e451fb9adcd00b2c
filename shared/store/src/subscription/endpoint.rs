//! Where messages go.

use std::fmt;

use jiff::Timestamp;

use crate::{
    error::StoreError,
    ids::WriteId,
    item::{Item, s, time},
    keys,
    table::{Condition, Write},
};

/// Where an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointState {
    /// Whoever is there has not yet said that they want messages.
    Pending,
    /// Messages go there.
    Confirmed,
    /// No more messages go there.
    Failed,
}

impl EndpointState {
    const ALL: [Self; 3] = [Self::Pending, Self::Confirmed, Self::Failed];

    /// As the API and the table write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Failed => "failed",
        }
    }
}

/// Where messages go.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// By what it is known: a digest of channel and address.
    pub key: String,
    /// Whose subscriptions may use it.
    pub owner: String,
    /// The way: a word of the domain.
    pub channel: String,
    /// The address, queue or URL: personal.
    pub address: String,
    /// How many subscriptions use it.
    pub uses: u64,
    /// Its subscription in SNS, once there is one.
    pub arn: Option<String>,
    /// Where it stands.
    pub state: EndpointState,
    /// Why it failed, if it did.
    pub reason: Option<String>,
    /// Since when it stands there.
    pub since: Timestamp,
    /// Which of its owner's awaited confirmations is its own, as long as it is pending.
    pub slot: Option<u8>,
    /// Since when it cannot be reached, if it cannot.
    pub failing: Option<Timestamp>,
    /// Its last user has gone, and SNS is to forget it.
    pub leaving: bool,
    pub(super) stamp: String,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.name();
        write!(f, "Endpoint({} {state}, {} uses)", self.channel, self.uses)
    }
}

impl Endpoint {
    /// One that the table does not have.
    pub fn new(key: &str, owner: &str, channel: &str, address: &str, state: EndpointState) -> Self {
        Self {
            key: key.to_owned(),
            owner: owner.to_owned(),
            channel: channel.to_owned(),
            address: address.to_owned(),
            uses: 0,
            arn: None,
            state,
            reason: None,
            since: Timestamp::UNIX_EPOCH,
            slot: None,
            failing: None,
            leaving: false,
            stamp: String::new(),
        }
    }

    /// What it becomes where it begins anew as `fresh`: in the place of what it was, with the users that
    /// it has if the owner is the same.
    #[must_use]
    pub fn begin_again(self, fresh: Self) -> Self {
        Self {
            uses: if self.owner == fresh.owner {
                self.uses
            } else {
                0
            },
            stamp: self.stamp,
            ..fresh
        }
    }

    /// Puts it where it still is as it was read, or where there is none if it was not read.
    pub(super) fn put(&mut self) -> Write {
        let before = if self.stamp.is_empty() {
            Condition::absent()
        } else {
            Condition::of("stamp = :stamp").value(":stamp", s(&self.stamp))
        };
        self.stamp = WriteId::random().to_string();
        Write::Put(self.item(), before)
    }

    fn item(&self) -> Item {
        let mut item = Item::new(&keys::endpoint(&self.key))
            .s("owned_by", &self.owner)
            .s("channel", &self.channel)
            .s("address", &self.address)
            .n("uses", self.uses)
            .opt_s("arn", self.arn.as_deref())
            .s("standing", self.state.name())
            .opt_s("reason", self.reason.as_deref())
            .n("since", self.since.as_millisecond())
            .s("stamp", &self.stamp);
        if let Some(slot) = self.slot {
            item = item.n("slot", slot);
        }
        if let Some(failing) = self.failing {
            item = item.n("failing", failing.as_millisecond());
        }
        if self.leaving {
            item = item.n("leaving", 1);
        }
        item
    }

    pub(super) fn read(item: &Item) -> Result<Self, StoreError> {
        let state = item.text("standing")?;
        let key = item.text("pk")?.strip_prefix("E#");
        Ok(Self {
            key: key.ok_or(StoreError::Damaged("pk"))?.to_owned(),
            owner: item.text("owned_by")?.to_owned(),
            channel: item.text("channel")?.to_owned(),
            address: item.text("address")?.to_owned(),
            uses: item.number("uses")?,
            arn: item.opt_text("arn")?.map(str::to_owned),
            state: EndpointState::ALL
                .into_iter()
                .find(|known| known.name() == state)
                .ok_or(StoreError::Damaged("standing"))?,
            reason: item.opt_text("reason")?.map(str::to_owned),
            since: time(item, "since")?,
            slot: item.has("slot").then(|| item.number("slot")).transpose()?,
            failing: item
                .has("failing")
                .then(|| time(item, "failing"))
                .transpose()?,
            leaving: item.has("leaving"),
            stamp: item.text("stamp")?.to_owned(),
        })
    }
}
