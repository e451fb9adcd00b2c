//! The lines a child process writes.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    sync::watch,
    time::timeout,
};

/// Which of its two outputs a process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it was written.
    pub stream: Stream,
    /// The text; bytes that are not UTF-8 become U+FFFD.
    pub text: String,
}

/// The lines captured so far; clones share them.
#[derive(Clone, Debug)]
pub struct Output {
    lines: Arc<Mutex<Vec<Line>>>,
    count: watch::Sender<usize>,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            lines: Arc::default(),
            count: watch::Sender::new(0),
        }
    }
}

impl Output {
    /// All lines so far, in the order in which they were read.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for a line that fits, among those already there and those to come.
    ///
    /// # Errors
    /// If none comes within 30 seconds; the error has all that did.
    pub async fn wait_for(&self, fits: impl Fn(&Line) -> bool) -> anyhow::Result<Line> {
        let mut count = self.count.subscribe();
        let search = async {
            loop {
                count.borrow_and_update();
                if let Some(line) = self.lines().into_iter().find(&fits) {
                    return Some(line);
                }
                count.changed().await.ok()?;
            }
        };
        let found = timeout(Duration::from_secs(30), search)
            .await
            .ok()
            .flatten();
        found.with_context(|| format!("the line waited for is not among these:\n{self}"))
    }

    /// Reads one of the outputs of a child until it is closed.
    pub(crate) fn capture(
        &self,
        stream: Stream,
        source: Option<impl AsyncRead + Unpin + Send + 'static>,
    ) {
        let Some(source) = source else { return };
        let output = self.clone();
        tokio::spawn(async move {
            let mut source = BufReader::new(source);
            let mut bytes = Vec::new();
            while source
                .read_until(b'\n', &mut bytes)
                .await
                .is_ok_and(|read| read > 0)
            {
                let text = String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned();
                let mut lines = output.lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(Line { stream, text });
                output.count.send_replace(lines.len());
                drop(lines);
                bytes.clear();
            }
        });
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            writeln!(f, "{}", line.text)?;
        }
        Ok(())
    }
}
