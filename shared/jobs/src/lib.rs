//! Jobs: work that outlives its request.
//!
//! A job is an item in the table and a message in a queue. [`Jobs`] are the use cases behind the API;
//! [`Runner`] does the work of one message, wherever it was received: in a Lambda function, in a
//! container ([`poll`]), or inside the standalone process.
//!
//! A kind of job is a file in `kinds` and a line there. It is cut into steps; each may run twice, at the
//! same time, or break off at any line, and a checkpoint closes it.

mod failure;
mod jobs;
mod kinds;
mod message;
mod poll;
mod queue;
mod run;
mod schedule;

pub use failure::Failure;
pub use jobs::{Error, Jobs, Result};
pub use message::Message;
pub use poll::{CONCURRENCY, poll};
pub use queue::{Delivery, Queue, QueueError, Sqs, TableQueue};
pub use run::{MAX_RECEIVES, Runner, Until, Verdict};
pub use schedule::{SCHEDULES, Schedule};
