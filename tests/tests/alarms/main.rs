//! Alarms of CloudWatch as they were applied: each fires, resolves, and is quiet just below its threshold, by what the
//! real functions write wherever it is theirs.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod account;
mod cases;
mod emails;
mod functions;
mod panels;
mod table;
