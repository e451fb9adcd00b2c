//! Points as Parquet files, which `DuckDB`, Athena, pandas and others read as they are.
//!
//! What is written is the simplest that the format allows: one row group, one page for each column, plain
//! encoding, no compression. What is read is what was written here. The crate `parquet` does all of it and
//! much more, for half a megabyte of the function's package; see docs/DECISIONS.md.
//!
//! Source: Apache Parquet, "File Format", "Encodings" and `parquet.thrift`.

mod read;
mod thrift;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;

/// What a file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";

/// `Type` of `parquet.thrift`, as far as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int64 = 2,
    Double = 5,
    ByteArray = 6,
}

/// `ConvertedType` of `parquet.thrift`: text, and milliseconds since 1970 in UTC.
const UTF8: i64 = 0;
const TIMESTAMP_MILLIS: i64 = 9;

/// A column that every point has.
struct Column {
    name: &'static str,
    kind: Kind,
    converted: Option<i64>,
}

/// They come first; each figure follows as a double that may be absent.
const COLUMNS: [Column; 5] = [
    Column {
        name: "task",
        kind: Kind::ByteArray,
        converted: Some(UTF8),
    },
    Column {
        name: "target",
        kind: Kind::ByteArray,
        converted: Some(UTF8),
    },
    Column {
        name: "time",
        kind: Kind::Int64,
        converted: Some(TIMESTAMP_MILLIS),
    },
    Column {
        name: "seq",
        kind: Kind::Int64,
        converted: None,
    },
    Column {
        name: "samples",
        kind: Kind::Int64,
        converted: None,
    },
];

/// The bytes are no file that this service wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a file that this service wrote")]
pub(crate) struct Damaged;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::point::{Figure, Point};

    fn points() -> impl Strategy<Value = Vec<Point>> {
        let figures = prop::collection::vec(
            prop::option::of(any::<f64>().prop_filter("finite", |value| value.is_finite())),
            Figure::ALL.len(),
        );
        let point = (
            "[a-z0-9-]{0,40}",
            "[a-zé]{0,12}",
            any::<i64>(),
            any::<i64>(),
            any::<i64>(),
            figures,
        );
        let point = point.prop_map(|(task, target, time, seq, samples, figures)| {
            let mut point = Point::new(&task, &target, time, seq, samples);
            for (figure, value) in Figure::ALL.iter().zip(figures) {
                point.set(*figure, value);
            }
            point
        });
        prop::collection::vec(point, 0..40)
    }

    /// As docs/DATA.md has them.
    #[test]
    fn files_are_as_large_as_is_said() {
        let size = |tasks: i64, points: i64| {
            let point = |number: i64| {
                let task = format!("{:032x}", number % tasks);
                let mut point = Point::new(&task, "container", number, number, 12);
                for figure in &Figure::ALL[..13] {
                    point.set(*figure, Some(number as f64));
                }
                point
            };
            write(&(0..tasks * points).map(point).collect::<Vec<_>>()).len()
        };
        let sizes = [size(1, 1), size(1, 60), size(2, 60), size(2, 24)];
        assert_eq!(sizes, [2_019, 12_674, 23_475, 10_508]);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again(points in points()) {
            prop_assert_eq!(read(&write(&points)).unwrap(), points);
        }

        #[test]
        fn damaged_files_are_refused_or_read_and_never_panic(
            points in points(),
            cut in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut file = write(&points);
            let cut = cut.index(file.len());
            prop_assert!(read(&file[..cut]).is_err());
            let at = at.index(file.len());
            file[at] = byte;
            let _ = read(&file);
        }
    }
}
