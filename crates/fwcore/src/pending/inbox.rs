//! Verdicts for parked packets, on their way to the thread that holds them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{io, mem};

use rustix::event::{EventfdFlags, eventfd};

use super::table::{Parked, Ticket};
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
#[derive(Debug)]
pub struct Inbox {
    waiting: Mutex<Vec<Release>>,
    stopping: AtomicBool,
    wake: OwnedFd,
}

impl Inbox {
    /// An empty one.
    ///
    /// # Errors
    /// Where the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { waiting: Mutex::default(), stopping: AtomicBool::new(false), wake })
    }

    /// Readable when there is something in it.
    pub fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Puts verdicts in, and wakes the thread.
    pub fn put(&self, releases: impl IntoIterator<Item = Release>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(releases);
        self.ring();
    }

    /// Takes all out.
    pub fn take(&self) -> Vec<Release> {
        // Emptied before it is read: what comes in between rings again. An empty eventfd is no error to mind.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
        mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the thread to end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.ring();
    }

    /// Whether it was asked to.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn ring(&self) {
        // A full eventfd (2^64 - 2 rings) is readable already.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}
