//! Events from the write to whoever subscribed: through moto's SNS and SQS, and to URLs of this machine.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod bed;
mod days;
mod deaths;
mod emails;
mod endpoints;
mod faults;
mod limits;
mod own;
mod patience;
mod publishing;
mod real_vcards;
mod receiver;
mod subscriptions;
mod topics;
mod units;
