//! What an operator does with alerts: `make silence` and `make alert-test`, by the real programs.

use std::time::Duration;

use contacts_tests::{chain::Chain, drill::ON_CALL};
use tokio::time::{Instant, interval};

const ALERT: &str = "AlertTest";

/// An alert that is silenced stops at the Alertmanager, and when it no longer is it arrives.
pub(crate) async fn silence_an_alert_and_try_its_way(chain: &Chain) {
    let emails = chain.emails().unwrap().len();

    let (code, said) = silence(chain, "1").await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("the Alertmanager tells nobody of AlertTest until "),
        "{said}"
    );
    let (code, said) = try_it(chain).await;
    assert_eq!(code, 1, "{said}");
    for line in [
        "hop=rule ok",
        "hop=alertmanager missing it is silenced",
        "hop=sns unknown nothing came past alertmanager",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    until_over(chain).await;
    assert_eq!(chain.emails().unwrap().len(), emails);

    let (code, said) = silence(chain, "0").await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("the Alertmanager tells of AlertTest again"),
        "{said}"
    );
    let (code, said) = try_it(chain).await;
    assert_eq!(code, 0, "{said}");
    for line in [
        "hop=remote_write ok",
        "hop=rule ok",
        "hop=alertmanager ok",
        // Nobody tells CloudWatch of SNS here.
        "hop=sns unknown",
        "hop=email unknown confirmed addresses: 1",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains(ON_CALL), "{said}");
    let email = chain.until_told(ALERT, false).await.unwrap();
    assert_eq!(email.subject, "[contact-manager dev] P3 AlertTest");
    chain.until_told(ALERT, true).await.unwrap();
}

async fn silence(chain: &Chain, hours: &str) -> (i32, String) {
    let (alert, hours) = (format!("--alert={ALERT}"), format!("--hours={hours}"));
    let arguments = ["silence", "--env=dev", &alert, &hours];
    chain.cloud.tool(&arguments).await.unwrap()
}

async fn try_it(chain: &Chain) -> (i32, String) {
    let times = ["--hop=60", "--sns=0", "--look=0.5", "--every=1"];
    let arguments = [&["alert-test", "--env=dev"], &times[..]].concat();
    chain.cloud.tool(&arguments).await.unwrap()
}

async fn until_over(chain: &Chain) {
    let (began, mut looks) = (Instant::now(), interval(Duration::from_millis(200)));
    loop {
        looks.tick().await;
        let mut there = chain.monitoring.firing().await.unwrap();
        there.extend(chain.monitoring.reported().await.unwrap());
        if !there.contains(ALERT) {
            return;
        }
        assert!(began.elapsed() < Duration::from_mins(2), "{there:?}");
    }
}
