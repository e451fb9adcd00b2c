//! From a metric to the email: the collector, Prometheus and the Alertmanager are the real programs, under what was
//! applied to a simulated account. Durations are a tenth of those on AWS; `make chain` has the real ones.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod applied;
mod commands;
mod list;
mod rules;
mod runbooks;

use contacts_tests::chain::{Chain, ENDS};
use tokio::time::Instant;

const PACE: u32 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_cannot_start_is_told_by_email_and_so_is_its_return() {
    let chain = Chain::start(PACE).await.unwrap();

    let broken = Instant::now();
    chain.break_api(ENDS).await.unwrap();
    let way = chain.follow("Down", broken).await.unwrap();

    chain.mend_api().unwrap();
    let email = chain.until_told("Down", true).await.unwrap();

    assert_eq!(way.email.subject, "[contact-manager dev] P1 Down");
    for part in [
        "the API is down",
        "Since:",
        "Value:     0 tasks of the API that answer",
        "Threshold: 1",
        "Cause:",
        "RUNBOOKS/down.md",
        "#dashboards/dashboard/contact-manager-dev\n",
        "make silence ENV=dev ALERT=Down",
    ] {
        assert!(way.email.body.contains(part), "{part}: {}", way.email.body);
    }
    assert_eq!(email.subject, "[contact-manager dev] RESOLVED P1 Down");
    let subjects: Vec<_> = chain.emails().unwrap();
    let subjects: Vec<_> = subjects
        .iter()
        .map(|email| email.subject.as_str())
        .collect();
    assert_eq!(
        subjects,
        [
            "[contact-manager dev] P1 Down",
            "[contact-manager dev] RESOLVED P1 Down"
        ]
    );

    commands::silence_an_alert_and_try_its_way(&chain).await;
}
