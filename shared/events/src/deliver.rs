//! From what happened to messages: who is told what.

use std::collections::{BTreeMap, BTreeSet};

use contacts::Summary;
use contacts_store::{
    BookId, ContactId, Endpoint, EndpointState, EventId, Happened, JobState, Store, StoreError,
    Subscription, Told, Unsent,
};
use jiff::tz::TimeZone;

use crate::{
    Channel, Detail, EventKind, Events, Topic,
    message::{About, Event},
    topic::{Fate, Letter},
};

/// The events that a row of the outbox tells of. Their identifiers follow from what happened alone, so
/// that they are the same each time.
pub(crate) fn events(row: &Unsent) -> Vec<Event> {
    let book = row.book.to_string();
    let event = |sequence, kind, about, what: &[&str]| {
        let parts: Vec<&str> = ["event", &book]
            .into_iter()
            .chain(what.iter().copied())
            .collect();
        Event {
            id: EventId::derived(&parts),
            sequence,
            kind,
            at: row.at,
            book: row.book,
            about,
        }
    };
    match &row.told {
        Told::Contacts(touched) => {
            let events = touched.iter().map(|one| {
                let (kind, revision) = match one.happened {
                    Happened::Created => (EventKind::ContactCreated, Some(one.revision)),
                    Happened::Changed => (EventKind::ContactChanged, Some(one.revision)),
                    Happened::Deleted => (EventKind::ContactDeleted, None),
                };
                let about = About::Contact(one.id, revision, None);
                event(one.seq, kind, about, &["contact", &one.seq.to_string()])
            });
            events.collect()
        }
        Told::Renamed(revision, name) => vec![event(
            row.sequence,
            EventKind::BookRenamed,
            About::Name(name.clone()),
            &["renamed", &revision.to_string()],
        )],
        Told::BookDeleted => vec![event(
            row.sequence,
            EventKind::BookDeleted,
            About::Book,
            &["deleted"],
        )],
        Told::JobEnded(job, kind, state) => {
            let how = match state {
                JobState::Failed => EventKind::JobFailed,
                JobState::Cancelled => EventKind::JobCancelled,
                _ => EventKind::JobSucceeded,
            };
            let which = format!("{job}/{how}/{}", row.at.as_millisecond());
            let about = About::Job(*job, kind.clone());
            vec![event(row.sequence, how, about, &["job", &which])]
        }
    }
}

/// Who listens to a book, ready to be told.
pub(crate) struct Audience {
    listeners: Vec<Listener>,
    endpoints: BTreeMap<String, Endpoint>,
}

pub(crate) struct Listener {
    pub(crate) subscription: Subscription,
    kinds: BTreeSet<EventKind>,
    channel: Channel,
    names: bool,
    zone: TimeZone,
}

impl Listener {
    fn of(subscription: Subscription) -> Option<Self> {
        let kinds = subscription.kinds.iter();
        Some(Self {
            kinds: kinds.filter_map(|kind| EventKind::named(kind)).collect(),
            channel: Channel::named(&subscription.channel)?,
            names: subscription.detail == Detail::Name.name(),
            zone: TimeZone::get(&subscription.time_zone).unwrap_or(TimeZone::UTC),
            subscription,
        })
    }

    pub(crate) fn wants(&self, event: &Event) -> bool {
        self.kinds.contains(&event.kind) && self.subscription.created <= event.at
    }
}

impl Audience {
    /// Those of `subscriptions` that messages go to.
    pub(crate) async fn of(
        store: &Store,
        topic: &Topic,
        subscriptions: Vec<Subscription>,
    ) -> Result<Self, StoreError> {
        let keys = subscriptions
            .iter()
            .map(|subscription| subscription.endpoint.clone())
            .collect();
        let endpoints = store.endpoints(keys).await?;
        let endpoints: BTreeMap<_, _> = endpoints
            .into_iter()
            .map(|endpoint| (endpoint.key.clone(), endpoint))
            .collect();
        let reached = |subscription: &Subscription| {
            endpoints
                .get(&subscription.endpoint)
                .is_some_and(|endpoint| {
                    // SNS knows best who is confirmed by now, and drops what is for others.
                    endpoint.owner == subscription.owner
                        && endpoint.state != EndpointState::Failed
                        && (endpoint.arn.is_some() || matches!(topic, Topic::Own(_)))
                })
        };
        let listeners = subscriptions.into_iter().filter(reached);
        Ok(Self {
            listeners: listeners.filter_map(Listener::of).collect(),
            endpoints,
        })
    }

    pub(crate) fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Whose names have to be known to tell of these events.
    pub(crate) fn named<'a>(
        &self,
        events: impl IntoIterator<Item = &'a Event>,
    ) -> BTreeSet<ContactId> {
        if !self.listeners.iter().any(|listener| listener.names) {
            return BTreeSet::new();
        }
        let contacts = events.into_iter().filter_map(|event| match event.about {
            About::Contact(id, _, _) if event.kind != EventKind::ContactDeleted => Some(id),
            _ => None,
        });
        contacts.collect()
    }

    /// The message that tells `listener` of `event`.
    pub(crate) fn letter(&self, listener: &Listener, event: &Event, names: &Names) -> Letter {
        let name = match &event.about {
            About::Contact(id, _, _) => names.0.get(id).map(String::as_str),
            About::Name(name) => Some(name.as_str()),
            About::Book | About::Job(..) => None,
        };
        let name = name.filter(|_| listener.names);
        let subscription = &listener.subscription;
        Letter {
            channel: listener.channel,
            address: subscription.address.clone(),
            endpoint: subscription.endpoint.clone(),
            at: event.at,
            zone: listener.zone.clone(),
            message: event.message(subscription.id.to_string(), name),
        }
    }

    pub(crate) fn endpoint(&self, key: &str) -> Option<&Endpoint> {
        self.endpoints.get(key)
    }
}

/// The names of contacts, as lists show them now.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<ContactId, String>);

impl Names {
    pub(crate) async fn of(
        store: &Store,
        book: BookId,
        contacts: BTreeSet<ContactId>,
    ) -> Result<Self, StoreError> {
        if contacts.is_empty() {
            return Ok(Self::default());
        }
        let heads = store.heads(book, contacts).await?;
        let names = heads.into_iter().filter_map(|(id, head)| {
            let summary: Summary = serde_json::from_str(&head.summary).ok()?;
            Some((id, summary.name)).filter(|(_, name)| !name.is_empty())
        });
        Ok(Self(names.collect()))
    }
}

impl Events {
    /// Sends, counts, and marks endpoints as failed that never want to hear again. A message that could
    /// not be sent for a day counts as one of those, where this process calls the endpoint itself.
    pub(crate) async fn send(&self, audience: &Audience, letters: &[Letter]) -> Vec<Fate> {
        let mut fates = self.topic.send(letters).await;
        let now = jiff::Timestamp::now();
        let mut failed = BTreeMap::new();
        for (letter, fate) in letters.iter().zip(&mut fates) {
            let age = now.duration_since(letter.at);
            if let (Fate::Later(_), Topic::Own(_)) = (*fate, &self.topic)
                && age > GIVEN_UP
            {
                *fate = Fate::Never("the endpoint could not be reached for a day");
            }
            let channel = letter.channel.name();
            match *fate {
                Fate::Sent => contacts_telemetry::event_sent(channel, age.as_secs_f64().max(0.0)),
                Fate::Later(_) => contacts_telemetry::event_failed(channel, "later"),
                Fate::Never(reason) => {
                    contacts_telemetry::event_failed(channel, "never");
                    failed.insert(letter.endpoint.as_str(), reason);
                }
            }
        }
        if matches!(self.topic, Topic::Own(_)) {
            for (key, reason) in failed {
                if let Some(mut endpoint) = audience.endpoint(key).cloned() {
                    let state = EndpointState::Failed;
                    let store = self.contacts.store();
                    // Else the next message finds out again.
                    store
                        .move_endpoint(&mut endpoint, state, Some(reason))
                        .await
                        .ok();
                }
            }
        }
        fates
    }
}

/// After this long an endpoint that cannot be reached is given up.
const GIVEN_UP: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
