//! Configuration: read once from the environment, typed and documented.
