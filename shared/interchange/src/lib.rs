//! vCard in and out, without loss.

mod bridge;
mod error;
mod export;
mod import;
mod jcard;
pub mod limits;
mod lines;
mod members;
mod params;
mod property;
mod read;
mod split;
mod table;
mod v4;
mod value;
mod version;
mod write;

pub use error::VCardError;
pub use export::export;
pub use import::{Imported, import};
pub use split::split;
pub use version::{UnknownVersion, Version};
