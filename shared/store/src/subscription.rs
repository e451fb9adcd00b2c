//! Subscriptions to a book, and the endpoints that their messages go to.
//!
//! SNS has one subscription for each protocol and address. So an endpoint is a thing of its own, with
//! one owner, and with a state that all subscriptions to it share. Every write to it carries a stamp
//! and is conditional on the stamp before, so that nobody overwrites what they have not seen.

use std::{collections::BTreeSet, fmt};

use jiff::{SignedDuration, Timestamp};

use crate::{
    Store,
    contact::Term,
    error::StoreError,
    ids::{BookId, ContactId, SubscriptionId},
    item::{Item, n, s, time},
    keys::{self, Key},
    outbox,
    table::{Condition, Outcome, Range, Write},
};

mod change;
mod endpoint;

pub use change::Subscribed;
pub use endpoint::{Endpoint, EndpointState};

/// How many subscriptions a book may have: each adds a message to every event.
pub const MOST_SUBSCRIPTIONS: u64 = 50;
/// How many confirmations a principal may have awaited at once.
pub const MOST_AWAITED: u8 = 5;
/// How long a confirmation that was asked for counts as awaited: SNS takes it for two days.
const AWAITED: SignedDuration = SignedDuration::from_hours(48);
/// How long making a subscription may take, from the moment that its endpoint is taken.
pub const RESERVED: SignedDuration = SignedDuration::from_secs(60);

/// Somebody wants to know what happens in a book.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The subscription.
    pub id: SubscriptionId,
    /// Who wants to know.
    pub owner: String,
    /// The book.
    pub book: BookId,
    /// The kinds of events, in words of the domain.
    pub kinds: Vec<String>,
    /// The way: a word of the domain.
    pub channel: String,
    /// The address, queue or URL: personal.
    pub address: String,
    /// How much the messages say: a word of the domain.
    pub detail: String,
    /// The name of a time zone of the IANA database.
    pub time_zone: String,
    /// When it was made; what happened before is not told.
    pub created: Timestamp,
    /// The endpoint, by its key.
    pub endpoint: String,
    /// Whether it has to do with days of the year.
    pub by_day: bool,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscription({} by {})", self.id, self.channel)
    }
}

impl Subscription {
    fn item(&self, key: &Key) -> Item {
        Item::new(key)
            .s("id", self.id.to_string())
            .s("owned_by", &self.owner)
            .s("book", self.book.to_string())
            .l("kinds", self.kinds.iter().cloned())
            .s("channel", &self.channel)
            .s("address", &self.address)
            .s("detail", &self.detail)
            .s("zone", &self.time_zone)
            .n("created", self.created.as_millisecond())
            .s("endpoint", &self.endpoint)
            .n("by_day", u8::from(self.by_day))
    }

    fn read(item: &Item) -> Result<Self, StoreError> {
        let kinds = item.texts("kinds")?.into_iter().map(str::to_owned);
        Ok(Self {
            id: item
                .text("id")?
                .parse()
                .map_err(|_| StoreError::Damaged("id"))?,
            owner: item.text("owned_by")?.to_owned(),
            book: item
                .text("book")?
                .parse()
                .map_err(|_| StoreError::Damaged("book"))?,
            kinds: kinds.collect(),
            channel: item.text("channel")?.to_owned(),
            address: item.text("address")?.to_owned(),
            detail: item.text("detail")?.to_owned(),
            time_zone: item.text("zone")?.to_owned(),
            created: time(item, "created")?,
            endpoint: item.text("endpoint")?.to_owned(),
            by_day: item.number::<u8>("by_day")? == 1,
        })
    }
}

impl Store {
    /// A subscription of `who`, or none.
    pub async fn subscription(
        &self,
        who: &str,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        let item = self.table.get(&keys::own_subscription(who, id)).await?;
        item.map(|item| Subscription::read(&item)).transpose()
    }

    /// The subscriptions of `who` in the order of their identifiers, after `after`, at most `limit`.
    pub async fn subscriptions(
        &self,
        who: &str,
        after: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<Subscription>, StoreError> {
        let after = after.map(|id| keys::own_subscription(who, id).sk);
        let range = Range::new(keys::principal(who), limit)
            .prefix(keys::OWN_SUBSCRIPTION)
            .after(after.as_deref());
        let rows = self.table.query(range).await?;
        rows.iter().map(Subscription::read).collect()
    }

    /// All subscriptions to a book.
    pub async fn subscriptions_to(&self, book: BookId) -> Result<Vec<Subscription>, StoreError> {
        let most = usize::try_from(MOST_SUBSCRIPTIONS).unwrap_or(usize::MAX);
        let range = Range::new(keys::subscriptions(book), 2 * most);
        let rows = self.table.query(range).await?;
        rows.iter().map(Subscription::read).collect()
    }

    /// All subscriptions that have to do with days of the year, and the last day that each was told of.
    pub async fn subscriptions_by_day(
        &self,
    ) -> Result<Vec<(Subscription, Option<String>)>, StoreError> {
        let rows = self
            .table
            .query(Range::new(keys::DAYS.to_owned(), usize::MAX))
            .await?;
        rows.iter()
            .map(|row| {
                let told = row.opt_text("told")?.map(str::to_owned);
                Ok((Subscription::read(row)?, told))
            })
            .collect()
    }

    /// Notes that a subscription was told of a day.
    pub async fn note_day(&self, id: SubscriptionId, day: &str) -> Result<(), StoreError> {
        let there = Condition::of("attribute_exists(pk)").value(":day", s(day));
        let update = "SET told = :day".to_owned();
        self.table
            .write(Write::Update(keys::day_subscription(id), update, there))
            .await
            .map(drop)
    }

    /// The contacts of a book that celebrate something on this day of the year, such as `02-29`, and
    /// what.
    pub async fn days(
        &self,
        book: BookId,
        day: &str,
    ) -> Result<Vec<(ContactId, String)>, StoreError> {
        let prefix = keys::day_prefix(day);
        let range = Range::new(keys::days(book), usize::MAX).prefix(&prefix);
        let rows = self.table.query(range).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let sk = row.text("sk")?;
            let kind = sk.strip_prefix(&prefix);
            let kind = kind.and_then(|rest| Some(rest.rsplit_once(keys::SEPARATOR)?.0));
            let id = keys::contact_of(sk).ok_or(StoreError::Damaged("sk"))?;
            found.push((id, kind.ok_or(StoreError::Damaged("sk"))?.to_owned()));
        }
        // Rows are hints: the heads know.
        let ids: BTreeSet<ContactId> = found.iter().map(|(id, _)| *id).collect();
        let heads = self.heads(book, ids).await?;
        found.retain(|(id, kind)| {
            let (day, kind) = (day.to_owned(), kind.clone());
            let term = Term::Day { day, kind };
            heads.get(id).is_some_and(|head| head.terms.contains(&term))
        });
        Ok(found)
    }

    /// The endpoint with this key, or none.
    pub async fn endpoint(&self, key: &str) -> Result<Option<Endpoint>, StoreError> {
        let item = self.table.get(&keys::endpoint(key)).await?;
        item.map(|item| Endpoint::read(&item)).transpose()
    }

    /// The endpoints that exist among these keys.
    pub async fn endpoints(&self, keys: BTreeSet<String>) -> Result<Vec<Endpoint>, StoreError> {
        let keys: Vec<Key> = keys.iter().map(|key| keys::endpoint(key)).collect();
        let items = self.table.batch_get(keys).await?;
        items.iter().map(Endpoint::read).collect()
    }

    /// The confirmations that `who` has awaited: which of them are taken, and for which endpoint.
    pub async fn awaited(&self, who: &str) -> Result<Vec<(u8, String)>, StoreError> {
        let range = Range::new(keys::principal(who), usize::from(MOST_AWAITED));
        let rows = self.table.query(range.prefix(keys::AWAITED)).await?;
        let now = self.now();
        let live = rows.iter().filter(|row| !row.expired(now));
        live.map(|row| {
            let slot = row.text("sk")?.strip_prefix(keys::AWAITED);
            let slot = slot.and_then(|slot| slot.parse().ok());
            let endpoint = row.text("endpoint")?.to_owned();
            Ok((slot.ok_or(StoreError::Damaged("sk"))?, endpoint))
        })
        .collect()
    }

    /// Takes the endpoint for its owner before SNS hears of it, with one of the owner's confirmations,
    /// and a note in the outbox in case that this process dies halfway. False where somebody else was
    /// faster, at the endpoint or at the confirmation.
    pub async fn reserve(&self, endpoint: &mut Endpoint, slot: u8) -> Result<bool, StoreError> {
        let now = self.now();
        endpoint.slot = Some(slot);
        endpoint.since = now;
        let free = "attribute_not_exists(pk) OR expires_at <= :now OR endpoint = :endpoint";
        let free = Condition::of(free)
            .value(":now", n(now.as_second()))
            .value(":endpoint", s(&endpoint.key));
        let row = Item::new(&keys::awaited(&endpoint.owner, slot))
            .s("endpoint", &endpoint.key)
            .n("expires_at", (now + AWAITED).as_second());
        let writes = [
            endpoint.put(),
            Write::Put(row, free),
            // Nobody looks at it while SNS may still be asked.
            outbox::endpoint_note(&endpoint.key, now + RESERVED),
        ];
        self.carried_out(&writes, endpoint).await
    }

    /// Whether a transaction happened whose first action puts the endpoint.
    async fn carried_out(&self, writes: &[Write], endpoint: &Endpoint) -> Result<bool, StoreError> {
        Ok(match self.all_or_none(writes).await? {
            Outcome::Done => true,
            // After a lost answer it is our own stamp that stands there.
            Outcome::Refused(Some(item)) => {
                item.opt_text("stamp")? == Some(endpoint.stamp.as_str())
            }
            Outcome::Refused(None) => false,
        })
    }
}
