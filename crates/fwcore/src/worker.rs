//! A packet thread: one queue, one CPU.

use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::engine::Engine;
use crate::queue::NfQueue;
use crate::shared::Shared;

/// Packets judged before the inbox is looked at again.
const BATCH: usize = 64;

/// Serves a queue until the inbox is told to stop; then all that is still parked is dropped.
pub(crate) fn run(mut engine: Engine<NfQueue>, worker: usize, cpu: usize, shared: &Arc<Shared>) {
    pin(cpu);
    let inbox = &shared.inboxes[worker];
    while !inbox.is_stopping() {
        let (mut packets, mut releases) = (false, false);
        {
            let queue = engine.queue().as_fd();
            let mut waiting =
                [PollFd::from_borrowed_fd(queue, PollFlags::IN), PollFd::from_borrowed_fd(inbox.wake(), PollFlags::IN)];
            // An interrupted wait is looked at as a wait that ended.
            if poll(&mut waiting, None).is_ok() {
                packets = !waiting[0].revents().is_empty();
                releases = !waiting[1].revents().is_empty();
            }
        }
        if releases {
            engine.release_decided();
        }
        if packets {
            engine.judge_waiting(BATCH);
        }
    }
    engine.drop_parked();
}

/// Keeps the thread on the CPU whose packets it gets: a verdict on the sender's own CPU is several times cheaper. If the
/// kernel refuses, it is only slower.
fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    let _ = sched_setaffinity(None, &set);
}
