//! A bounded ring of events between the packet threads and the control plane, with a doorbell.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::ports::{Event, EventSink, Millis};

/// Events kept for a control plane that is busy; beyond that the newest are dropped, and counted.
const CAPACITY: usize = 8192;

/// The ring.
pub struct EventRing {
    waiting: Mutex<VecDeque<(Millis, Event)>>,
    doorbell: Box<dyn Fn() + Send + Sync>,
    rung: AtomicBool,
    verdicts_wanted: AtomicBool,
    dropped: AtomicU64,
    dropped_untold: AtomicU64,
}

impl fmt::Debug for EventRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EventRing").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

/// What a drain gives.
#[derive(Debug, Default)]
pub struct Drained {
    /// Events in the order in which they happened, each with its time.
    pub events: Vec<(Millis, Event)>,
    /// Lost since the last drain because the ring was full.
    pub dropped: u64,
    /// Whether more wait; the doorbell does not ring again for these.
    pub more: bool,
}

impl EventRing {
    /// An empty ring. `doorbell` is called when events wait, once until they are drained; it must not block.
    pub fn new(doorbell: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            waiting: Mutex::default(),
            doorbell,
            rung: AtomicBool::new(false),
            verdicts_wanted: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            dropped_untold: AtomicU64::new(0),
        }
    }

    /// Takes out at most `most` events.
    pub fn drain(&self, most: usize) -> Drained {
        self.rung.store(false, Ordering::SeqCst);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(most);
        let events = waiting.drain(..count).collect();
        Drained { events, dropped: self.dropped_untold.swap(0, Ordering::Relaxed), more: !waiting.is_empty() }
    }

    /// Says whether each verdict shall make an event.
    pub fn want_verdicts(&self, wanted: bool) {
        self.verdicts_wanted.store(wanted, Ordering::Relaxed);
    }

    /// Events lost since the start because the ring was full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl EventSink for EventRing {
    fn push(&self, at: Millis, event: Event) {
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() >= CAPACITY {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                self.dropped_untold.fetch_add(1, Ordering::Relaxed);
            } else {
                waiting.push_back((at, event));
            }
        }
        if !self.rung.swap(true, Ordering::SeqCst) {
            (self.doorbell)();
        }
    }

    fn wants_verdicts(&self) -> bool {
        self.verdicts_wanted.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn the_bell_rings_once_until_the_ring_is_drained_and_a_full_ring_counts_its_losses() {
        let rings = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&rings);
        let ring = EventRing::new(Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        for at in 0..CAPACITY as u64 + 3 {
            ring.push(at, Event::Problem(String::new()));
        }
        assert_eq!((rings.load(Ordering::Relaxed), ring.dropped()), (1, 3));
        let first = ring.drain(2);
        assert_eq!((first.events.len(), first.dropped, first.more), (2, 3, true));
        assert_eq!(ring.drain(usize::MAX).events.len(), CAPACITY - 2);
        ring.push(0, Event::Problem(String::new()));
        assert_eq!(rings.load(Ordering::Relaxed), 2);
    }
}
