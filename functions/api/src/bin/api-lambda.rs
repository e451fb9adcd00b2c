//! The API.
fn main() {}
