//! Tables: the same text on standard output and in the documents.

use std::{fmt, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};

/// A table with a title.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    note: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(title: &str, note: &str, header: [&str; N]) -> Self {
        Self {
            title: title.to_owned(),
            note: note.to_owned(),
            rows: vec![header.map(str::to_owned).to_vec()],
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    /// A row of the usual kind: what was measured, here and at the peer, against the goal.
    pub(crate) fn compare(&mut self, measure: &str, product: String, peer: &str, goal: Goal) {
        self.row([
            measure.to_owned(),
            product,
            peer.to_owned(),
            goal.wanted,
            goal.reached.to_owned(),
        ]);
    }
}

/// The header of tables made of [`Table::compare`].
pub(crate) const COMPARED: [&str; 5] = ["measured", "product", "peer", "goal", "reached"];

/// What was to be reached, and whether it was.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) wanted: String,
    pub(crate) reached: &'static str,
}

impl Goal {
    pub(crate) fn none() -> Self {
        Self {
            wanted: String::new(),
            reached: "",
        }
    }

    pub(crate) fn new(wanted: &str, reached: bool) -> Self {
        Self {
            wanted: wanted.to_owned(),
            reached: if reached { "yes" } else { "**no**" },
        }
    }
}

/// Markdown, aligned, so that it can be read on a terminal too.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.title.is_empty() {
            writeln!(f, "### {}\n", self.title)?;
        }
        if !self.note.is_empty() {
            writeln!(f, "{}\n", self.note)?;
        }
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or_default().max(3)
        };
        for (number, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                write!(f, "| {cell:<0$} ", width(column))?;
            }
            writeln!(f, "|")?;
            if number == 0 {
                for column in 0..columns {
                    write!(f, "|{:-<1$}", "", width(column) + 2)?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// Replaces what stands between `<!-- name…-->` and `<!-- /name -->` in a document.
pub(crate) fn replace_block(file: &Path, name: &str, text: &str) -> Result<()> {
    let missing = || format!("{} has no block {name:?}", file.display());
    let document = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let open = document
        .find(&format!("<!-- {name}"))
        .with_context(missing)?;
    let start = open + document[open..].find("-->").with_context(missing)? + "-->".len();
    let end = document
        .find(&format!("<!-- /{name} -->"))
        .with_context(missing)?;
    let before = document.get(..start).with_context(missing)?;
    let after = document.get(end..).with_context(missing)?;
    fs::write(file, format!("{before}\n{}\n{after}", text.trim_end()))
        .with_context(|| file.display().to_string())
}

pub(crate) fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// A count with its thousands apart.
pub(crate) fn count(count: usize) -> String {
    if count < 1_000 {
        return count.to_string();
    }
    format!("{},{:03}", count / 1_000, count % 1_000)
}

pub(crate) fn us(seconds: f64) -> String {
    format!("{:.0} µs", seconds * 1e6)
}

/// Bytes in millions of bytes.
pub(crate) fn mb(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown to one decimal")]
    let millions = bytes as f64 / 1e6;
    format!("{millions:.1} MB")
}

pub(crate) fn times(ratio: f64) -> String {
    format!("{ratio:.2} ×")
}

pub(crate) fn ratio(of: Duration, to: Duration) -> f64 {
    of.as_secs_f64() / to.as_secs_f64().max(1e-9)
}
