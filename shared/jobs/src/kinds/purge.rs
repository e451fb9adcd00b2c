//! Deletes expired items where the database does not do so itself. They count as gone at once: this only
//! frees space.

use contacts::Job;
use contacts_store::Progress;
use futures::{FutureExt as _, future::BoxFuture};

use super::{Kind, Step};
use crate::Jobs;

pub(super) const KIND: Kind = Kind {
    name: "purge",
    is_for_everybody: false,
    is_stoppable: true,
};

pub(super) fn step<'a>(jobs: &'a Jobs, job: &'a Job) -> BoxFuture<'a, Step> {
    async move {
        let store = jobs.contacts().store();
        let (gone, place) = store.purge_expired(job.place.as_deref()).await?;
        Ok(Progress {
            place,
            done: gone,
            counts: [("deleted", gone)].into(),
            ..Progress::default()
        })
    }
    .boxed()
}
