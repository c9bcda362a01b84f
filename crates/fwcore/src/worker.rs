//! A packet thread: one queue, one CPU.

use std::sync::Arc;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::counters::Counters;
use crate::engine::{Engine, Senses};
use crate::queue::BoundQueue;
use crate::shared::Shared;

/// Serves a queue until the inbox is told to stop; then all that is still parked is dropped.
pub(crate) fn run(
    queue: BoundQueue,
    worker: usize,
    cpu: usize,
    shared: &Arc<Shared>,
    counters: Arc<Counters>,
    senses: Senses,
) {
    pin(cpu);
    let mut engine = Engine::new(queue.serve(), worker, Arc::clone(shared), Arc::clone(&counters), senses);
    let inbox = &shared.inboxes[worker];
    while !inbox.is_stopping() {
        if engine.queue_mut().wait().is_err() {
            counters.queue_errors.raise();
        }
        engine.release_decided();
        engine.judge_received();
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
