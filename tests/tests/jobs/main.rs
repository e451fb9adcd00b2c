//! The real workers, killed, stopped and cut off in the middle of their jobs.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod failing;
mod functions;
mod history;
mod killed;
mod messages;
mod operate;
mod parity;
mod stops;
mod table;
mod traced;

/// `SplitMix64` (Steele, Lea and Flood 2014): the same numbers for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number from `from` to below `to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        from + (bits ^ (bits >> 31)) % (to - from)
    }
}

/// Calls that the workers have made to the database.
pub(crate) fn calls(site: &contacts_tests::worker::Site) -> u64 {
    site.faults.counts().values().map(|count| count.calls).sum()
}
