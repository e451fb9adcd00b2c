//! How subscriptions come and go, and their endpoints with them.

use jiff::Timestamp;

use super::{Endpoint, EndpointState, MOST_SUBSCRIPTIONS, Subscription};
use crate::{
    Store,
    backoff::Backoff,
    book::{is_deleted, is_subscribed},
    error::StoreError,
    idempotency::{Answer, Claim},
    ids::WriteId,
    item::{n, s},
    keys, outbox,
    table::{Cancelled, Condition, Write},
};

/// What became of a wish to subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// It is there.
    Done,
    /// The book has as many as it may.
    TooMany,
    /// The endpoint is another one than it was: look again.
    Changed,
}

/// Where the actions of a subscription stand.
const BOOK: usize = 0;
const ENDPOINT: usize = 1;
const OWN: usize = 2;

impl Store {
    /// Makes a subscription, and its endpoint what `endpoint` says with one user more. The first one
    /// sets the book's flag. `record` is what a repeat of the request is to get.
    pub async fn subscribe(
        &self,
        subscription: &Subscription,
        endpoint: &mut Endpoint,
        record: Option<(&Claim, Answer)>,
    ) -> Result<Subscribed, StoreError> {
        let now = self.now();
        let book = Condition::of(
            "attribute_exists(rev) AND (attribute_not_exists(subscribed) OR subscribed < :most)",
        )
        .value(":most", n(MOST_SUBSCRIPTIONS))
        .value(":none", n(0))
        .value(":one", n(1));
        let count = "SET subscribed = if_not_exists(subscribed, :none) + :one".to_owned();
        let own = keys::own_subscription(&subscription.owner, subscription.id);
        let of_book = keys::subscription(subscription.book, subscription.id);
        endpoint.uses += 1;
        let mut writes = vec![
            Write::Update(keys::book(subscription.book), count, book),
            endpoint.put(),
            Write::Put(subscription.item(&own), Condition::absent()),
            Write::Put(subscription.item(&of_book), Condition::none()),
            Write::Delete(keys::outbox_endpoint(&endpoint.key), Condition::none()),
        ];
        if subscription.by_day {
            let row = subscription.item(&keys::day_subscription(subscription.id));
            writes.push(Write::Put(row, Condition::none()));
        }
        if let Some((claim, answer)) = record {
            writes.push(claim.finish(&answer, now));
        }
        let mut backoff = Backoff::start();
        loop {
            match self.table.transact(&writes).await {
                Ok(()) => {
                    self.settle_awaited(endpoint).await?;
                    return Ok(Subscribed::Done);
                }
                Err(Cancelled::Refused(refused)) => {
                    let at = |wanted: usize| refused.iter().find(|(at, _)| *at == wanted);
                    // Its identifier is random, so it is our own, after a lost answer.
                    if at(OWN).is_some() {
                        return Ok(Subscribed::Done);
                    }
                    if let Some((_, item)) = at(BOOK) {
                        let live = item.as_ref().is_some_and(|item| !is_deleted(item));
                        return if live {
                            Ok(Subscribed::TooMany)
                        } else {
                            Err(StoreError::BookGone)
                        };
                    }
                    if at(ENDPOINT).is_some() {
                        return Ok(Subscribed::Changed);
                    }
                    return Err(StoreError::LeaseLost);
                }
                Err(Cancelled::Failed(error)) => return Err(error),
                Err(Cancelled::Unknown(error)) => backoff.wait().await.map_err(|_| error)?,
                Err(Cancelled::Contended) => backoff.wait().await?,
            }
        }
    }

    /// Ends a subscription; the last one takes the book's flag away. Gives the endpoint that has no
    /// user left and is to be forgotten, if it is that.
    pub async fn unsubscribe(
        &self,
        subscription: &Subscription,
    ) -> Result<Option<Endpoint>, StoreError> {
        let id = subscription.id;
        let own = keys::own_subscription(&subscription.owner, id);
        let mut backoff = Backoff::start();
        loop {
            let mut writes = vec![
                Write::Delete(own.clone(), Condition::of("attribute_exists(pk)")),
                Write::Delete(keys::subscription(subscription.book, id), Condition::none()),
            ];
            if subscription.by_day {
                let row = keys::day_subscription(id);
                writes.push(Write::Delete(row, Condition::none()));
            }
            writes.extend(self.count_down(subscription).await?);
            let endpoint = self.endpoint(&subscription.endpoint).await?;
            // One that was taken over by somebody else is theirs.
            let mut endpoint = endpoint.filter(|endpoint| endpoint.owner == subscription.owner);
            if let Some(endpoint) = &mut endpoint {
                endpoint.uses = endpoint.uses.saturating_sub(1);
                endpoint.leaving = endpoint.uses == 0;
                if endpoint.leaving {
                    let note = outbox::endpoint_note(&endpoint.key, self.now());
                    writes.push(note);
                }
                writes.push(endpoint.put());
            }
            match self.table.transact(&writes).await {
                Ok(()) => return Ok(endpoint.filter(|endpoint| endpoint.leaving)),
                Err(Cancelled::Refused(refused)) => {
                    if matches!(refused.first(), Some((0, _))) {
                        // It is gone: by somebody else, or by ourselves before a lost answer, and then
                        // the note in the outbox sees to the endpoint.
                        return Ok(None);
                    }
                    backoff.wait().await?;
                }
                Err(Cancelled::Failed(error)) => return Err(error),
                Err(Cancelled::Unknown(error)) => backoff.wait().await.map_err(|_| error)?,
                Err(Cancelled::Contended) => backoff.wait().await?,
            }
        }
    }

    /// The action that counts one subscription of the book less; none for a book that is gone.
    async fn count_down(&self, subscription: &Subscription) -> Result<Option<Write>, StoreError> {
        let key = keys::book(subscription.book);
        let book = self.table.get(&key).await?;
        let Some(book) = book.filter(|book| !is_deleted(book) && is_subscribed(book)) else {
            return Ok(None);
        };
        let last = book.number::<u64>("subscribed")? <= 1;
        let (update, mine) = if last {
            ("REMOVE subscribed", "subscribed = :one")
        } else {
            ("SET subscribed = subscribed - :one", "subscribed > :one")
        };
        let mine = Condition::of(mine).value(":one", n(1));
        Ok(Some(Write::Update(key, update.to_owned(), mine)))
    }

    /// Notes where an endpoint stands now. False where it is not any more what was read.
    pub async fn move_endpoint(
        &self,
        endpoint: &mut Endpoint,
        state: EndpointState,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        endpoint.state = state;
        endpoint.reason = reason.map(str::to_owned);
        endpoint.since = self.now();
        let moved = self.carried_out(&[endpoint.put()], endpoint).await?;
        if moved {
            self.settle_awaited(endpoint).await?;
        }
        Ok(moved)
    }

    /// Notes since when an endpoint cannot be reached, where that is not known yet; without a time, that
    /// it was reached.
    pub async fn note_failing(
        &self,
        endpoint: &str,
        since: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        // Whoever read it before is to look again.
        let stamp = s(WriteId::random().to_string());
        let (update, there) = match since {
            Some(since) => (
                "SET stamp = :stamp, failing = :since",
                Condition::of("attribute_exists(pk) AND attribute_not_exists(failing)")
                    .value(":since", n(since.as_millisecond())),
            ),
            None => (
                "SET stamp = :stamp REMOVE failing",
                Condition::of("attribute_exists(failing)"),
            ),
        };
        let there = there.value(":stamp", stamp);
        let key = keys::endpoint(endpoint);
        self.table
            .write(Write::Update(key, update.to_owned(), there))
            .await
            .map(drop)
    }

    /// A confirmed endpoint awaits nothing: its owner may ask somebody else.
    async fn settle_awaited(&self, endpoint: &Endpoint) -> Result<(), StoreError> {
        if endpoint.state == EndpointState::Confirmed {
            self.give_back(endpoint).await?;
        }
        Ok(())
    }

    /// Ends the wait for an endpoint's confirmation, unless the place is another endpoint's by now.
    async fn give_back(&self, endpoint: &Endpoint) -> Result<(), StoreError> {
        let Some(slot) = endpoint.slot else {
            return Ok(());
        };
        let own = Condition::of("endpoint = :key").value(":key", s(&endpoint.key));
        self.table
            .write(Write::Delete(keys::awaited(&endpoint.owner, slot), own))
            .await
            .map(drop)
    }

    /// Marks an endpoint that nobody uses as leaving, so that nobody begins to. False where it is not
    /// any more what was read.
    pub async fn leave(&self, endpoint: &mut Endpoint) -> Result<bool, StoreError> {
        endpoint.leaving = true;
        let writes = [endpoint.put()];
        self.carried_out(&writes, endpoint).await
    }

    /// Forgets an endpoint that is leaving, once SNS has; with the confirmation that it was to have, if
    /// nobody was asked for one.
    pub async fn forget(&self, endpoint: &Endpoint, unasked: bool) -> Result<(), StoreError> {
        let left = Condition::of("stamp = :stamp").value(":stamp", s(&endpoint.stamp));
        if unasked {
            self.give_back(endpoint).await?;
        }
        let writes = [
            Write::Delete(keys::endpoint(&endpoint.key), left),
            Write::Delete(keys::outbox_endpoint(&endpoint.key), Condition::none()),
        ];
        self.all_or_none(&writes).await.map(drop)
    }

    /// Drops the note that an endpoint is to be looked at: nothing is to be done.
    pub async fn drop_note(&self, endpoint: &str) -> Result<(), StoreError> {
        let key = keys::outbox_endpoint(endpoint);
        self.table
            .write(Write::Delete(key, Condition::none()))
            .await
            .map(drop)
    }
}
