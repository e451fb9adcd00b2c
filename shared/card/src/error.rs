//! Why a card was refused.

use std::fmt;

/// One thing wrong with a card: where, and what should be there. Never the bad value itself, which
/// may be personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) to the offending value, or to the place of the missing member.
    pub pointer: String,
    /// What should be there, such as "an integer from 1 to 100".
    pub expected: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} should be {}", self.pointer, self.expected)
    }
}

/// Why a text, a value or a patch does not make a card. Holds no value of the card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// The JSON is no valid card. All that is wrong with it, up to [`crate::limits::VIOLATIONS`].
    #[error("not a valid JSContact card: {}", join(.0))]
    Invalid(Vec<Violation>),
    /// The card as a whole exceeds one of [`crate::limits`].
    #[error("the card has {actual} {limit}; at most {max} are allowed")]
    TooLarge {
        /// What is limited: "bytes of JSON" or "words to be found by".
        limit: &'static str,
        /// The most that is allowed.
        max: usize,
        /// What the card has.
        actual: usize,
    },
    /// A patch would remove or change `uid`.
    #[error("\"uid\" cannot be changed or removed; create another card instead")]
    UidChanged,
    /// The text is not JSON.
    #[error("not JSON: {message}")]
    NotJson {
        /// What the parser met, with line and column, without content.
        message: String,
    },
}

impl CardError {
    /// The whole value should be something else.
    pub(crate) fn expected(expected: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation {
            pointer: String::new(),
            expected: expected.into(),
        }])
    }
}

fn join(violations: &[Violation]) -> String {
    violations
        .iter()
        .map(Violation::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Collects violations while a value is walked, and knows where the walk is.
#[derive(Default)]
pub(crate) struct Report {
    pointer: String,
    violations: Vec<Violation>,
}

impl Report {
    /// Runs `visit` one level down, at the member or index `token`.
    pub(crate) fn at<T>(&mut self, token: &str, visit: impl FnOnce(&mut Self) -> T) -> T {
        let parent = self.pointer.len();
        self.pointer.push('/');
        for c in token.chars() {
            match c {
                '~' => self.pointer.push_str("~0"),
                '/' => self.pointer.push_str("~1"),
                c => self.pointer.push(c),
            }
        }
        let result = visit(self);
        self.pointer.truncate(parent);
        result
    }

    /// Records that the current place should hold `expected`.
    pub(crate) fn expect(&mut self, expected: impl Into<String>) {
        if self.violations.len() < crate::limits::VIOLATIONS {
            self.violations.push(Violation {
                pointer: self.pointer.clone(),
                expected: expected.into(),
            });
        }
    }

    /// Records that the member `name` of the current place should hold `expected`.
    pub(crate) fn expect_at(&mut self, name: &str, expected: impl Into<String>) {
        self.at(name, |report| report.expect(expected));
    }

    /// Nothing was wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.violations.is_empty()
    }

    /// An error if anything was wrong.
    pub(crate) fn finish(self) -> Result<(), CardError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(CardError::Invalid(self.violations))
        }
    }
}
