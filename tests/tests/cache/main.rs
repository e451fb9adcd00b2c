//! What processes share in a Redis server, and that they do as well without: the real server, killed,
//! frozen and emptied, under the crate that uses it and under real processes of the service.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod limits;
mod load;
mod look_ups;
mod support;
mod tokens;
