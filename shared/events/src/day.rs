//! Birthdays and other days that come back every year, told the evening before.

use std::{collections::BTreeSet, time::Duration};

use contacts_store::{EventId, Subscription, random_bytes};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::{
    EventKind, Events, Published, Result,
    deliver::{Audience, Listener, Names},
    message::{About, Anniversary, Event},
    pass::Pass,
};

/// The hour of the evening from which the next day is told.
const HOUR: i8 = 18;
/// How many messages are sent together.
const TOGETHER: usize = 100;
/// For how long a call tells of days; the next one, a quarter of an hour later, begins elsewhere.
const TIME: Duration = Duration::from_secs(30);

/// The day that is to be told of by now, in a zone, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Due {
    day: Date,
    since: Timestamp,
}

/// The last day whose evening before has begun. A clock that skips the hour or has it twice begins it
/// once.
fn due(now: Timestamp, zone: &TimeZone) -> Option<Due> {
    let local = now.to_zoned(zone.clone());
    let evening = |day: Date| day.at(HOUR, 0, 0, 0).to_zoned(zone.clone()).ok();
    let today = local.date();
    let tonight = evening(today)?.timestamp();
    let before = if now >= tonight {
        today
    } else {
        today.yesterday().ok()?
    };
    Some(Due {
        day: before.tomorrow().ok()?,
        since: evening(before)?.timestamp(),
    })
}

/// The days of the year that are celebrated on `day`: who was born on 29 February celebrates on the
/// 28th in other years.
fn celebrated(day: Date) -> Vec<String> {
    let mut days = vec![format!("{:02}-{:02}", day.month(), day.day())];
    if !day.in_leap_year() && (day.month(), day.day()) == (2, 28) {
        days.push("02-29".to_owned());
    }
    days
}

/// Turns the list by any number of places.
fn begin_elsewhere<T>(list: &mut [T]) {
    if !list.is_empty() {
        let places = u32::from_be_bytes(random_bytes()) as usize % list.len();
        list.rotate_left(places);
    }
}

impl Events {
    /// Tells of the birthdays and other anniversaries of the day that has dawned in the evening before,
    /// from 18:00 in each subscription's time zone: each day once for each subscription, and again where
    /// something failed. To be called every quarter of an hour or so; it takes half a minute at most, and
    /// whoever is not reached by then is told at the next call. A day whose evening was missed is told
    /// until it is over.
    ///
    /// # Errors
    /// The table fails.
    pub async fn anniversaries(&self, now: Timestamp) -> Result<Published> {
        let mut published = Published::default();
        let pass = Pass::new(&self.pauses, TIME);
        let mut subscriptions = self.contacts.store().subscriptions_by_day().await?;
        begin_elsewhere(&mut subscriptions);
        for (subscription, told) in subscriptions {
            if pass.is_over() {
                tracing::warn!("time is up before everybody was told of the day");
                break;
            }
            let zone = TimeZone::get(&subscription.time_zone).unwrap_or(TimeZone::UTC);
            let Some(due) = due(now, &zone) else { continue };
            let day = due.day.to_string();
            // Dates sort as text.
            let done = told.is_some_and(|told| told >= day) || subscription.created > due.since;
            if !done {
                published.add(self.tell_day(&pass, subscription, due).await?);
            }
        }
        Ok(published)
    }

    async fn tell_day(
        &self,
        pass: &Pass<'_>,
        subscription: Subscription,
        due: Due,
    ) -> Result<Published> {
        let store = self.contacts.store();
        let (id, book) = (subscription.id, subscription.book);
        let mut published = Published::default();
        let Some(now) = store.book(book).await? else {
            return Ok(published);
        };
        let mut events = Vec::new();
        let date = due.day.to_string();
        for day in celebrated(due.day) {
            for (contact, kind) in store.days(book, &day).await? {
                let of = if kind == "birth" {
                    EventKind::ContactBirthday
                } else {
                    EventKind::ContactAnniversary
                };
                let what = [contact.to_string(), kind.clone(), date.clone()].join("/");
                let since = now.created.as_millisecond().to_string();
                let date = date.clone();
                let about = About::Contact(contact, None, Some(Anniversary { date, kind }));
                events.push(Event {
                    id: EventId::derived(&["event", &book.to_string(), &since, "day", &what]),
                    sequence: now.seq,
                    kind: of,
                    at: due.since,
                    book,
                    about,
                });
            }
        }
        // Where it breaks off each time, it is not always the same who is not told of.
        begin_elsewhere(&mut events);
        let mut audience = Audience::of(store, &self.topic, pass, vec![subscription]).await?;
        let mut waiting = false;
        for events in events.chunks(TOGETHER) {
            let contacts: BTreeSet<_> = audience.named(events);
            let names = Names::of(store, book, contacts).await?;
            let told = |listener: &Listener| -> Vec<_> {
                let wanted = events.iter().filter(|event| listener.wants(event));
                wanted
                    .map(|event| audience.letter(listener, event, &names))
                    .collect()
            };
            let letters: Vec<_> = audience.listeners().flat_map(told).collect();
            for fate in self.send(pass, &mut audience, &letters).await {
                published.count(fate);
                waiting |= fate.waits();
            }
        }
        if !waiting {
            store.note_day(id, &date).await?;
        }
        Ok(published)
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use proptest::prelude::*;

    use super::*;

    fn due_at(now: &str, zone: &str) -> (String, String) {
        let due = due(now.parse().unwrap(), &TimeZone::get(zone).unwrap()).unwrap();
        (due.day.to_string(), due.since.to_string())
    }

    #[test]
    fn a_day_is_due_from_six_in_the_evening_before() {
        for (now, zone, day, since) in [
            (
                "2026-05-03T17:59:59Z",
                "UTC",
                "2026-05-03",
                "2026-05-02T18:00:00Z",
            ),
            (
                "2026-05-03T18:00:00Z",
                "UTC",
                "2026-05-04",
                "2026-05-03T18:00:00Z",
            ),
            (
                "2026-05-03T15:59:59Z",
                "Europe/Berlin",
                "2026-05-03",
                "2026-05-02T16:00:00Z",
            ),
            (
                "2026-05-03T16:00:00Z",
                "Europe/Berlin",
                "2026-05-04",
                "2026-05-03T16:00:00Z",
            ),
            (
                "2026-05-03T12:30:00Z",
                "Asia/Kolkata",
                "2026-05-04",
                "2026-05-03T12:30:00Z",
            ),
            (
                "2026-05-04T03:59:59Z",
                "Pacific/Kiritimati",
                "2026-05-04",
                "2026-05-03T04:00:00Z",
            ),
            (
                "2026-05-04T04:00:00Z",
                "Pacific/Kiritimati",
                "2026-05-05",
                "2026-05-04T04:00:00Z",
            ),
            (
                "2026-12-31T18:00:00Z",
                "UTC",
                "2027-01-01",
                "2026-12-31T18:00:00Z",
            ),
        ] {
            assert_eq!(
                due_at(now, zone),
                (day.to_owned(), since.to_owned()),
                "{now} {zone}"
            );
        }
    }

    #[test]
    fn leap_days_are_celebrated_every_year() {
        let celebrated = |day: &str| celebrated(day.parse().unwrap());
        assert_eq!(celebrated("2027-02-28"), ["02-28", "02-29"]);
        assert_eq!(celebrated("2028-02-28"), ["02-28"]);
        assert_eq!(celebrated("2028-02-29"), ["02-29"]);
        assert_eq!(celebrated("2100-02-28"), ["02-28", "02-29"]);
        assert_eq!(celebrated("2026-12-09"), ["12-09"]);
    }

    proptest! {
        #[test]
        fn hour_by_hour_every_day_of_a_year_is_due_once_and_in_order(
            zone in prop::sample::select(vec![
                "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
                "Africa/Casablanca", "Pacific/Chatham", "America/Sao_Paulo",
            ]),
            minute in 0_i64..60,
            year in 1990_i64..2040,
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let start: Timestamp = format!("{year}-01-01T00:00:00Z").parse().unwrap();
            let mut last: Option<Date> = None;
            for hour in 0..8_800 {
                let now = start + hour.hours() + minute.minutes();
                let due = due(now, &zone).unwrap();
                prop_assert!(due.since <= now);
                if let Some(last) = last {
                    prop_assert!(due.day == last || due.day == last.tomorrow().unwrap());
                }
                last = Some(due.day);
            }
        }
    }
}
