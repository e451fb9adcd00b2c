//! Sending what the outbox of a book holds.

use std::collections::BTreeSet;

use contacts::BookId;
use contacts_store::{Told, Unsent};

use crate::{
    Events, Result,
    deliver::{Audience, Names, events},
    message::Event,
    pass::{Pass, TIME},
    topic::Fate,
};

/// How many rows are read together.
const ROWS: usize = 25;

/// What was sent, and what was not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// Messages that are on their way.
    pub sent: u64,
    /// Messages that wait in the outbox for another try; where time ran out, at least so many.
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
            Fate::Later(_) | Fate::Held => self.waiting += 1,
            Fate::Never(_) => self.lost += 1,
        }
    }
}

impl Events {
    /// Sends what is unsent of a book, in the order in which it happened, for ten seconds; what is left
    /// then is for the next call, of the sweep at the latest. A row goes once everybody it is for has
    /// got it; what somebody did not get stays for another try. To be called as often as one likes:
    /// whoever comes while somebody else is at it makes them look again, and waits for nothing.
    ///
    /// # Errors
    /// The table fails; some of what was sent may then be sent again.
    pub async fn publish_book(&self, book: BookId) -> Result<Published> {
        let mut published = Published::default();
        let pass = Pass::new(&self.pauses, TIME);
        let mut turn = self.turns.take(book);
        while let Some(taken) = turn {
            let mut last = taken.place();
            loop {
                let rows = self
                    .contacts
                    .store()
                    .unsent(book, last.as_ref(), ROWS)
                    .await?;
                let more = rows.len() == ROWS;
                let (done, helps) = self.publish_rows(&pass, book, &rows).await?;
                published.add(done);
                let more = rows.into_iter().next_back().filter(|_| more && helps);
                let Some(row) = more else { break };
                if pass.is_over() {
                    published.waiting += 1;
                    taken.stop_at(row);
                    return Ok(published);
                }
                last = Some(row);
            }
            turn = taken.leave().filter(|_| !pass.is_over());
        }
        Ok(published)
    }

    /// Sends these rows. Says as well whether it helps to look at more of them: not where nobody is
    /// told anything for now.
    async fn publish_rows(
        &self,
        pass: &Pass<'_>,
        book: BookId,
        rows: &[Unsent],
    ) -> Result<(Published, bool)> {
        let mut published = Published::default();
        if rows.is_empty() {
            return Ok((published, false));
        }
        let store = self.contacts.store();
        let subscriptions = store.subscriptions_to(book).await?;
        let mut audience = Audience::of(store, &self.topic, pass, subscriptions).await?;
        let told: Vec<_> = rows.iter().map(|row| (row, events(row))).collect();
        let all = told.iter().flat_map(|(_, events)| events);
        let names = Names::of(store, book, audience.named(all)).await?;
        // What is known to be sent is noted before more is, as far as that costs no call more.
        for told in told.chunks(self.topic.rows().unwrap_or(ROWS)) {
            published.add(self.publish_told(pass, &mut audience, &names, told).await?);
        }
        Ok((published, audience.is_told_something(pass)))
    }

    async fn publish_told(
        &self,
        pass: &Pass<'_>,
        audience: &mut Audience,
        names: &Names,
        told: &[(&Unsent, Vec<Event>)],
    ) -> Result<Published> {
        let store = self.contacts.store();
        // Which row, which listener and which number a letter is of.
        let (mut letters, mut places) = (Vec::new(), Vec::new());
        for (at, (row, events)) in told.iter().enumerate() {
            for listener in audience.listeners() {
                let id = listener.subscription.id;
                let is_new = |event: &&Event| {
                    !row.sent.contains(&id) && !row.partly.contains(&(id, event.sequence))
                };
                let wanted = |event: &&Event| listener.wants(event);
                for event in events.iter().filter(is_new).filter(wanted) {
                    letters.push(audience.letter(listener, event, names));
                    places.push((at, id, event.sequence));
                }
            }
        }
        let fates = self.send(pass, audience, &letters).await;
        let mut published = Published::default();
        fates.iter().for_each(|fate| published.count(*fate));
        for (at, (row, _)) in told.iter().enumerate() {
            let here = || {
                places
                    .iter()
                    .zip(&fates)
                    .filter(|((row, ..), _)| *row == at)
            };
            let waiting: BTreeSet<_> = here()
                .filter(|(_, fate)| fate.waits())
                .map(|((_, id, _), _)| *id)
                .collect();
            if !waiting.is_empty() {
                let done = here().filter(|(_, fate)| !fate.waits());
                let (mut sent, mut partly) = (row.sent.clone(), row.partly.clone());
                for ((_, id, number), _) in done {
                    if waiting.contains(id) {
                        partly.insert((*id, *number));
                    } else {
                        sent.insert(*id);
                    }
                }
                partly.retain(|(id, _)| !sent.contains(id));
                if (&sent, &partly) != (&row.sent, &row.partly) {
                    store.note_progress(row, &sent, &partly).await?;
                }
                continue;
            }
            if row.told == Told::BookDeleted {
                // Told to everybody, and before the row goes, so that this too is done for certain.
                self.end_all(row.book).await?;
            }
            store.delete_unsent(row).await?;
        }
        Ok(published)
    }
}
