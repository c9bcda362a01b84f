//! A packet thread: one queue, one CPU.

use std::sync::Arc;

use crate::counters::Counters;
use crate::engine::{Engine, Senses};
use crate::queue::BoundQueue;
use crate::scheduling::{pin, run_first};
use crate::shared::Shared;

/// A packet thread's place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Among [`Shared::inboxes`].
    pub(crate) worker: usize,
    /// Whose packets the queue gets: a verdict on the sender's own CPU is several times cheaper.
    pub(crate) cpu: usize,
    /// Whether it goes before the senders. One that sends faster than it is judged then waits at each packet, and fills no
    /// queue that others need. Not for what comes from the network, which would take the whole CPU instead.
    pub(crate) first: bool,
}

/// Serves a queue until the inbox is told to stop; then all that is still parked is dropped.
pub(crate) fn run(queue: BoundQueue, place: Place, shared: &Arc<Shared>, counters: Arc<Counters>, senses: Senses) {
    let Place { worker, cpu, first } = place;
    // If the kernel refuses, it is only slower.
    let _ = pin(cpu);
    if first {
        let _ = run_first();
    }
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
