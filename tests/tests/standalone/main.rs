//! One process with its database inside, as the person meets it who runs it: real processes, real
//! signals, a real disk.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod backup;
mod durability;
mod history;
mod limits;
mod neighbours;
mod privacy;
mod starts;
mod stops;
mod support;
