//! Waiting between attempts: exponential with full jitter, at most ten seconds in all.
//! (AWS Architecture Blog, "Exponential Backoff And Jitter".)

use std::time::{Duration, Instant};

use crate::{error::StoreError, ids::random_bytes};

/// How long a write may be kept waiting by others before it is given up with
/// [`StoreError::Busy`].
pub const PATIENCE: Duration = Duration::from_secs(10);
const FIRST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(500);

/// The waits of one logical operation.
#[derive(Debug)]
pub struct Backoff {
    started: Instant,
    ceiling: Duration,
}

impl Backoff {
    /// Of one that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            ceiling: FIRST,
        }
    }

    /// Waits a random part of the current ceiling, which then doubles.
    ///
    /// # Errors
    /// It has been tried for long enough.
    pub async fn wait(&mut self) -> Result<(), StoreError> {
        let share = f64::from(u32::from_be_bytes(random_bytes())) / f64::from(u32::MAX);
        let wait = self.ceiling.mul_f64(share);
        if self.started.elapsed() + wait > PATIENCE {
            return Err(StoreError::Busy(PATIENCE));
        }
        tokio::time::sleep(wait).await;
        self.ceiling = (self.ceiling * 2).min(LONGEST);
        Ok(())
    }
}
