//! The names of files.
//!
//! | name | what |
//! |---|---|
//! | `system/minutes/2026-11-22T04/TASK-NUMBER.parquet` | the minutes of one task within an hour |
//! | `system/hours/2026-11-22T04/HASH.parquet` | the minutes of all tasks within an hour |
//! | `system/days/2026-11-22/HASH.parquet` | the hours of all tasks within a day |

use data_encoding::HEXLOWER;
use jiff::{Timestamp, civil, tz::TimeZone};
use sha2::{Digest as _, Sha256};

use crate::point::{DAY, HOUR};

pub(crate) const MINUTES: &str = "system/minutes/";
pub(crate) const HOURS: &str = "system/hours/";
pub(crate) const DAYS: &str = "system/days/";

/// The file of a task's minutes within the hour of this number, which begin with the point `seq`.
pub(crate) fn minutes(hour: i64, task: &str, seq: i64) -> String {
    format!("{MINUTES}{}/{task}-{seq:x}.parquet", hour_text(hour))
}

/// The file of an hour with this content. One with other content has another name, so that nobody
/// overwrites what somebody else has written.
pub(crate) fn hours(hour: i64, content: &[u8]) -> String {
    format!("{HOURS}{}/{}.parquet", hour_text(hour), hash(content))
}

/// The file of a day with this content.
pub(crate) fn days(day: i64, content: &[u8]) -> String {
    format!("{DAYS}{}/{}.parquet", day_text(day), hash(content))
}

/// The number of the hour in the name of a file of minutes or of an hour.
pub(crate) fn hour_of(name: &str) -> Option<i64> {
    let text = folder_of(name.strip_prefix(MINUTES).or(name.strip_prefix(HOURS))?)?;
    let (day, hour) = text.split_once('T')?;
    let hour: i64 = hour.parse().ok()?;
    Some(day_number(day)? * (DAY / HOUR) + hour)
}

/// The number of the day in the name of a file of a day.
pub(crate) fn day_of(name: &str) -> Option<i64> {
    day_number(folder_of(name.strip_prefix(DAYS)?)?)
}

fn folder_of(rest: &str) -> Option<&str> {
    let (folder, file) = rest.split_once('/')?;
    file.ends_with(".parquet").then_some(folder)
}

fn day_number(text: &str) -> Option<i64> {
    let date: civil::Date = text.parse().ok()?;
    let begin = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(begin.as_millisecond().div_euclid(DAY))
}

fn day_text(day: i64) -> String {
    let begin = Timestamp::from_millisecond(day.saturating_mul(DAY)).unwrap_or(Timestamp::MAX);
    begin.to_zoned(TimeZone::UTC).date().to_string()
}

fn hour_text(hour: i64) -> String {
    let per_day = DAY / HOUR;
    let (day, hour) = (hour.div_euclid(per_day), hour.rem_euclid(per_day));
    format!("{}T{hour:02}", day_text(day))
}

fn hash(content: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(content)[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_hour_and_their_day() {
        let begin: Timestamp = "2026-11-22T04:00:00Z".parse().unwrap();
        let hour = begin.as_millisecond() / HOUR;
        let name = minutes(hour, "api-1", 255);
        assert_eq!(name, "system/minutes/2026-11-22T04/api-1-ff.parquet");
        assert_eq!(hour_of(&name), Some(hour));
        assert_eq!(hour_of(&hours(hour, b"x")), Some(hour));
        assert_eq!(day_of(&days(hour / 24, b"x")), Some(hour / 24));
        for before in [0, -1, -25] {
            assert_eq!(hour_of(&minutes(before, "a", 0)), Some(before));
        }
        for other in [
            "system/minutes/2026-11-22T04/",
            "system/minutes/x/a.parquet",
            "system/hours/2026-11-22/a.parquet",
            "system/hours/2026-11-22T04/a.json",
            "else/2026-11-22T04/a.parquet",
        ] {
            assert_eq!(hour_of(other), None, "{other}");
        }
    }
}
