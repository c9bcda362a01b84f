//! The kernel's clock that never jumps and counts while the machine sleeps.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::ports::{Clock, Millis};

/// CLOCK_BOOTTIME.
#[derive(Debug, Clone, Copy, Default)]
pub struct BootClock;

impl Clock for BootClock {
    fn now(&self) -> Millis {
        let now = clock_gettime(ClockId::Boottime);
        now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
    }
}

impl BootClock {
    /// A time on this clock as milliseconds since the epoch, by what the wall clock says now.
    pub fn to_epoch(self, at: Millis) -> f64 {
        epoch_now() + at as f64 - self.now() as f64
    }

    /// Milliseconds since the epoch as a time on this clock; 0 if that was before the machine started.
    pub fn from_epoch(self, at: f64) -> Millis {
        (at - epoch_now() + self.now() as f64).max(0.0) as Millis
    }
}

fn epoch_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_millis() as f64)
}
