//! The life of a job.

use contacts_store::{
    Answer, Checkpoint, Claimed, Job, JobError, JobId, JobState, NewJob, Progress, Store,
};
use contacts_tests::faults::{Fault, Rule};
use jiff::Timestamp;

use crate::bed::{Bed, n};

on_both!(
    a_job_is_created_once,
    a_job_goes_from_step_to_step_to_its_end,
    of_two_workers_at_one_step_one_closes_it,
    lost_answers_change_nothing,
    a_job_can_be_cancelled,
    a_failed_job_goes_on_from_where_it_stopped,
    a_job_of_the_clock_begins_anew_once_it_has_ended,
    a_job_is_touched_as_long_as_nobody_else_has,
    jobs_are_listed_by_owner_the_newest_first,
    a_job_that_has_run_out_counts_as_gone,
    a_repeatable_creation_answers_with_the_first_job,
);

const WHO: &str = "owner";

fn new(kind: &str) -> NewJob {
    NewJob {
        id: JobId::at(Timestamp::now()),
        kind: kind.to_owned(),
        owner: WHO.to_owned(),
        origin: contacts_store::Origin::default(),
        book: None,
        total: Some(3),
    }
}

async fn create(store: &Store) -> Job {
    store.create_job(&new("paint"), None).await.unwrap()
}

async fn begun(store: &Store) -> Job {
    let job = create(store).await;
    store.begin_job(job.id, 1).await.unwrap().unwrap()
}

/// A step that did one thing, to be followed by another.
fn one(place: &str) -> Progress {
    Progress {
        place: Some(place.to_owned()),
        done: 1,
        counts: [("painted", 1)].into(),
        report: vec![format!(r#"{{"at":"{place}"}}"#)],
        ..Progress::default()
    }
}

fn kept(checkpoint: Checkpoint) -> Job {
    match checkpoint {
        Checkpoint::Kept(job) => *job,
        Checkpoint::Overtaken => panic!("overtaken"),
    }
}

fn is_overtaken(checkpoint: &Checkpoint) -> bool {
    matches!(checkpoint, Checkpoint::Overtaken)
}

fn error() -> JobError {
    JobError {
        code: "gave-up".to_owned(),
        detail: "Too often.".to_owned(),
    }
}

async fn open(store: &Store) -> Vec<JobId> {
    let open = store.open_jobs(None, 100).await.unwrap();
    open.iter().map(|job| job.id).collect()
}

async fn a_job_is_created_once(bed: Bed) {
    let store = bed.through();
    let new = new("paint");
    bed.faults.inject(Rule::new(Fault::ResetAfter).times(2));
    let job = store.create_job(&new, None).await.unwrap();
    assert_eq!(
        (job.state, job.step, job.total),
        (JobState::Queued, 0, Some(3))
    );
    assert_eq!(store.job(job.id).await.unwrap().unwrap(), job);
    store.begin_job(job.id, 1).await.unwrap().unwrap();
    let again = store.create_job(&new, None).await.unwrap();
    assert_eq!(again.state, JobState::Running, "as it stands");
    assert_eq!(open(&store).await, [job.id]);
    assert_eq!(store.job(JobId::random()).await.unwrap(), None);
    bed.is_sound().await;
}

async fn a_job_goes_from_step_to_step_to_its_end(bed: Bed) {
    let store = bed.store();
    let queued = create(&store).await;
    let first = store.begin_job(queued.id, 4).await.unwrap().unwrap();
    assert_eq!((first.state, first.receives), (JobState::Running, 4));
    assert!(first.started >= Some(queued.created));
    let second = kept(store.checkpoint(&first, &one("b")).await.unwrap());
    assert_eq!((second.step, second.done, second.receives), (1, 1, 0));
    assert_eq!(second.place.as_deref(), Some("b"));
    let again = store.begin_job(queued.id, 1).await.unwrap().unwrap();
    assert_eq!(again.started, first.started, "the first time");
    let more = Progress {
        total: Some(9),
        counts: [("painted", 1), ("broken", 2)].into(),
        ..one("c")
    };
    let third = kept(store.checkpoint(&again, &more).await.unwrap());
    assert_eq!((third.done, third.total), (2, Some(9)));
    assert_eq!(open(&store).await, [queued.id]);
    let last = Progress {
        place: None,
        ..one("d")
    };
    let done = kept(store.checkpoint(&third, &last).await.unwrap());
    assert_eq!((done.state, done.done), (JobState::Succeeded, 3));
    assert_eq!(
        (&done.place, &done.error),
        (&None, &None),
        "nothing personal stays"
    );
    assert!(done.finished.is_some());
    let counts: Vec<_> = done
        .counts
        .iter()
        .map(|(name, count)| (&**name, *count))
        .collect();
    assert_eq!(counts, [("broken", 2), ("painted", 3)]);
    assert_eq!(store.job(done.id).await.unwrap().unwrap(), done);
    assert!(open(&store).await.is_empty());
    // It is over.
    assert_eq!(store.begin_job(done.id, 1).await.unwrap(), None);
    assert!(is_overtaken(
        &store.checkpoint(&done, &one("e")).await.unwrap()
    ));
    assert!(is_overtaken(
        &store
            .end_job(&done, JobState::Failed, Some(error()))
            .await
            .unwrap()
    ));
    let lines = store.report(done.id, None, 100).await.unwrap();
    let texts: Vec<_> = lines.iter().map(|(_, line)| &**line).collect();
    assert_eq!(
        &texts[..3],
        [r#"{"at":"b"}"#, r#"{"at":"c"}"#, r#"{"at":"d"}"#]
    );
    let rest = store.report(done.id, Some(&lines[0].0), 1).await.unwrap();
    assert_eq!(rest, lines[1..2]);
    bed.is_sound().await;
}

async fn of_two_workers_at_one_step_one_closes_it(bed: Bed) {
    let (here, there) = (bed.store(), bed.store());
    let job = begun(&here).await;
    let (a, b) = (one("a"), one("b"));
    let both = tokio::join!(here.checkpoint(&job, &a), there.checkpoint(&job, &b));
    let both = [both.0.unwrap(), both.1.unwrap()];
    assert_eq!(
        both.iter().filter(|one| is_overtaken(one)).count(),
        1,
        "{both:?}"
    );
    let now = here.job(job.id).await.unwrap().unwrap();
    assert_eq!((now.step, now.done, now.counts["painted"]), (1, 1, 1));
    // And at the end.
    let (done, give_up) = (Progress::default(), Some(error()));
    let both = tokio::join!(
        here.checkpoint(&now, &done),
        there.end_job(&now, JobState::Failed, give_up)
    );
    let both = [both.0.unwrap(), both.1.unwrap()];
    assert_eq!(
        both.iter().filter(|one| is_overtaken(one)).count(),
        1,
        "{both:?}"
    );
    assert!(!here.job(job.id).await.unwrap().unwrap().state.is_open());
    bed.is_sound().await;
}

async fn lost_answers_change_nothing(bed: Bed) {
    let store = bed.through();
    let job = create(&store).await;
    let lose = || bed.faults.inject(Rule::new(Fault::ResetAfter).times(2));
    lose();
    let job = store.begin_job(job.id, 1).await.unwrap().unwrap();
    lose();
    let job = kept(store.checkpoint(&job, &one("b")).await.unwrap());
    assert_eq!((job.step, job.done), (1, 1));
    bed.faults
        .inject(Rule::new(Fault::ResetAfter).on("UpdateItem").times(2));
    let job = kept(store.checkpoint(&job, &one("c")).await.unwrap());
    assert_eq!((job.step, job.done), (2, 2));
    bed.faults.inject(
        Rule::new(Fault::ResetAfter)
            .on("TransactWriteItems")
            .times(2),
    );
    let failed = kept(
        store
            .end_job(&job, JobState::Failed, Some(error()))
            .await
            .unwrap(),
    );
    bed.faults.inject(
        Rule::new(Fault::ResetAfter)
            .on("TransactWriteItems")
            .times(2),
    );
    let again = store.retry_job(failed.id).await.unwrap().unwrap();
    assert_eq!(again.state, JobState::Queued);
    bed.faults.inject(
        Rule::new(Fault::ResetAfter)
            .on("TransactWriteItems")
            .times(4),
    );
    let done = kept(
        store
            .checkpoint(&again, &Progress::default())
            .await
            .unwrap(),
    );
    assert_eq!(store.job(done.id).await.unwrap().unwrap(), done);
    bed.is_sound().await;
}

async fn a_job_can_be_cancelled(bed: Bed) {
    let store = bed.store();
    let queued = create(&store).await;
    let cancelled = store.cancel_job(queued.id).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert_eq!(store.begin_job(queued.id, 1).await.unwrap(), None);
    let running = begun(&store).await;
    let asked = store.cancel_job(running.id).await.unwrap().unwrap();
    assert_eq!((asked.state, asked.cancelling), (JobState::Running, true));
    // The worker learns of it with its next checkpoint.
    assert!(!running.cancelling);
    let next = kept(store.checkpoint(&running, &one("b")).await.unwrap());
    assert!(next.cancelling);
    let over = kept(
        store
            .end_job(&next, JobState::Cancelled, None)
            .await
            .unwrap(),
    );
    assert_eq!(
        (over.state, over.done, &over.place),
        (JobState::Cancelled, 1, &None)
    );
    assert_eq!(store.cancel_job(over.id).await.unwrap().unwrap(), over);
    assert_eq!(store.cancel_job(JobId::random()).await.unwrap(), None);
    assert!(open(&store).await.is_empty());
    bed.is_sound().await;
}

async fn a_failed_job_goes_on_from_where_it_stopped(bed: Bed) {
    let store = bed.store();
    let job = begun(&store).await;
    assert_eq!(
        store.retry_job(job.id).await.unwrap(),
        None,
        "it is at work"
    );
    let job = kept(store.checkpoint(&job, &one("b")).await.unwrap());
    let failed = kept(
        store
            .end_job(&job, JobState::Failed, Some(error()))
            .await
            .unwrap(),
    );
    assert_eq!(failed.error, Some(error()));
    assert!(open(&store).await.is_empty());
    let again = store.retry_job(job.id).await.unwrap().unwrap();
    assert_eq!(
        (again.state, again.step, again.done),
        (JobState::Queued, 1, 1)
    );
    assert_eq!(
        (again.place.as_deref(), &again.error, again.finished),
        (Some("b"), &None, None)
    );
    assert_eq!(open(&store).await, [job.id]);
    assert_eq!(store.retry_job(job.id).await.unwrap(), None, "once");
    for row in bed.rows("J#").await.into_iter().chain(bed.rows("P#").await) {
        assert!(!row.contains_key("expires_at"), "it is open again");
    }
    let job = store.begin_job(job.id, 1).await.unwrap().unwrap();
    let done = kept(store.checkpoint(&job, &Progress::default()).await.unwrap());
    assert_eq!((done.state, done.done), (JobState::Succeeded, 1));
    assert_eq!(store.retry_job(done.id).await.unwrap(), None);
    bed.is_sound().await;
}

async fn a_job_of_the_clock_begins_anew_once_it_has_ended(bed: Bed) {
    let store = bed.store();
    let new = NewJob {
        id: JobId::derived(&["schedule", "paint"]),
        ..new("paint")
    };
    let first = store.renew_job(&new).await.unwrap();
    let first = store.begin_job(first.id, 1).await.unwrap().unwrap();
    let first = kept(store.checkpoint(&first, &one("b")).await.unwrap());
    let still = store.renew_job(&new).await.unwrap();
    assert_eq!(
        (still.state, still.step),
        (JobState::Running, 1),
        "it is not done"
    );
    kept(
        store
            .end_job(&first, JobState::Failed, Some(error()))
            .await
            .unwrap(),
    );
    let anew = store.renew_job(&new).await.unwrap();
    assert_eq!((anew.state, anew.step, anew.done), (JobState::Queued, 0, 0));
    assert_eq!((&anew.error, anew.counts.len()), (&None, 0));
    assert_eq!(store.job(anew.id).await.unwrap().unwrap(), anew);
    assert_eq!(open(&store).await, [anew.id]);
    // Two at once begin one run.
    kept(
        store
            .end_job(&anew, JobState::Cancelled, None)
            .await
            .unwrap(),
    );
    let other = bed.store();
    let both = tokio::join!(store.renew_job(&new), other.renew_job(&new));
    assert_eq!(
        (both.0.unwrap().state, both.1.unwrap().state),
        (JobState::Queued, JobState::Queued)
    );
    assert_eq!(open(&store).await, [anew.id]);
    bed.is_sound().await;
}

async fn a_job_is_touched_as_long_as_nobody_else_has(bed: Bed) {
    let store = bed.store();
    let job = begun(&store).await;
    let row = bed.row(&format!("J#{}", job.id), "J").await;
    bed.set(&row, "updated", n(7)).await;
    let old = store.job(job.id).await.unwrap().unwrap();
    assert!(store.touch_job(&old).await.unwrap());
    assert!(
        !store.touch_job(&old).await.unwrap(),
        "another sweep was there before"
    );
    let now = store.job(job.id).await.unwrap().unwrap();
    assert!(now.updated > old.updated);
    kept(
        store
            .end_job(&now, JobState::Cancelled, None)
            .await
            .unwrap(),
    );
    let ended = store.job(job.id).await.unwrap().unwrap();
    assert!(!store.touch_job(&ended).await.unwrap());
}

async fn jobs_are_listed_by_owner_the_newest_first(bed: Bed) {
    let store = bed.store();
    let mut made = Vec::new();
    for second in 0..7 {
        let id = JobId::at(Timestamp::from_second(1_000 + second).unwrap());
        let new = NewJob { id, ..new("paint") };
        made.insert(0, store.create_job(&new, None).await.unwrap().id);
    }
    let other = NewJob {
        owner: "other".to_owned(),
        origin: contacts_store::Origin::default(),
        ..new("paint")
    };
    store.create_job(&other, None).await.unwrap();
    for limit in [1, 2, 6, 7, 8] {
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let (page, next) = store.jobs(WHO, before, limit).await.unwrap();
            assert!(!page.is_empty() && page.len() <= limit);
            all.extend(page.iter().map(|job| job.id));
            before = next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(all, made, "{limit}");
    }
    let oldest: Vec<_> = made.iter().rev().copied().collect();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.open_jobs(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        all.extend(page.iter().map(|job| job.id));
    }
    assert_eq!(all[..7], oldest);
    assert_eq!(all[7..], [other.id]);
}

async fn a_job_that_has_run_out_counts_as_gone(bed: Bed) {
    let store = bed.store();
    let new = new("paint");
    let job = store.create_job(&new, None).await.unwrap();
    let job = kept(store.checkpoint(&job, &Progress::default()).await.unwrap());
    for row in bed.rows("J#").await.into_iter().chain(bed.rows("P#").await) {
        assert!(row.contains_key("expires_at"), "{row:?}");
        bed.set(&row, "expires_at", n(1)).await;
    }
    assert_eq!(store.job(job.id).await.unwrap(), None);
    assert!(store.jobs(WHO, None, 10).await.unwrap().0.is_empty());
    let anew = store.renew_job(&new).await.unwrap();
    assert_eq!(store.job(job.id).await.unwrap(), Some(anew));
}

async fn a_repeatable_creation_answers_with_the_first_job(bed: Bed) {
    let store = bed.through();
    let claim = || store.claim(WHO, "key", "request");
    let Claimed::Mine(mine) = claim().await.unwrap() else {
        panic!("a new key")
    };
    let answer = |job: &Job| Answer {
        status: 202,
        headers: Vec::new(),
        body: job.id.to_string().into_bytes(),
    };
    bed.faults.inject(Rule::new(Fault::ResetAfter).times(2));
    let job = store
        .create_job(&new("paint"), Some((&mine, &answer)))
        .await
        .unwrap();
    let Claimed::Answered(again) = claim().await.unwrap() else {
        panic!("it was answered")
    };
    assert_eq!(again, answer(&job));
    bed.is_sound().await;
}
