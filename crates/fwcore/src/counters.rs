//! What each packet thread counts. One set a thread, added up when somebody looks.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count that only its own thread raises, and anybody may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn raise(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts of one packet thread. The alignment keeps two threads off one cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Packets taken from the queue.
    pub packets: Counter,
    /// Packets let pass.
    pub accepted: Counter,
    /// Packets dropped.
    pub dropped: Counter,
    /// Packets refused.
    pub rejected: Counter,
    /// Packets parked.
    pub asked: Counter,
    /// Packets judged without knowing their program.
    pub unknown: Counter,
    /// Outgoing flows whose sender the exact layer, at work, had not seen.
    pub exact_missed: Counter,
    /// Packets whose headers make no sense.
    pub malformed: Counter,
    /// Packets that found no place to park.
    pub overflowed: Counter,
    /// Panics caught while judging a packet.
    pub panics: Counter,
    /// Receives and verdicts that the kernel refused.
    pub queue_errors: Counter,
}
