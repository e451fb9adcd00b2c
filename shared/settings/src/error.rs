//! What is wrong with the environment, in one line for the operator.

/// A variable that stops the start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A variable without which this program cannot run.
    #[error("{variable} is not set: it should be {should}")]
    Missing {
        /// The variable's name.
        variable: &'static str,
        /// What to set it to.
        should: &'static str,
    },
    /// A variable whose value is not what it should be.
    #[error("{variable} is {found}: it should be {should}")]
    Wrong {
        /// The variable's name.
        variable: &'static str,
        /// The quoted value, or, of a secret, no more than that it is wrong.
        found: String,
        /// What to set it to.
        should: &'static str,
    },
    /// A variable of this product's prefix that nobody reads: a misspelling of one that is read.
    #[error("{variable} is not a setting: did you mean {nearest}? Rename or unset it")]
    Misspelt {
        /// The name as found.
        variable: String,
        /// The known name that is nearest by edit distance.
        nearest: &'static str,
    },
    /// A variable of this product's prefix that nobody reads, and that resembles none that is read.
    #[error("{variable} is not a setting: unset it. There are {}", known.join(", "))]
    Unknown {
        /// The name as found.
        variable: String,
        /// All known names.
        known: Vec<&'static str>,
    },
}
