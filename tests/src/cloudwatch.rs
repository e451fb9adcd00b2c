//! CloudWatch for tests: alarms as they were applied, evaluated over samples in a time of the test's own, and the
//! emails that they cause.
//!
//! What is taken for granted about CloudWatch stands beside what follows from it, with the page of AWS's
//! documentation. "User Guide" is the Amazon CloudWatch User Guide throughout. What it does not do as AWS does:
//! samples are there at once, and no alarm is late.

mod alarm;
mod email;
mod emf;
mod insights;
mod math;
mod rule;
mod samples;
mod series;
#[cfg(test)]
mod tests;
mod tokens;
mod watch;

pub use alarm::{Alarm, State};
pub use emf::read as read_emf;
pub use samples::{Counted, Metric, Samples, Seconds};
pub use series::Filling;
pub use watch::{Change, Watch};
