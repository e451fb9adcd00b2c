//! One process with its database inside, as the person meets it who runs it: real processes, real
//! signals, a real disk.

mod backup;
mod durability;
mod neighbours;
mod privacy;
mod starts;
mod stops;
mod support;
