//! Look-ups remembered in two places: in this process, and in the server for all processes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use crate::{Cache, Found, Key, LIFE};

/// Above this many in a process, what is out of date is dropped; if that frees nothing, no more is
/// remembered until it does.
const MOST: usize = 10_000;

/// Values of one kind, each remembered for at most [`LIFE`] from the moment before it was read, in
/// both places together.
///
/// Whoever changes a value calls [`Memory::forget`] after the change. Then it is gone at once in this
/// process and from the server; another process that remembers it stops within [`LIFE`], also if the
/// server was away.
pub struct Memory<V> {
    kind: &'static str,
    cache: Cache,
    entries: Mutex<HashMap<Key, Entry<V>>>,
}

struct Entry<V> {
    until: Instant,
    /// None: forgotten, and what was read before is not to come back.
    value: Option<V>,
}

/// A value that nobody remembers, and since when it may be read.
#[derive(Debug)]
pub struct Miss {
    key: Key,
    until: Instant,
    shared_until: Option<u64>,
}

impl<V> fmt::Debug for Memory<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl<V: Clone + Serialize + DeserializeOwned> Memory<V> {
    /// Values of the kind, in this process and behind `cache`.
    #[must_use]
    pub fn new(kind: &'static str, cache: Cache) -> Self {
        Self {
            kind,
            cache,
            entries: Mutex::default(),
        }
    }

    /// The value of these parts; or a miss, after which it is read and [kept](Memory::keep).
    pub async fn recall(&self, parts: &[&str]) -> Result<V, Miss> {
        let key = self.cache.key(self.kind, parts);
        let now = Instant::now();
        if let Some(entry) = self.entries().get(&key)
            && entry.until > now
            && let Some(value) = &entry.value
        {
            return Ok(value.clone());
        }
        let mut miss = Miss {
            key,
            until: now + LIFE,
            shared_until: None,
        };
        match self.cache.get(&key).await {
            Found::Value(bytes, life) => {
                // A value of another version of this program is as good as none.
                if let Ok(value) = serde_json::from_slice::<V>(&bytes) {
                    miss.until = now + life;
                    self.remember(&miss, &value);
                    return Ok(value);
                }
            }
            Found::Nothing { until } => miss.shared_until = Some(until),
            Found::Unusable => {}
        }
        Err(miss)
    }

    /// Remembers what was read after the miss.
    pub async fn keep(&self, miss: Miss, value: &V) {
        if self.remember(&miss, value)
            && let Some(until) = miss.shared_until
            && let Ok(bytes) = serde_json::to_vec(value)
        {
            self.cache.put(&miss.key, &bytes, until).await;
        }
    }

    /// Forgets the value of these parts, which has changed.
    pub async fn forget(&self, parts: &[&str]) {
        let key = self.cache.key(self.kind, parts);
        let until = Instant::now() + LIFE;
        let gone = Entry { until, value: None };
        self.entries().insert(key, gone);
        self.cache.forget(&key).await;
    }

    /// Whether the value is remembered here: not if it was forgotten meanwhile.
    fn remember(&self, miss: &Miss, value: &V) -> bool {
        let now = Instant::now();
        let mut entries = self.entries();
        if entries.len() >= MOST {
            entries.retain(|_, entry| entry.until > now);
        }
        let forgotten = entries
            .get(&miss.key)
            .is_some_and(|entry| entry.value.is_none() && entry.until > now);
        if forgotten || miss.until <= now {
            return false;
        }
        if entries.len() < MOST {
            let entry = Entry {
                until: miss.until,
                value: Some(value.clone()),
            };
            entries.insert(miss.key, entry);
        }
        true
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Entry<V>>> {
        // Every change is a single step: a panic elsewhere leaves nothing half done.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn memory() -> Memory<u32> {
        Memory::new("number", Cache::default())
    }

    async fn read(memory: &Memory<u32>, value: u32) {
        let miss = memory.recall(&["a"]).await.unwrap_err();
        memory.keep(miss, &value).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_remembered_from_before_it_was_read() {
        let memory = memory();
        let miss = memory.recall(&["a"]).await.unwrap_err();
        tokio::time::advance(Duration::from_secs(2)).await;
        memory.keep(miss, &1).await;
        tokio::time::advance(LIFE - Duration::from_millis(2_001)).await;
        assert_eq!(memory.recall(&["a"]).await.unwrap(), 1);
        assert!(memory.recall(&["b"]).await.is_err());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(memory.recall(&["a"]).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_took_too_long_to_read_is_not_remembered() {
        let memory = memory();
        let miss = memory.recall(&["a"]).await.unwrap_err();
        tokio::time::advance(LIFE).await;
        memory.keep(miss, &1).await;
        assert!(memory.recall(&["a"]).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_forgotten_value_does_not_come_back_from_a_slow_reader() {
        let memory = memory();
        read(&memory, 1).await;
        tokio::time::advance(LIFE).await;
        let slow = memory.recall(&["a"]).await.unwrap_err();
        memory.forget(&["a"]).await;
        memory.keep(slow, &1).await;
        assert!(memory.recall(&["a"]).await.is_err());
        tokio::time::advance(LIFE).await;
        read(&memory, 2).await;
        assert_eq!(memory.recall(&["a"]).await.unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_remembers_no_more_than_it_should() {
        let memory = memory();
        for number in 0..MOST as u32 + 10 {
            let parts = [&*number.to_string()];
            let miss = memory.recall(&parts).await.unwrap_err();
            memory.keep(miss, &number).await;
        }
        assert_eq!(memory.entries().len(), MOST);
        tokio::time::advance(LIFE).await;
        read(&memory, 1).await;
        assert_eq!(memory.entries().len(), 1);
    }
}
