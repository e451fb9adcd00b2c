//! Brings what a book's contacts are found by in line with today's rules of folding and search. The book
//! stays usable and right meanwhile: each contact changes over in one transaction.

use contacts::Job;
use contacts_store::Progress;
use futures::{FutureExt as _, future::BoxFuture};

use super::{Kind, Step};
use crate::Jobs;

/// Contacts of one step.
const CONTACTS: usize = 50;

pub(super) const KIND: Kind = Kind {
    name: "reindex-book",
    is_for_everybody: true,
    is_stoppable: true,
};

pub(super) fn step<'a>(jobs: &'a Jobs, job: &'a Job) -> BoxFuture<'a, Step> {
    async move {
        let Some(book) = job.book else {
            return Ok(Progress::default());
        };
        let contacts = jobs.contacts();
        let stretch = contacts.reindex(book, job.place.as_deref(), CONTACTS).await?;
        let (seen, changed) = (stretch.seen as u64, stretch.changed as u64);
        Ok(Progress {
            place: stretch.next,
            done: seen,
            counts: [("changed", changed), ("unchanged", seen - changed)].into(),
            ..Progress::default()
        })
    }
    .boxed()
}
