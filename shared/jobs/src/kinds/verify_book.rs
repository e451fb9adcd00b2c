//! Looks through a book for disagreements between cards, indexes, change log and counter, and mends what
//! follows from the cards. The report has a line for each.

use std::time::Duration;

use contacts::Job;
use contacts_store::{Flawed, Progress, StoreError};
use futures::{FutureExt as _, future::BoxFuture};
use serde_json::json;

use super::{Kind, Step};
use crate::Jobs;

/// Longer than a write can take, its last attempt included.
const SETTLE: Duration = Duration::from_secs(30);

pub(super) const KIND: Kind = Kind {
    name: "verify-book",
    is_for_everybody: true,
    is_stoppable: true,
};

pub(super) fn step<'a>(jobs: &'a Jobs, job: &'a Job) -> BoxFuture<'a, Step> {
    async move {
        let Some(book) = job.book else {
            return Ok(Progress::default());
        };
        let store = jobs.contacts().store();
        let verified = match store.verify(book, job.place.as_deref(), SETTLE).await {
            Err(StoreError::BookGone) => return Err(contacts::Error::BookNotFound.into()),
            verified => verified?,
        };
        let mended = verified.flaws.iter().filter(|flaw| flaw.mended).count();
        Ok(Progress {
            place: verified.next,
            done: verified.contacts as u64,
            counts: [
                ("found", verified.flaws.len() as u64),
                ("mended", mended as u64),
                ("leftovers", verified.leftovers as u64),
            ]
            .into(),
            report: verified.flaws.iter().map(line).collect(),
            ..Progress::default()
        })
    }
    .boxed()
}

fn line(flaw: &Flawed) -> String {
    let contact = flaw.contact.map(|contact| contact.to_string());
    json!({"contact": contact, "what": flaw.what, "mended": flaw.mended}).to_string()
}
