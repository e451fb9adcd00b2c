//! The container image, and the compose file that runs it beside all that it needs.
//!
//! Neither takes a container engine. buildah builds without one, and what an engine would do for a
//! process, another user and a root that is read-only, the kernel does for `unshare` and `chroot` as
//! well; both want root.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod base;
mod buildah;
mod compose;
mod dashboard;
mod image;
mod linters;
mod stack;
mod support;
mod translation;
