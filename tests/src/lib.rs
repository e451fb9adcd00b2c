//! Black-box tests, and the stand-ins for AWS that they run against.

pub mod alb;
pub mod alerts;
pub mod app;
pub mod calls;
pub mod chain;
pub mod client;
pub mod cloud;
pub mod cloudwatch;
pub mod contract;
pub mod differences;
pub mod drill;
pub mod dynamodb_local;
pub mod faults;
pub mod lambda_runtime;
pub mod moto;
mod namespace;
pub mod oidc;
mod policy;
pub mod process;
pub mod redis;
pub mod task;
pub mod tools;
pub mod twins;
pub mod vcards;
pub mod worker;

use std::env;
use std::path::{Path, PathBuf};

/// The root of the repository. Cargo says at run time where that is: clones that share a folder for what they
/// build share their test programs too, and a path compiled into one would name the clone that built it.
#[must_use]
pub fn repository() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR");
    let package = package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).join("..")
}
