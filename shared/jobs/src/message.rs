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
    /// `{"retry": "…"}`: the same, also if it has failed. Only who mended the cause sends it.
    Retry(String),
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

    /// What brings back a message that was given up, as it stands in the dead-letter queue.
    pub(crate) fn brought_back(text: &str) -> String {
        match Self::read(text) {
            Some(Self::Job(id)) => Self::Retry(id).text(),
            _ => text.to_owned(),
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> impl Strategy<Value = Message> {
        ("\\PC*", 0..4).prop_map(|(text, kind)| match kind {
            0 => Message::Job(text),
            2 => Message::Retry(text),
            1 => Message::Outbox(text),
            _ => Message::Schedule(text),
        })
    }

    proptest! {
        #[test]
        fn what_is_sent_is_read(message in message()) {
            prop_assert_eq!(Message::read(&message.text()), Some(message));
        }

        #[test]
        fn what_others_send_is_none_of_ours(text in "\\PC{0,60}") {
            prop_assert_eq!(Message::read(&text), None);
        }

        #[test]
        fn json_is_ours_only_as_we_write_it(kind in "[a-z]{1,9}", text in "[a-z]{0,9}") {
            let known = ["job", "retry", "outbox", "schedule"].contains(&&*kind);
            let one = format!("{{\"{kind}\":\"{text}\"}}");
            prop_assert_eq!(Message::read(&one).is_some(), known);
            for odd in [
                format!("{{\"job\":\"{text}\",\"{kind}\":1}}"),
                format!("{{\"{kind}\":[\"{text}\"]}}"),
                format!("[{one}]"),
                format!("{one}{one}"),
                one[..one.len() - 1].to_owned(),
            ] {
                prop_assert_eq!(Message::read(&odd), None, "{}", odd);
            }
        }
    }

    #[test]
    fn messages_are_written_as_the_documentation_says() {
        for (message, text) in [
            (Message::Job("a".to_owned()), r#"{"job":"a"}"#),
            (Message::Retry("a".to_owned()), r#"{"retry":"a"}"#),
            (Message::Outbox("b".to_owned()), r#"{"outbox":"b"}"#),
            (Message::Schedule("c".to_owned()), r#"{"schedule":"c"}"#),
        ] {
            assert_eq!(message.text(), text);
        }
    }
}
