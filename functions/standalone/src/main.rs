//! Everything in one process with an embedded database.
fn main() {}
