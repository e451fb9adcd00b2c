//! Reading many files at once, and one that may have been merged away meanwhile.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::point::{Point, Points};
use crate::{Error, Objects, parquet};

/// Files that are read at once.
const PARALLEL: usize = 32;
/// How often it is tried anew when files disappear.
pub(crate) const TRIES: usize = 5;

/// The points of all these files; none if one of them is gone: then it went into another, and whoever asked has
/// to look anew.
pub(crate) async fn read(objects: &Objects, names: &[String]) -> Result<Option<Points>, Error> {
    let mut all = Points::default();
    let mut files = stream::iter(names.to_vec())
        .map(|name| read_one(objects.clone(), name))
        .buffer_unordered(PARALLEL);
    while let Some(points) = files.try_next().await? {
        match points {
            Some(points) => all.extend(points),
            None => return Ok(None),
        }
    }
    Ok(Some(all))
}

async fn read_one(objects: Objects, name: String) -> Result<Option<Vec<Point>>, Error> {
    let Some(bytes) = objects.get(&name).await? else {
        return Ok(None);
    };
    let points = parquet::read(&bytes).map_err(|_| Error::Damaged(name))?;
    Ok(Some(points))
}

/// The content of a file with these points.
pub(crate) fn content(points: &Points) -> Vec<u8> {
    let points: Vec<Point> = points.iter().cloned().collect();
    parquet::write(&points)
}
