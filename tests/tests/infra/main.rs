//! What Terraform applies is what runs: an environment is applied to a simulated account, read back,
//! started, and used through the load balancer that was applied.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod calls;
mod environment;
mod leaving;
mod modules;
mod permissions;
mod tools;
