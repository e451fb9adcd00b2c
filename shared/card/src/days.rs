//! The days of the year that a card gives.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::fold::cut;

/// The most bytes of an anniversary's kind.
const KIND_BYTES: usize = 64;
/// The most days of a card: as many rows lead to it.
const MOST: usize = 32;
/// February has a 29th, if not every year.
const DAYS: [u64; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A day that comes back every year.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// Month and day of the Gregorian calendar, such as `02-29`.
    pub day: String,
    /// `birth`, `death`, `wedding`, or another word of the card.
    pub kind: String,
}

/// The anniversaries of a card (RFC 9553, section 2.8.1) that have a month and a day.
pub(crate) fn of(card: &Map<String, Value>) -> BTreeSet<Day> {
    let all = card.get("anniversaries").and_then(Value::as_object);
    let days = all.into_iter().flat_map(Map::values).filter_map(|one| {
        let kind = one.get("kind")?.as_str()?;
        let kind: String = kind.chars().filter(|c| !c.is_control()).collect();
        Some(Day {
            day: day(one.get("date")?)?,
            kind: cut(&kind, KIND_BYTES).to_owned(),
        })
    });
    days.take(MOST).collect()
}

fn day(date: &Value) -> Option<String> {
    let number = |name: &str| date.get(name).and_then(Value::as_u64);
    let (month, day) = match date.get("utc").and_then(Value::as_str) {
        // `YYYY-MM-DDThh:mm:ssZ`: the day in UTC is as near as it gets.
        Some(utc) => {
            let mut parts = utc.get(..10)?.split('-').skip(1);
            let mut next = || parts.next()?.parse::<u64>().ok();
            (next()?, next()?)
        }
        None => {
            let scale = date.get("calendarScale").and_then(Value::as_str);
            if scale.is_some_and(|scale| !scale.eq_ignore_ascii_case("gregorian")) {
                return None;
            }
            (number("month")?, number("day")?)
        }
    };
    let last = DAYS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    (1..=*last)
        .contains(&day)
        .then(|| format!("{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn days(anniversaries: Value) -> Vec<(String, String)> {
        let card = json!({"anniversaries": anniversaries});
        let days = of(card.as_object().unwrap()).into_iter();
        days.map(|day| (day.day, day.kind)).collect()
    }

    #[test]
    fn an_anniversary_with_month_and_day_is_a_day() {
        let found = days(json!({
            "a": {"kind": "birth", "date": {"year": 1984, "month": 2, "day": 29}},
            "b": {"kind": "wedding", "date": {"month": 12, "day": 1}},
            "c": {"kind": "death", "date": {"@type": "Timestamp", "utc": "2019-10-15T23:10:00Z"}},
            "d": {"kind": "birth", "date": {"month": 5, "day": 6, "calendarScale": "Gregorian"}},
        }));
        let wanted = [
            ("02-29", "birth"),
            ("05-06", "birth"),
            ("10-15", "death"),
            ("12-01", "wedding"),
        ];
        let wanted = wanted.map(|(day, kind)| (day.to_owned(), kind.to_owned()));
        assert_eq!(found, wanted);
    }

    #[test]
    fn other_dates_are_none() {
        for date in [
            json!({"year": 1984}),
            json!({"year": 1984, "month": 2}),
            json!({"month": 2, "day": 30}),
            json!({"month": 13, "day": 1}),
            json!({"month": 0, "day": 1}),
            json!({"month": 1, "day": 0}),
            json!({"month": 1, "day": 1, "calendarScale": "hebrew"}),
            json!({"utc": "soon"}),
            json!({"utc": "2019-éé"}),
            json!("1984-02-29"),
        ] {
            let one = json!({"a": {"kind": "birth", "date": date}});
            assert_eq!(days(one), [], "{date}");
        }
        assert_eq!(days(json!({"a": {"date": {"month": 1, "day": 1}}})), []);
    }
}
