//! Black-box tests, and the stand-ins for AWS that they run against.

pub mod alb;
pub mod client;
pub mod differences;
pub mod lambda_runtime;
pub mod process;
