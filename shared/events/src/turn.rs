//! Whose turn it is to publish a book, so that within a process nothing is sent twice, and nobody waits
//! for anybody.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use contacts_store::{BookId, Unsent};

/// Of so many books is known where a turn ran out of time.
const MOST_PLACES: usize = 1_000;

/// Who publishes what in this process.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The books that somebody publishes, and whether somebody else wanted to since.
    taken: HashMap<BookId, bool>,
    /// After which row a turn ran out of time, so that the next one begins there and not with the same
    /// rows again.
    places: HashMap<BookId, Unsent>,
}

impl Turns {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().expect("no holder panics")
    }

    /// The turn at a book. None where it is somebody else's: they look again before they leave.
    pub(crate) fn take(&self, book: BookId) -> Option<Turn<'_>> {
        let mut known = self.known();
        let free = !known.taken.contains_key(&book);
        known.taken.insert(book, !free);
        free.then_some(())?;
        Some(Turn {
            turns: self,
            book,
            left: false,
        })
    }
}

/// A turn at a book. It ends when it is dropped, so that it does with whoever holds it.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    book: BookId,
    left: bool,
}

impl Turn<'_> {
    /// Ends the turn, unless somebody else wanted it meanwhile: then it goes on.
    pub(crate) fn leave(mut self) -> Option<Self> {
        let mut known = self.turns.known();
        let wanted = known.taken.insert(self.book, false) == Some(true);
        if !wanted {
            known.taken.remove(&self.book);
        }
        drop(known);
        self.left = !wanted;
        wanted.then_some(self)
    }

    /// Where the turn before ran out of time.
    pub(crate) fn place(&self) -> Option<Unsent> {
        self.turns.known().places.remove(&self.book)
    }

    /// Notes where this one did.
    pub(crate) fn stop_at(&self, last: Unsent) {
        let mut known = self.turns.known();
        if known.places.len() >= MOST_PLACES {
            known.places.clear();
        }
        known.places.insert(self.book, last);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.left {
            self.turns.known().taken.remove(&self.book);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_while_it_is_taken_makes_the_holder_look_again() {
        let (turns, book) = (Turns::default(), BookId::random());
        let turn = turns.take(book).unwrap();
        assert!(turns.take(book).is_none());
        assert!(turns.take(BookId::random()).is_some(), "another book");
        let turn = turn.leave().expect("somebody came");
        assert!(turn.leave().is_none());
        drop(turns.take(book).expect("it is free"));
        assert!(turns.take(book).is_some(), "a holder died");
    }
}
