//! Merging minutes into hours and hours into days, and removing what is too old: the worker's part.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::files::TRIES;
use crate::point::{DAY, HOUR, MINUTE, Points};
use crate::{Error, History, Objects, files, keys};

/// For how many days minutes are kept; from then on there are the hours.
pub const MINUTE_DAYS: i64 = 7;

/// An hour is merged this long after its end: then its tasks have written their last minute.
const SETTLED: i64 = 2 * MINUTE;
/// Hours that one call merges.
const HOURS: usize = 24;
/// Files that one call removes for their age.
const REMOVED: usize = 500;
/// What `CloudWatch` has of a minute may change for so long.
const LATE: i64 = 20 * MINUTE;
/// What `CloudWatch` has not yet.
const UNSETTLED: i64 = 2 * MINUTE;
/// How far back the minutes of functions are fetched after the worker was away.
const BACK: i64 = DAY;

/// What a call did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Hours that were merged.
    pub hours: u64,
    /// Files that were removed for their age.
    pub removed: u64,
    /// Whether there is more to do at once.
    pub more: bool,
}

/// All files, as they were listed: minutes first. What is merged away moves towards the days, so that nothing
/// can slip by.
pub(crate) struct Listed {
    pub(crate) minutes: BTreeMap<i64, Vec<String>>,
    pub(crate) hours: BTreeMap<i64, Vec<String>>,
    pub(crate) days: BTreeMap<i64, Vec<String>>,
}

impl Listed {
    pub(crate) async fn of(objects: &Objects) -> Result<Self, Error> {
        let by = |names: Vec<String>, number: fn(&str) -> Option<i64>| {
            let mut all: BTreeMap<i64, Vec<String>> = BTreeMap::new();
            for name in names {
                if let Some(number) = number(&name) {
                    all.entry(number).or_default().push(name);
                }
            }
            all
        };
        Ok(Self {
            minutes: by(objects.list(keys::MINUTES).await?, keys::hour_of),
            hours: by(objects.list(keys::HOURS).await?, keys::hour_of),
            days: by(objects.list(keys::DAYS).await?, keys::day_of),
        })
    }

    /// The files with the minutes of an hour.
    pub(crate) fn of_hour(&self, hour: i64) -> Vec<String> {
        let files = [self.minutes.get(&hour), self.hours.get(&hour)];
        files.into_iter().flatten().flatten().cloned().collect()
    }

    pub(crate) fn of_day(&self, day: i64) -> Vec<String> {
        self.days.get(&day).cloned().unwrap_or_default()
    }
}

impl History {
    /// Fetches the minutes of functions, merges hours that are over, and removes what is too old; of much work a
    /// part, and then says that there is more. It may run twice, at the same time, or break off at any line: what
    /// is there then is read as well as before, and the next call goes on.
    ///
    /// # Errors
    /// The store or `CloudWatch` fails, or a file is damaged.
    pub async fn compact(&self, now: Timestamp) -> Result<Compacted, Error> {
        let Some(objects) = &self.objects else {
            return Ok(Compacted::default());
        };
        let now = now.as_millisecond();
        self.fetch(objects, now).await?;
        let mut done = Compacted::default();
        for _ in 0..TRIES {
            let listed = Listed::of(objects).await?;
            let hours = due(&listed, now);
            let some: Vec<i64> = hours.iter().copied().take(HOURS).collect();
            let mut is_stale = false;
            for day in some
                .iter()
                .map(|hour| hour.div_euclid(DAY / HOUR))
                .collect::<BTreeSet<_>>()
            {
                let of_day = some
                    .iter()
                    .copied()
                    .filter(|hour| hour.div_euclid(DAY / HOUR) == day);
                let of_day: Vec<i64> = of_day.collect();
                if merge(objects, &listed, day, &of_day).await? {
                    done.hours += of_day.len() as u64;
                } else {
                    is_stale = true;
                }
            }
            if is_stale {
                continue;
            }
            // Hours that are due are removed when they are merged.
            done.more = hours.len() > some.len();
            let due: BTreeSet<i64> = hours.into_iter().collect();
            let (removed, more) = self.remove(objects, &listed, &due, now).await?;
            done.removed += removed;
            done.more |= more;
            return Ok(done);
        }
        Err(Error::Busy)
    }

    /// Removes the minutes of hours, and the hours of days, that are too old.
    async fn remove(
        &self,
        objects: &Objects,
        listed: &Listed,
        due: &BTreeSet<i64>,
        now: i64,
    ) -> Result<(u64, bool), Error> {
        let first_hour = (now - MINUTE_DAYS * DAY).div_euclid(HOUR);
        let first_day = (now - self.days * DAY).div_euclid(DAY);
        let hours = listed.hours.range(..first_hour);
        let hours = hours.filter(|(hour, _)| !due.contains(hour));
        let days = listed.days.range(..first_day);
        let old = hours.chain(days).flat_map(|(_, names)| names);
        let old: Vec<&String> = old.collect();
        for name in old.iter().take(REMOVED) {
            objects.delete(name).await?;
        }
        let removed = old.len().min(REMOVED);
        Ok((removed as u64, removed < old.len()))
    }

    /// Writes the minutes of functions as if they had. A file holds all minutes of its hour so far: whoever writes
    /// it again has as many, or more.
    async fn fetch(&self, objects: &Objects, now: i64) -> Result<(), Error> {
        let Some(cloudwatch) = &self.cloudwatch else {
            return Ok(());
        };
        let merged = objects.list(keys::HOURS).await?;
        let merged = merged.iter().filter_map(|name| keys::hour_of(name));
        let known = merged
            .filter(|hour| hour * HOUR <= now)
            .max()
            .map(|hour| hour + 1);
        let oldest = (now - BACK).div_euclid(HOUR);
        let recent = (now - LATE).div_euclid(HOUR);
        let from = known.map_or(oldest, |hour| hour.clamp(oldest, recent));
        let to = (now - UNSETTLED).div_euclid(MINUTE) * MINUTE;
        let points = cloudwatch.minutes(&self.functions, from * HOUR, to).await?;
        let mut by_file: BTreeMap<(i64, String), Points> = BTreeMap::new();
        for point in points {
            let place = (point.time.div_euclid(HOUR), point.task.clone());
            by_file.entry(place).or_default().add(point);
        }
        for ((hour, function), points) in by_file {
            let name = keys::minutes(hour, &function, 0);
            objects.put(&name, files::content(&points)).await?;
        }
        Ok(())
    }
}

/// The hours that are over and have minutes that were not merged, or that two workers have merged at once.
fn due(listed: &Listed, now: i64) -> BTreeSet<i64> {
    let is_over = |hour: &i64| (hour + 1) * HOUR + SETTLED <= now;
    let minutes = listed.minutes.keys();
    let doubled = listed.hours.iter().filter(|(_, names)| names.len() > 1);
    let all = minutes.chain(doubled.map(|(hour, _)| hour));
    all.copied().filter(is_over).collect()
}

/// Merges hours of one day, and them into the day. What went into the new files is removed last: as long as it is
/// there, all of this is done again. False if files were gone: then somebody else is at it.
async fn merge(objects: &Objects, listed: &Listed, day: i64, hours: &[i64]) -> Result<bool, Error> {
    let mut stale = Vec::new();
    let old_days = listed.of_day(day);
    let Some(mut rows) = files::read(objects, &old_days).await? else {
        return Ok(false);
    };
    for hour in hours {
        let names = listed.of_hour(*hour);
        let Some(points) = files::read(objects, &names).await? else {
            return Ok(false);
        };
        let content = files::content(&points);
        let merged = keys::hours(*hour, &content);
        objects.put(&merged, content).await?;
        rows.extend(points.by(HOUR));
        stale.extend(names.into_iter().filter(|name| *name != merged));
    }
    let content = files::content(&rows);
    let merged = keys::days(day, &content);
    objects.put(&merged, content).await?;
    let old_days = old_days.into_iter().filter(|name| *name != merged);
    for name in old_days.chain(stale) {
        objects.delete(&name).await?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
