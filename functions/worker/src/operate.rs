//! What an operator does by hand, on the table and the queue of the environment.

use anyhow::{Context as _, Result, ensure};
use contacts::{Identity, NewToken, Scope};
use contacts_settings::Settings;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};

/// Brings the messages of the dead-letter queue back, and says how many there were.
///
/// # Errors
/// If the queue cannot be reached.
pub async fn redrive(settings: &Settings) -> Result<String> {
    let moved = crate::jobs(settings).await.queue().redrive().await?;
    Ok(format!("{moved} messages are back in the queue."))
}

/// A new token with all scopes for the principal of that name, which works for so many days: how
/// somebody gets in where no OIDC issuer is set.
///
/// # Errors
/// If the name or the days are none, or the table cannot be written.
pub async fn token(settings: &Settings, name: &str, days: &str) -> Result<String> {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    // Nobody who comes by OIDC has such a name: theirs have a colon.
    ensure!(
        (1..=64).contains(&name.len()) && name.bytes().all(fits),
        "{name:?} is no name: it should be 1 to 64 of a-z 0-9 . _ -"
    );
    let days = days.parse::<i64>().ok();
    let days = days.filter(|days| (1..=3650).contains(days));
    let days = days.context("the days that a token works are a number from 1 to 3650")?;
    let end = Timestamp::now().to_zoned(TimeZone::UTC) + days.days();
    let somebody = Identity {
        principal: name.to_owned(),
        scopes: Scope::ALL.to_vec(),
    };
    let new = NewToken {
        name: "operator".to_owned(),
        scopes: Scope::ALL.to_vec(),
        expires: Some(end.timestamp()),
    };
    let jobs = crate::jobs(settings).await;
    let (_, secret) = jobs.contacts().create_token(&somebody, &new).await?;
    Ok(secret)
}

/// Begins a new epoch in every book: due once after the table was brought back to an earlier state
/// (docs/DATA.md, "Coming back from a backup").
///
/// # Errors
/// If the table cannot be read and written.
pub async fn begin_epoch(settings: &Settings) -> Result<String> {
    crate::jobs(settings)
        .await
        .contacts()
        .store()
        .begin_epoch()
        .await?;
    Ok("Every book has begun a new epoch: clients that follow changes begin anew.".to_owned())
}

/// Whether the whole table agrees with itself: a line for each disagreement, without personal data, and one
/// that counts them. For a table at rest, such as a restored copy; it is held in memory.
///
/// # Errors
/// If the table cannot be read.
pub async fn check(settings: &Settings) -> Result<(String, bool)> {
    let report = crate::jobs(settings)
        .await
        .contacts()
        .store()
        .check()
        .await?;
    let findings = report.findings.iter().map(|finding| format!("{finding}\n"));
    let said = format!(
        "{}books={} contacts={} findings={}",
        findings.collect::<String>(),
        report.books,
        report.contacts,
        report.findings.len()
    );
    Ok((said, report.findings.is_empty()))
}
