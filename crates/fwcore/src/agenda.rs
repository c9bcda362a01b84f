//! What the housekeeping thread has to look at, and its bell.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use crate::rules::Policy;

/// Work that waits for the housekeeping thread.
#[derive(Debug)]
pub struct Agenda {
    /// The oldest policy that live flows may still have been allowed by.
    sweep_from: Mutex<Option<Arc<Policy>>>,
    stopping: AtomicBool,
    wake: OwnedFd,
}

impl Agenda {
    /// An empty one.
    ///
    /// # Errors
    /// Where the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { sweep_from: Mutex::default(), stopping: AtomicBool::new(false), wake })
    }

    /// Asks for a look at the live flows that `old` allowed.
    pub fn sweep(&self, old: Arc<Policy>) {
        self.sweep_from.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(old);
        self.ring();
    }

    /// Asks for a look at the deadlines: there is a new one.
    pub fn ring(&self) {
        // A full eventfd is readable already.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
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

    /// Readable when there is something to look at.
    pub fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Takes the sweep that was asked for, and silences the bell.
    pub fn take_sweep(&self) -> Option<Arc<Policy>> {
        // Nothing to read is no error to mind.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
        self.sweep_from.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
