//! Where and when a thread runs.

use std::io;

use nix::libc;
use rustix::thread::{CpuSet, sched_setaffinity};

/// The CPUs that this process may run on.
pub(crate) fn cpus() -> Vec<usize> {
    match rustix::thread::sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect(),
        Err(_) => vec![0],
    }
}

/// Keeps this thread on a CPU.
///
/// # Errors
/// What the kernel answered.
pub(crate) fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set)?;
    Ok(())
}

/// Lets this thread run before all that have no priority of their own, whenever it has something to do (SCHED_RR, the lowest
/// priority of it). Threads that it starts do not inherit that.
///
/// # Errors
/// Where it is not allowed (CAP_SYS_NICE, or no such time left to the control group).
#[allow(unsafe_code)]
pub(crate) fn run_first() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: 0 is this thread, and the parameters live as long as the call.
    let set = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, &parameters) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
