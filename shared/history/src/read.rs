//! Answering what was.

use jiff::Timestamp;

use crate::compact::Listed;
use crate::files::TRIES;
use crate::point::{DAY, HOUR, MINUTE, Point, Points};
use crate::{Error, History, Objects, files};

/// The most points of one series.
pub const MOST_POINTS: i64 = 1_500;

/// From one point of an answer to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `1m`
    Minute,
    /// `1h`
    Hour,
    /// `1d`
    Day,
}

impl Step {
    /// From the shortest to the longest.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// As requests and answers write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    /// Its length in milliseconds.
    #[must_use]
    pub const fn milliseconds(self) -> i64 {
        match self {
            Self::Minute => MINUTE,
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// How many points a series may have that begins in `from..to`.
    #[must_use]
    pub fn points(self, from: Timestamp, to: Timestamp) -> i64 {
        let (from, to) = (from.as_millisecond(), to.as_millisecond());
        (to - from).div_euclid(self.milliseconds()) + 1
    }
}

impl History {
    /// The points of each task that begin in `from..to`, by task and time. Minutes go back seven days.
    ///
    /// # Errors
    /// The store fails, or a file is damaged.
    pub async fn read(
        &self,
        from: Timestamp,
        to: Timestamp,
        step: Step,
    ) -> Result<Vec<Point>, Error> {
        let Some(objects) = &self.objects else {
            return Ok(Vec::new());
        };
        let (from, to) = (from.as_millisecond(), to.as_millisecond());
        for _ in 0..TRIES {
            let points = match step {
                Step::Minute => minutes(objects, from, to).await?,
                Step::Hour | Step::Day => hours(objects, from, to).await?,
            };
            // A file was merged away meanwhile.
            let Some(points) = points else {
                continue;
            };
            let mut points = points.by(step.milliseconds());
            points.retain(|point| (from..to).contains(&point.time));
            return Ok(points);
        }
        Err(Error::Busy)
    }
}

/// Minutes, from every file with some of these hours.
async fn minutes(objects: &Objects, from: i64, to: i64) -> Result<Option<Points>, Error> {
    let listed = Listed::of(objects).await?;
    let (first, last) = (from.div_euclid(HOUR), to.div_euclid(HOUR));
    let files = [&listed.minutes, &listed.hours]
        .into_iter()
        .flat_map(|files| files.range(first..=last.max(first)))
        .flat_map(|(_, names)| names.iter().cloned());
    files::read(objects, &files.collect::<Vec<_>>()).await
}

/// Hours, from the files of the days, and where minutes were not merged yet from all minutes of that hour: of two
/// points with one name the one that saw more stays.
async fn hours(objects: &Objects, from: i64, to: i64) -> Result<Option<Points>, Error> {
    let listed = Listed::of(objects).await?;
    let (first, last) = (
        from.div_euclid(DAY),
        to.div_euclid(DAY).max(from.div_euclid(DAY)),
    );
    let days = listed.days.range(first..=last);
    let mut names: Vec<String> = days.flat_map(|(_, names)| names.iter().cloned()).collect();
    let of_days = names.len();
    let unmerged = (first * (DAY / HOUR))..((last + 1) * (DAY / HOUR));
    for (hour, _) in listed.minutes.range(unmerged) {
        names.extend(listed.of_hour(*hour));
    }
    let (days, minutes) = names.split_at(of_days);
    let (days, minutes) =
        futures::try_join!(files::read(objects, days), files::read(objects, minutes))?;
    let (Some(mut hours), Some(minutes)) = (days, minutes) else {
        return Ok(None);
    };
    hours.extend(minutes.by(HOUR));
    Ok(Some(hours))
}
