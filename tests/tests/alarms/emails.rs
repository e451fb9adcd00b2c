//! From calls that fail to the mailbox of whoever is on call, and back.

use std::time::Duration;

use contacts_tests::cloudwatch::{Filling, Metric, Samples, Seconds, State, Watch};
use contacts_tests::faults::{Fault, Gate, Rule};
use serde_json::Value;

use crate::account::{Account, TITLE};
use crate::functions::{API, Api, Recording};

const ON_CALL: &str = "on-call@example.com";

/// A minute of an API: what its function wrote, and its calls and errors, each so many times.
struct Minute {
    written: Option<Recording>,
    calls: [u64; 2],
    times: u32,
}

/// The account's alarms of functions, and an address that hears of them.
struct OnCall {
    account: Account,
    watch: Watch,
    samples: Samples,
    now: Seconds,
}

impl OnCall {
    /// A minute like this; the alarms that changed are told.
    async fn pass(&mut self, minute: &Minute) {
        if let Some(written) = &minute.written {
            written.play(minute.times, self.now, &mut self.samples);
        }
        for (name, count) in ["Invocations", "Errors"].iter().zip(minute.calls) {
            let metric = Metric::new("AWS/Lambda", name, &[("FunctionName", API)]);
            let count = f64::from(u32::try_from(count).unwrap());
            self.samples.put(&metric, self.now, [(count, minute.times)]);
        }
        self.now += 60;
        for change in self.watch.look(&self.samples, self.now).unwrap() {
            let told = change.tell(&self.account.moto, &self.account.policies);
            told.await.unwrap();
        }
    }

    fn state(&self, alarm: &str) -> State {
        self.watch.state(&name(alarm)).unwrap()
    }

    /// What has arrived after the first so many emails.
    fn mail(&self, before: usize) -> Vec<Value> {
        let mut all = self.account.moto.mailbox(ON_CALL).unwrap();
        all.split_off(before)
    }
}

fn name(alarm: &str) -> String {
    format!("{TITLE} {alarm} on lambda")
}

fn subjects(mail: &[Value]) -> Vec<&str> {
    let subjects = mail.iter().map(|mail| mail["subject"].as_str());
    subjects.map(Option::unwrap).collect()
}

fn subject(state: &str, alarm: &str) -> String {
    format!("{state}: \"{}\" in US East (N. Virginia)", name(alarm))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_whose_every_call_fails_is_told_by_email_and_so_is_its_return() {
    let account = tokio::task::spawn_blocking(Account::start);
    let api = Api::start(&[], Duration::from_secs(2));
    let (account, api) = tokio::join!(account, api);
    let account = account.unwrap();
    account.moto.confirm(ON_CALL).unwrap();
    let on_lambda = account.alarms.iter();
    let on_lambda = on_lambda.filter(|alarm| alarm.name.ends_with(" on lambda"));
    let mut on_call = OnCall {
        watch: Watch::new(on_lambda.cloned().collect(), Filling::Always),
        account,
        samples: Samples::default(),
        now: 0,
    };

    api.sandboxes.take_calls();
    let answered = Minute {
        written: Some(api.record().await),
        calls: api.sandboxes.take_calls(),
        times: 10,
    };
    assert_eq!(answered.calls[1], 0);
    for _ in 0..60 {
        on_call.pass(&answered).await;
    }
    // What is new says once that all is well.
    let before = on_call.mail(0).len();
    assert!(on_call.mail(0).iter().all(|mail| {
        let subject = mail["subject"].as_str().unwrap();
        subject.starts_with("OK: ")
    }));

    // The function waits for its database until its time is over.
    let gate = Gate::closed();
    api.faults
        .inject(Rule::new(Fault::Wait(gate.clone())).on("Query"));
    assert_eq!(api.ask().await.status, 502);
    let calls = api.sandboxes.take_calls();
    assert_eq!(calls, [1, 1]);
    let failed = |times| Minute {
        written: None,
        calls,
        times,
    };

    // Of a few nobody has to hear.
    on_call.pass(&failed(4)).await;
    for _ in 0..15 {
        on_call.pass(&answered).await;
    }
    assert_eq!(on_call.mail(before).len(), 0);

    for _ in 0..3 {
        assert_eq!(on_call.state("P1 Down"), State::Ok);
        on_call.pass(&failed(10)).await;
    }
    let mail = on_call.mail(before);
    let told = ["P1 ErrorsFast", "P2 ErrorsSlow", "P1 Down"].map(|alarm| subject("ALARM", alarm));
    let mut expected: Vec<&str> = told.iter().map(String::as_str).collect();
    let mut found = subjects(&mail);
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let down = mail
        .iter()
        .find(|mail| mail["subject"] == *subject("ALARM", "P1 Down"));
    let down = down.unwrap()["body"].as_str().unwrap();
    for part in [
        "the API is down",
        "Value: percent of calls that fail; threshold: 50.",
        "Cause: ",
        "What to do: docs/RUNBOOKS/down.md",
        "make silence ENV=dev ALERT=Down",
        "- State Change:               OK -> ALARM",
        "3 out of the last 3 datapoints [100.0 (01/01/70 01:18:00), 100.0 (01/01/70 01:17:00), 100.0 (01/01/70 01:16:00)]",
        "GreaterThanThreshold 50.0 for at least 3 of the last 3 period(s) of 60 seconds",
        "- Timestamp:                  Thursday 01 January, 1970 01:19:00 UTC",
    ] {
        assert!(down.contains(part), "{part}: {down}");
    }

    api.faults.clear();
    gate.open();
    assert_eq!(api.ask().await.status, 200);
    let before = before + mail.len();
    for _ in 0..60 {
        on_call.pass(&answered).await;
    }
    let mail = on_call.mail(before);
    let told = ["P1 Down", "P1 ErrorsFast", "P2 ErrorsSlow"].map(|alarm| subject("OK", alarm));
    assert_eq!(subjects(&mail), told.each_ref().map(String::as_str));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_whose_policy_does_not_know_cloudwatch_hears_nothing() {
    let account = tokio::task::spawn_blocking(Account::start).await.unwrap();
    account.moto.confirm(ON_CALL).unwrap();
    let mut watch = Watch::new(account.alarms, Filling::Always);
    let changes = watch.look(&Samples::default(), 0).unwrap();
    let alone = changes
        .iter()
        .find(|change| !change.alarm.ok_actions.is_empty());
    let change = alone.unwrap();
    let topic = &change.alarm.ok_actions[0];

    let mut policies = account.policies.clone();
    let statements = policies[topic]["Statement"].as_array_mut().unwrap();
    statements.retain(|one| one["Principal"]["Service"] != "cloudwatch.amazonaws.com");
    assert!(change.tell(&account.moto, &policies).await.is_err());
    assert_eq!(account.moto.mailbox(ON_CALL).unwrap().len(), 0);
    change.tell(&account.moto, &account.policies).await.unwrap();
    assert_eq!(account.moto.mailbox(ON_CALL).unwrap().len(), 1);
}
