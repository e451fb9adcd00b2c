//! What travels in the queue.

use contacts::{BookId, JobId};
use serde::{Deserialize, Serialize};

/// A message: it says what to go on with, and nothing else, so that a message that comes twice, late or
/// out of order says nothing wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Message {
    /// `{"job": "…"}`: go on with this job.
    Job(String),
    /// `{"outbox": "…"}`: publish what has happened in this book.
    Outbox(String),
    /// `{"schedule": "…"}`: it is time for this kind of job.
    Schedule(String),
}

impl Message {
    /// The message for a job.
    pub fn job(id: JobId) -> Self {
        Self::Job(id.to_string())
    }

    /// The message for a book in which something has happened.
    pub fn outbox(book: BookId) -> Self {
        Self::Outbox(book.to_string())
    }

    /// The message as it travels.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("a text is JSON")
    }

    /// Reads a message; none where it is not one of ours.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
