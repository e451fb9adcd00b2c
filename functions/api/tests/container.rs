//! The container's binary as an operator meets it: how it starts, is asked, and stops.
