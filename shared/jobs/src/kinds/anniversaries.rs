//! Tells of tomorrow's birthdays and other anniversaries, where it is evening.

use contacts::Job;
use contacts_store::Progress;
use futures::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;

use super::{Kind, Step};
use crate::Jobs;

pub(super) const KIND: Kind = Kind {
    name: "anniversaries",
    is_for_everybody: false,
    is_stoppable: true,
};

pub(super) fn step<'a>(jobs: &'a Jobs, _: &'a Job) -> BoxFuture<'a, Step> {
    async move {
        let told = jobs.events().anniversaries(Timestamp::now()).await?;
        Ok(Progress {
            done: told.sent,
            counts: [
                ("events-sent", told.sent),
                ("events-waiting", told.waiting),
            ]
            .into(),
            ..Progress::default()
        })
    }
    .boxed()
}
