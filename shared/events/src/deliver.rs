//! From what happened to messages: who is told what.

use std::collections::{BTreeMap, BTreeSet};

use contacts::Summary;
use contacts_store::{
    BookId, ContactId, Endpoint, EndpointState, EventId, Happened, JobState, Store, StoreError,
    Subscription, Told, Unsent,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::{
    Channel, Detail, EventKind, Events, Topic,
    message::{About, Event},
    pass::Pass,
    topic::{Fate, Letter},
};

/// The events that a row of the outbox tells of. Their identifiers follow from what the row says, so that
/// they are the same each time; the time and random identifiers keep those of different installations
/// apart, whose books may have the same identifier.
pub(crate) fn events(row: &Unsent) -> Vec<Event> {
    let book = row.book.to_string();
    let at = row.at.as_millisecond().to_string();
    let event = |sequence, kind, about, what: &[&str]| {
        let parts: Vec<&str> = ["event", &book, &at]
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
                let what = [&one.id.to_string(), &one.seq.to_string()];
                event(one.seq, kind, about, &["contact", what[0], what[1]])
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
            let which = format!("{job}/{how}");
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
    /// Those of `subscriptions` that messages go to. Endpoints that are not for this process to reach
    /// are left alone in this pass.
    pub(crate) async fn of(
        store: &Store,
        topic: &Topic,
        pass: &Pass<'_>,
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
                    endpoint.owner == subscription.owner && endpoint.state != EndpointState::Failed
                })
        };
        let listeners: Vec<_> = subscriptions
            .into_iter()
            .filter(reached)
            .filter_map(Listener::of)
            .collect();
        let elsewhere: BTreeSet<_> = listeners
            .iter()
            .map(|listener| &listener.subscription.endpoint)
            .filter(|key| !endpoints.get(*key).is_some_and(|one| topic.reaches(one)))
            .collect();
        if !elsewhere.is_empty() {
            tracing::warn!(
                endpoints = elsewhere.len(),
                "messages wait for endpoints of another topic: CONTACTS_TOPIC_ARN must be the same for \
                 the API and the worker; after a change of it, their subscriptions are to be made again"
            );
        }
        elsewhere.into_iter().for_each(|key| pass.stop(key));
        Ok(Self {
            listeners,
            endpoints,
        })
    }

    /// Whether somebody can be told something now, or nobody is to be told anything.
    pub(crate) fn is_told_something(&self, pass: &Pass<'_>) -> bool {
        let held = |listener: &Listener| pass.holds(&listener.subscription.endpoint);
        pass.is_over() || self.listeners.is_empty() || !self.listeners.iter().all(held)
    }

    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.listeners.iter().filter(|listener| {
            let endpoint = self.endpoints.get(&listener.subscription.endpoint);
            endpoint.is_some_and(|endpoint| endpoint.state != EndpointState::Failed)
        })
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
            message: event.message(subscription.id.to_string(), name, listener.names),
        }
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
    /// Sends, counts, and notes which endpoints cannot be reached and which never want to hear again.
    /// One that could not be reached for a day counts as one of those, where this process calls the
    /// endpoint itself.
    pub(crate) async fn send(
        &self,
        pass: &Pass<'_>,
        audience: &mut Audience,
        letters: &[Letter],
    ) -> Vec<Fate> {
        let mut fates = vec![Fate::Held; letters.len()];
        let open: Vec<_> = (0..letters.len())
            .filter(|at| !pass.holds(&letters[*at].endpoint))
            .collect();
        let going: Vec<_> = open.iter().map(|at| &letters[*at]).collect();
        for (at, fate) in open.iter().zip(self.topic.send(pass, &going).await) {
            fates[*at] = fate;
        }
        let now = Timestamp::now();
        let is_own = matches!(self.topic, Topic::Own(_));
        for (letter, fate) in letters.iter().zip(&mut fates) {
            let endpoint = audience.endpoints.get_mut(&letter.endpoint);
            if let Some(endpoint) = endpoint.filter(|_| is_own) {
                *fate = self.note(endpoint, *fate, now).await;
            }
            let channel = letter.channel.name();
            match *fate {
                Fate::Sent => {
                    let age = now.duration_since(letter.at).as_secs_f64();
                    contacts_telemetry::event_sent(channel, age.max(0.0));
                }
                Fate::Later(_) | Fate::Held => contacts_telemetry::event_failed(channel, "later"),
                Fate::Never(_) => contacts_telemetry::event_failed(channel, "never"),
            }
        }
        fates
    }

    /// Notes what a message says of its endpoint. What fails here, the next message finds out again.
    async fn note(&self, endpoint: &mut Endpoint, fate: Fate, now: Timestamp) -> Fate {
        let store = self.contacts.store();
        let reason = match (fate, endpoint.failing) {
            (Fate::Later(_), None) => {
                endpoint.failing = Some(now);
                store.note_failing(&endpoint.key, Some(now)).await.ok();
                return fate;
            }
            (Fate::Sent, Some(_)) => {
                endpoint.failing = None;
                store.note_failing(&endpoint.key, None).await.ok();
                return fate;
            }
            (Fate::Later(_), Some(since)) if now.duration_since(since) > GIVEN_UP => {
                "the endpoint could not be reached for a day"
            }
            (Fate::Never(reason), _) if endpoint.state != EndpointState::Failed => reason,
            _ => return fate,
        };
        // Others may have written to it since it was read.
        let current = store.endpoint(&endpoint.key).await.ok().flatten();
        if let Some(mut current) = current.filter(|current| current.owner == endpoint.owner) {
            let state = EndpointState::Failed;
            let moved = store.move_endpoint(&mut current, state, Some(reason));
            moved.await.ok();
        }
        endpoint.state = EndpointState::Failed;
        Fate::Never(reason)
    }
}

/// After this long an endpoint that cannot be reached is given up.
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(24);
