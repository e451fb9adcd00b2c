//! Removes what a deleted book held: its contacts, then its log, then the book.

use contacts::Job;
use contacts_store::Progress;
use futures::{FutureExt as _, future::BoxFuture};

use super::{Kind, Step};
use crate::Jobs;

/// Contacts of one step.
const CONTACTS: usize = 50;
/// What stands before the number of the partition, once the contacts are gone.
const REST: &str = "rest ";

pub(super) const KIND: Kind = Kind {
    name: "delete-book",
    is_for_everybody: false,
    // The book is gone for everybody: there is no way back to stop at.
    is_stoppable: false,
};

pub(super) fn step<'a>(jobs: &'a Jobs, job: &'a Job) -> BoxFuture<'a, Step> {
    async move {
        let store = jobs.contacts().store();
        let Some(book) = job.book else {
            return Ok(Progress::default());
        };
        let rest = job.place.as_deref().and_then(|at| at.strip_prefix(REST));
        let Some(rest) = rest else {
            let gone = store.purge_contacts(book, CONTACTS).await?;
            let place = if gone == 0 { "rest 0" } else { "contacts" };
            return Ok(Progress {
                place: Some(place.to_owned()),
                done: gone as u64,
                counts: [("deleted", gone as u64)].into(),
                ..Progress::default()
            });
        };
        let at = rest.parse().unwrap_or_default();
        let next = store.purge_rest(book, at).await?;
        Ok(Progress {
            place: next.map(|at| format!("{REST}{at}")),
            ..Progress::default()
        })
    }
    .boxed()
}
