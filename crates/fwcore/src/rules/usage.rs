//! How often and when a rule matched, counted without a lock and kept from one policy to the next.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ports::Millis;

/// The use of one rule.
#[derive(Debug)]
pub struct Usage {
    since: Millis,
    hits: AtomicU64,
    /// 0: never.
    last_used: AtomicU64,
}

impl Usage {
    /// A rule that begins its life now.
    pub fn new(since: Millis) -> Self {
        Self { since, hits: AtomicU64::new(0), last_used: AtomicU64::new(0) }
    }

    /// Counts a match.
    pub fn touch(&self, now: Millis) {
        self.hits.fetch_add(1, Ordering::Relaxed);
        self.last_used.fetch_max(now.max(1), Ordering::Relaxed);
    }

    /// Matches so far.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// The last match.
    pub fn last_used(&self) -> Option<Millis> {
        match self.last_used.load(Ordering::Relaxed) {
            0 => None,
            at => Some(at),
        }
    }

    /// The last match, or the beginning.
    pub fn last_activity(&self) -> Millis {
        self.last_used().unwrap_or(self.since)
    }
}
