//! The use cases on subscriptions.

use contacts::{BookRef, Recording};
use contacts_store::{
    Backoff, BookId, Endpoint, EndpointState, MOST_AWAITED, RESERVED, Subscribed, Subscription,
    SubscriptionId, digest_text,
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    Channel, Detail, Error, EventKind, Events, Limit, Result, Topic,
    endpoint::Refusal,
    topic::{Seen as SnsSeen, Sns},
};

/// A subscription to be.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// The book.
    pub book: BookRef,
    /// The kinds of events: at least one.
    pub kinds: Vec<EventKind>,
    /// The way.
    pub channel: Channel,
    /// The address, queue or URL.
    pub address: String,
    /// How much the messages say.
    pub detail: Detail,
    /// The name of a time zone of the IANA database.
    pub time_zone: String,
}

/// A subscription and where it stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The subscription.
    pub subscription: Subscription,
    /// Where its endpoint stands.
    pub state: EndpointState,
    /// Why that failed, if it did.
    pub reason: Option<String>,
}

impl Standing {
    fn of(subscription: Subscription, endpoint: Option<&Endpoint>) -> Self {
        let endpoint = endpoint.filter(|endpoint| endpoint.owner == subscription.owner);
        let (state, reason) = match endpoint {
            Some(endpoint) => (endpoint.state, endpoint.reason.clone()),
            None => (EndpointState::Failed, Some(LOST.to_owned())),
        };
        Self {
            subscription,
            state,
            reason,
        }
    }
}

const LOST: &str = "the endpoint is somebody else's by now";
const UNCONFIRMED: &str = "nobody confirmed it in time: delete this subscription and make it again";
const STOPPED: &str =
    "messages were stopped from there: delete this subscription and make it again";

impl Events {
    /// Subscribes the caller. `record` is what a repeat of the request is to get.
    ///
    /// # Errors
    /// The address is none that messages can go to, it is somebody else's, a limit is reached, or SNS
    /// fails. Nothing has changed then.
    pub async fn subscribe(
        &self,
        who: &str,
        new: &NewSubscription,
        record: Option<Recording<'_, Standing>>,
    ) -> Result<Standing> {
        let made = self.try_subscribe(who, new, record).await;
        if made.is_err()
            && let Some((claim, _)) = record
        {
            // The error at hand says more than one of tidying up.
            self.contacts.store().release(claim).await.ok();
        }
        made
    }

    async fn try_subscribe(
        &self,
        who: &str,
        new: &NewSubscription,
        record: Option<Recording<'_, Standing>>,
    ) -> Result<Standing> {
        let book = self.contacts.book(who, new.book).await?;
        let checked = self.topic.check(new.channel, &new.address).await;
        let address = checked.map_err(Error::Endpoint)?;
        let key = endpoint_key(new.channel, &address);
        let subscription = Subscription {
            id: SubscriptionId::random(),
            owner: who.to_owned(),
            book: book.id,
            kinds: new
                .kinds
                .iter()
                .map(|kind| kind.name().to_owned())
                .collect(),
            channel: new.channel.name().to_owned(),
            address,
            detail: new.detail.name().to_owned(),
            time_zone: canonical(&new.time_zone),
            created: Timestamp::from_millisecond(Timestamp::now().as_millisecond())
                .unwrap_or_default(),
            endpoint: key,
            by_day: new.kinds.iter().any(|kind| kind.is_by_day()),
        };
        let mut backoff = Backoff::start();
        loop {
            if let Some(standing) = self.try_once(&subscription, record).await? {
                return Ok(standing);
            }
            backoff.wait().await?;
        }
    }

    /// None where others came in the way.
    async fn try_once(
        &self,
        subscription: &Subscription,
        record: Option<Recording<'_, Standing>>,
    ) -> Result<Option<Standing>> {
        let store = self.contacts.store();
        let (key, who) = (&subscription.endpoint, &subscription.owner);
        let found = store.endpoint(key).await?;
        if let Some(endpoint) = found.as_ref().filter(|endpoint| endpoint.leaving) {
            self.settle(endpoint.clone()).await?;
            return Ok(None);
        }
        let taken = found.as_ref().is_some_and(|endpoint| {
            endpoint.owner != *who && endpoint.state != EndpointState::Failed && endpoint.uses > 0
        });
        if taken {
            return Err(Error::EndpointTaken);
        }
        let usable = found.as_ref().filter(|endpoint| {
            endpoint.owner == *who
                && endpoint.state != EndpointState::Failed
                && endpoint.uses > 0
                && self.topic.reaches(endpoint)
        });
        let (mut endpoint, reserved) = match (usable, &self.topic) {
            (Some(endpoint), _) => (endpoint.clone(), false),
            (None, Topic::Own(_)) => {
                let state = EndpointState::Confirmed;
                (renewed(found, subscription, state), false)
            }
            (None, Topic::Sns(sns)) => {
                let endpoint = renewed(found, subscription, EndpointState::Pending);
                match self.reserve(sns, endpoint).await? {
                    Some(endpoint) => (endpoint, true),
                    None => return Ok(None),
                }
            }
        };
        let standing = Standing::of(subscription.clone(), Some(&endpoint));
        let record = record.map(|(claim, answer)| (claim, answer(&standing)));
        let unused = endpoint.clone();
        match store.subscribe(subscription, &mut endpoint, record).await {
            Ok(Subscribed::Done) => Ok(Some(standing)),
            Ok(Subscribed::Changed) => Ok(None),
            Ok(Subscribed::TooMany) => {
                self.tidy(unused, reserved).await;
                Err(Error::Limit(Limit::Book))
            }
            Err(error) => {
                self.tidy(unused, reserved).await;
                Err(error.into())
            }
        }
    }

    /// Takes the endpoint, and tells SNS of it; none where others came in the way.
    async fn reserve(&self, sns: &Sns, mut endpoint: Endpoint) -> Result<Option<Endpoint>> {
        let slot = self.free_slot(&endpoint.owner, &endpoint.key).await?;
        let store = self.contacts.store();
        if !store.reserve(&mut endpoint, slot).await? {
            return Ok(None);
        }
        match sns.subscribe(&endpoint).await {
            Ok(arn) => {
                // Where SNS does not say, the next look will.
                if matches!(sns.look(&arn).await, Ok(SnsSeen::Confirmed)) {
                    endpoint.state = EndpointState::Confirmed;
                }
                endpoint.arn = Some(arn);
                Ok(Some(endpoint))
            }
            Err(error) => {
                // Where this fails too, the note in the outbox remembers it.
                if endpoint.uses > 0 {
                    let state = EndpointState::Failed;
                    let moved = store.move_endpoint(&mut endpoint, state, Some(UNCONFIRMED));
                    moved.await.ok();
                } else if store.leave(&mut endpoint).await.unwrap_or(false) {
                    store.forget(&endpoint, true).await.ok();
                }
                Err(error)
            }
        }
    }

    /// A confirmation that the caller may have awaited: the endpoint's own, if it has one already.
    async fn free_slot(&self, who: &str, key: &str) -> Result<u8> {
        let store = self.contacts.store();
        let free = |taken: &[(u8, String)]| {
            let own = taken.iter().find(|(_, endpoint)| endpoint == key);
            let is_free = |slot: &u8| taken.iter().all(|(taken, _)| taken != slot);
            own.map(|(slot, _)| *slot)
                .or_else(|| (0..MOST_AWAITED).find(is_free))
        };
        let taken = store.awaited(who).await?;
        if let Some(slot) = free(&taken) {
            return Ok(slot);
        }
        // Some of them may have been confirmed since anybody looked.
        for endpoint in store
            .endpoints(taken.into_iter().map(|(_, endpoint)| endpoint).collect())
            .await?
        {
            self.refresh(endpoint).await.ok();
        }
        free(&store.awaited(who).await?).ok_or(Error::Limit(Limit::Awaited))
    }

    /// Undoes a reservation that came to nothing; what fails here, the sweep does.
    async fn tidy(&self, mut endpoint: Endpoint, reserved: bool) {
        if reserved && endpoint.uses == 0 {
            let left = self.contacts.store().leave(&mut endpoint).await;
            if left.unwrap_or(false) {
                self.settle(endpoint).await.ok();
            }
        }
    }

    /// Makes SNS forget an endpoint that is leaving, and forgets it.
    pub(crate) async fn settle(&self, endpoint: Endpoint) -> Result<()> {
        self.topic.forget(&endpoint).await?;
        Ok(self.contacts.store().forget(&endpoint, false).await?)
    }

    /// Asks SNS where an endpoint stands, and notes it.
    pub(crate) async fn refresh(&self, mut endpoint: Endpoint) -> Result<Endpoint> {
        let Topic::Sns(sns) = &self.topic else {
            return Ok(endpoint);
        };
        let was = endpoint.state;
        let seen = match &endpoint.arn {
            Some(arn) => sns.look(arn).await?,
            // Somebody is about to tell SNS of it.
            None if Timestamp::now() < endpoint.since + RESERVED => return Ok(endpoint),
            // It is a process's without a topic.
            None if was != EndpointState::Pending => return Ok(endpoint),
            // That request broke off.
            None => SnsSeen::Gone,
        };
        let (state, reason) = match (seen, was) {
            (SnsSeen::Pending, _) => (EndpointState::Pending, None),
            (SnsSeen::Confirmed, _) => (EndpointState::Confirmed, None),
            (SnsSeen::Gone, EndpointState::Pending) => (EndpointState::Failed, Some(UNCONFIRMED)),
            (SnsSeen::Gone, _) => (EndpointState::Failed, Some(STOPPED)),
        };
        if state != was {
            // Where somebody else was faster, the next look shows what they saw.
            let store = self.contacts.store();
            store.move_endpoint(&mut endpoint, state, reason).await?;
        }
        Ok(endpoint)
    }

    /// The caller's subscription, as it stands now.
    ///
    /// # Errors
    /// There is none, or the table fails.
    pub async fn subscription(&self, who: &str, id: SubscriptionId) -> Result<Standing> {
        let store = self.contacts.store();
        let found = store.subscription(who, id).await?;
        let subscription = found.ok_or(Error::SubscriptionNotFound)?;
        let endpoint = store.endpoint(&subscription.endpoint).await?;
        let endpoint = match endpoint {
            Some(known) if known.state != EndpointState::Failed => {
                // Without SNS, what is known is said.
                Some(self.refresh(known.clone()).await.unwrap_or(known))
            }
            known => known,
        };
        Ok(Standing::of(subscription, endpoint.as_ref()))
    }

    /// The caller's subscriptions in the order of their identifiers, at most `limit`. SNS is asked for
    /// those that were pending, of which there are few.
    ///
    /// # Errors
    /// The cursor is none of this list, or the table fails.
    pub async fn subscriptions(
        &self,
        who: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Standing>, Option<String>)> {
        let scope = ["subscriptions", who];
        let after = cursor
            .map(|cursor| contacts::cursor::decode(&scope, cursor))
            .transpose()?;
        let after = after
            .map(|id| id.parse().map_err(|_| contacts::Error::InvalidCursor))
            .transpose()?;
        let store = self.contacts.store();
        let mut found = store.subscriptions(who, after, limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more);
        let next = last.map(|last| contacts::cursor::encode(&scope, &last.id.to_string()));
        let keys = found.iter().map(|one| one.endpoint.clone()).collect();
        let endpoints = store.endpoints(keys).await?;
        let mut looked = Vec::with_capacity(endpoints.len());
        for known in endpoints {
            looked.push(if known.state == EndpointState::Pending {
                self.refresh(known.clone()).await.unwrap_or(known)
            } else {
                known
            });
        }
        let standing = found.into_iter().map(|subscription| {
            let endpoint = looked.iter().find(|one| one.key == subscription.endpoint);
            Standing::of(subscription, endpoint)
        });
        Ok((standing.collect(), next))
    }

    /// Ends the caller's subscription. The last one to an endpoint makes SNS forget that.
    ///
    /// # Errors
    /// There is none, or the table fails. Where SNS fails, the sweep tells it later.
    pub async fn unsubscribe(&self, who: &str, id: SubscriptionId) -> Result<()> {
        let found = self.contacts.store().subscription(who, id).await?;
        self.end(&found.ok_or(Error::SubscriptionNotFound)?).await
    }

    pub(crate) async fn end(&self, subscription: &Subscription) -> Result<()> {
        let store = self.contacts.store();
        if let Some(endpoint) = store.unsubscribe(subscription).await?
            && self.settle(endpoint).await.is_err()
        {
            tracing::warn!("an endpoint waits for the sweep to leave SNS");
        }
        Ok(())
    }

    /// Ends all subscriptions to a book that is gone.
    pub(crate) async fn end_all(&self, book: BookId) -> Result<()> {
        for subscription in self.contacts.store().subscriptions_to(book).await? {
            self.end(&subscription).await?;
        }
        Ok(())
    }
}

/// The endpoint at its beginning: what is known of it, if it was the same owner's, with its users.
fn renewed(found: Option<Endpoint>, subscription: &Subscription, state: EndpointState) -> Endpoint {
    let (who, way) = (&subscription.owner, &subscription.channel);
    let fresh = Endpoint::new(
        &subscription.endpoint,
        who,
        way,
        &subscription.address,
        state,
    );
    match found {
        Some(old) => old.begin_again(fresh),
        None => fresh,
    }
}

/// The time zone's name as the database spells it, which knows it in capitals too.
fn canonical(zone: &str) -> String {
    let known = TimeZone::get(zone).ok();
    let known = known.as_ref().and_then(TimeZone::iana_name);
    known.unwrap_or(zone).to_owned()
}

/// By what an endpoint is known: nothing personal, and short enough for a filter policy.
fn endpoint_key(channel: Channel, address: &str) -> String {
    digest_text(&["endpoint", channel.name(), address])
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Endpoint(refusal)
    }
}
