//! Merges the minutes of the history into hours and days, removes what is too old, and fetches the minutes of
//! functions.

use contacts::Job;
use contacts_store::Progress;
use futures::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;

use super::{Kind, Step};
use crate::Jobs;

pub(super) const KIND: Kind = Kind {
    name: "compact-history",
    is_for_everybody: false,
    is_stoppable: true,
};

pub(super) fn step<'a>(jobs: &'a Jobs, _: &'a Job) -> BoxFuture<'a, Step> {
    async move {
        let done = jobs.history().compact(Timestamp::now()).await?;
        Ok(Progress {
            place: done.more.then(|| "more".to_owned()),
            done: done.hours,
            counts: [("hours", done.hours), ("removed", done.removed)].into(),
            ..Progress::default()
        })
    }
    .boxed()
}
