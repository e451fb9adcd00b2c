//! DynamoDB in this process: the embedded engine behind an SDK connector, and behind a guarded
//! loopback port.
//!
//! The product speaks to DynamoDB through `aws-sdk-dynamodb` and nothing else. [`Engine::client`]
//! gives that SDK a connector which hands each request to the engine (crate `dynoxide-rs`, one
//! `SQLite` file) as a function call: no socket exists that another user of the machine could reach.
//! Where the caller is another process, [`serve`] opens a loopback port that answers only requests
//! signed with the credential of this start.
//!
//! The engine is always strongly consistent, never throttles and never reports a transaction
//! conflict; it forgets `ClientRequestToken`s when the process ends.

mod backup;
mod connector;
mod dispatch;
mod engine;
mod folder;
mod server;
mod signature;

pub use backup::{Staged, backup, stage};
pub use connector::InProcess;
pub use engine::Engine;
pub use server::{Server, serve};
