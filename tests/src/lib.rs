//! Black-box tests, and the stand-ins for AWS that they run against.
