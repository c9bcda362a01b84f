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
        (at as f64 + self.epoch_offset()).round()
    }

    /// Milliseconds since the epoch as a time on this clock; 0 if that was before the machine started.
    pub fn from_epoch(self, at: f64) -> Millis {
        (at - self.epoch_offset()).max(0.0).round() as Millis
    }

    /// The epoch's zero on this clock, in milliseconds and their fractions: one time always becomes the same epoch time.
    fn epoch_offset(self) -> f64 {
        let now = clock_gettime(ClockId::Boottime);
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        epoch.as_secs_f64() * 1000.0 - (now.tv_sec as f64 * 1000.0 + now.tv_nsec as f64 / 1_000_000.0)
    }
}
