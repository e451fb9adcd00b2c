//! Black-box tests, and the stand-ins for AWS that they run against.

pub mod alb;
pub mod app;
pub mod calls;
pub mod client;
pub mod cloud;
pub mod contract;
pub mod differences;
pub mod drill;
pub mod dynamodb_local;
pub mod faults;
pub mod lambda_runtime;
pub mod moto;
mod namespace;
pub mod oidc;
pub mod process;
pub mod redis;
pub mod task;
pub mod tools;
pub mod twins;
pub mod vcards;
pub mod worker;
