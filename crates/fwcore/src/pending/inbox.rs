//! Verdicts for parked packets, on their way to the thread that holds them.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::table::{Parked, Ticket};
use crate::ports::Bell;
use crate::verdict::{Reason, Verdict};

/// What is to become of a parked packet.
#[derive(Debug)]
pub enum Release {
    /// It was decided.
    Decided {
        /// The packet.
        packet: Parked,
        /// What.
        verdict: Verdict,
        /// Why.
        reason: Reason,
    },
    /// It was sent again, and the newer copy is held in its place.
    Superseded(Ticket),
}

impl Release {
    /// The thread that holds the packet.
    pub fn worker(&self) -> usize {
        match self {
            Self::Decided { packet, .. } => packet.ticket.worker,
            Self::Superseded(ticket) => ticket.worker,
        }
    }
}

/// One packet thread's inbox.
pub struct Inbox {
    waiting: Mutex<Vec<Release>>,
    filled: AtomicBool,
    stopping: AtomicBool,
    bell: Box<dyn Bell>,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inbox").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl Inbox {
    /// An empty one, whose bell wakes its thread.
    pub fn new(bell: Box<dyn Bell>) -> Self {
        Self { waiting: Mutex::default(), filled: AtomicBool::new(false), stopping: AtomicBool::new(false), bell }
    }

    /// Puts verdicts in, and wakes the thread.
    pub fn put(&self, releases: impl IntoIterator<Item = Release>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(releases);
        self.filled.store(true, Ordering::SeqCst);
        self.bell.ring();
    }

    /// Takes all out.
    pub fn take(&self) -> Vec<Release> {
        // Looked at for each batch of packets, and nearly always empty: without the lock then.
        if !self.filled.swap(false, Ordering::SeqCst) {
            return Vec::new();
        }
        mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the thread to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.bell.ring();
    }

    /// Whether it was asked to.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}
