//! Sending what the outbox of a book holds.

use std::collections::BTreeSet;

use contacts::BookId;
use contacts_store::{Told, Unsent};

use crate::{
    Events, Result,
    deliver::{Audience, Names, events},
    topic::Fate,
};

/// How many rows are sent together.
const ROWS: usize = 25;

/// What was sent, and what was not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// Messages that are on their way.
    pub sent: u64,
    /// Messages that wait in the outbox for another try.
    pub waiting: u64,
    /// Messages that can never be sent.
    pub lost: u64,
}

impl Published {
    pub(crate) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.waiting += other.waiting;
        self.lost += other.lost;
    }

    pub(crate) fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Sent => self.sent += 1,
            Fate::Later(_) => self.waiting += 1,
            Fate::Never(_) => self.lost += 1,
        }
    }
}

impl Events {
    /// Sends what is unsent of a book, in the order in which it happened. A row goes once everybody it
    /// is for has got it; what somebody did not get stays for another try. To be called as often as one
    /// likes: whoever comes second finds nothing to do.
    ///
    /// # Errors
    /// The table fails; some of what was sent may then be sent again.
    pub async fn publish_book(&self, book: BookId) -> Result<Published> {
        let turn = self.turns.of(book);
        let _turn = turn.lock().await;
        let store = self.contacts.store();
        let mut published = Published::default();
        let mut last: Option<Unsent> = None;
        loop {
            let rows = store.unsent(book, last.as_ref(), ROWS).await?;
            if rows.is_empty() {
                return Ok(published);
            }
            published.add(self.publish_rows(book, &rows).await?);
            if rows.len() < ROWS {
                return Ok(published);
            }
            last = rows.into_iter().next_back();
        }
    }

    async fn publish_rows(&self, book: BookId, rows: &[Unsent]) -> Result<Published> {
        let store = self.contacts.store();
        let subscriptions = store.subscriptions_to(book).await?;
        let audience = Audience::of(store, &self.topic, subscriptions).await?;
        let told: Vec<_> = rows.iter().map(|row| (row, events(row))).collect();
        let all = told.iter().flat_map(|(_, events)| events);
        let names = Names::of(store, book, audience.named(all)).await?;
        // Which row and which listener a letter is of.
        let (mut letters, mut places) = (Vec::new(), Vec::new());
        for (at, (row, events)) in told.iter().enumerate() {
            for listener in audience.listeners() {
                let id = listener.subscription.id;
                if row.sent.contains(&id) {
                    continue;
                }
                for event in events.iter().filter(|event| listener.wants(event)) {
                    letters.push(audience.letter(listener, event, &names));
                    places.push((at, id));
                }
            }
        }
        let fates = self.send(&audience, &letters).await;
        let mut published = Published::default();
        fates.iter().for_each(|fate| published.count(*fate));
        for (at, row) in rows.iter().enumerate() {
            let here = || places.iter().zip(&fates).filter(|((row, _), _)| *row == at);
            let waiting: BTreeSet<_> = here()
                .filter(|(_, fate)| matches!(fate, Fate::Later(_)))
                .map(|((_, id), _)| *id)
                .collect();
            if !waiting.is_empty() {
                let done = here()
                    .map(|((_, id), _)| *id)
                    .filter(|id| !waiting.contains(id));
                let sent: BTreeSet<_> = row.sent.iter().copied().chain(done).collect();
                if sent != row.sent {
                    store.note_sent(row, &sent).await?;
                }
                continue;
            }
            if row.told == Told::BookDeleted {
                // Told to everybody, and before the row goes, so that this too is done for certain.
                self.end_all(book).await?;
            }
            store.delete_unsent(row).await?;
        }
        Ok(published)
    }
}
