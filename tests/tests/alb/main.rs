//! The simulated load balancer, proved on toy targets: it stands in for AWS in the parity suite, so
//! what it does is checked here against what AWS documents.

mod containers;
mod differences;
mod events;
mod functions;
mod listener;
mod processes;
mod support;
