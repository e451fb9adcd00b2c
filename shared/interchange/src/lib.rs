//! vCard in and out, without loss.
