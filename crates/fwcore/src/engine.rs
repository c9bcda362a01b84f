//! The way of a packet: parse, known?, attribute, decide, verdict or park.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::app::{App, Program};
use crate::counters::Counters;
use crate::flow::{Direction, Flow};
use crate::flows::KnownFlow;
use crate::packet::{self, Packet};
use crate::pending::{Outcome, Parked, Release, Ticket};
use crate::ports::{Event, FlowTracker, InterfaceNames, Orientation, PacketQueue, ProcessLookup, QueuedPacket};
use crate::rules::{Policy, Subject};
use crate::shared::Shared;
use crate::verdict::{Action, Reason, Verdict};

/// What a packet thread asks of the system around it.
pub struct Senses {
    /// Finds programs.
    pub processes: Box<dyn ProcessLookup + Send>,
    /// Knows which way a packet goes in its flow.
    pub tracker: Box<dyn FlowTracker + Send>,
    /// Names interfaces.
    pub interfaces: Box<dyn InterfaceNames + Send>,
}

/// Judges the packets of one queue, on one thread.
pub struct Engine<Q: PacketQueue> {
    queue: Q,
    worker: usize,
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    senses: Senses,
    parked: HashMap<u64, Q::Packet>,
    last_ticket: u64,
    /// The oldest policy by which a flow was accepted whose verdict has not been given yet.
    accepted_by: Option<Arc<Policy>>,
}

/// What is to be done with a packet.
enum Judgement {
    /// A verdict on something that is no flow of its own: malformed, or part of a flow decided before.
    Settled(Verdict),
    /// A flow is decided.
    Decided(Decided),
    /// A flow is to be asked about.
    Ask(Asked),
}

struct Decided {
    flow: Flow,
    app: Arc<App>,
    verdict: Verdict,
    reason: Reason,
    opening_sequence: Option<u32>,
}

struct Asked {
    flow: Flow,
    app: Arc<App>,
    opening_sequence: Option<u32>,
    changed: bool,
}

impl<Q: PacketQueue> Engine<Q> {
    /// An engine for a queue; `worker` is its place among [`Shared::inboxes`].
    pub fn new(queue: Q, worker: usize, shared: Arc<Shared>, counters: Arc<Counters>, senses: Senses) -> Self {
        Self { queue, worker, shared, counters, senses, parked: HashMap::new(), last_ticket: 0, accepted_by: None }
    }

    /// The queue.
    pub fn queue(&self) -> &Q {
        &self.queue
    }

    /// The queue, to be filled.
    pub fn queue_mut(&mut self) -> &mut Q {
        &mut self.queue
    }

    /// Judges the packets that came, and gives their verdicts.
    pub fn judge_received(&mut self) {
        // One policy for all of them: had it been another by now, the look behind the verdicts would tell.
        let policy = self.shared.policy.load_full();
        loop {
            match self.queue.receive() {
                Ok(Some(packet)) => self.handle(packet, &policy),
                Ok(None) => break,
                // An answer to an earlier verdict, or a lost message: the next one may be sound.
                Err(_) => self.counters.queue_errors.raise(),
            }
        }
        self.flush();
    }

    /// Gives the verdicts that came for parked packets.
    pub fn release_decided(&mut self) {
        let releases = self.shared.inboxes[self.worker].take();
        if releases.is_empty() {
            return;
        }
        let policy = self.shared.policy.load_full();
        for release in releases {
            match release {
                Release::Decided { packet, verdict, reason } => {
                    let Parked { ticket, flow, app, opening_sequence, .. } = packet;
                    if let Some(held) = self.parked.remove(&ticket.number) {
                        self.settle(held, Decided { flow, app, verdict, reason, opening_sequence }, &policy);
                    }
                }
                Release::Superseded(ticket) => self.drop_superseded(ticket),
            }
        }
        self.flush();
    }

    /// Drops all that is parked: the firewall stops, and nobody allowed it.
    pub fn drop_parked(&mut self) {
        for (_, held) in std::mem::take(&mut self.parked) {
            self.give(held, Verdict::Drop);
        }
        self.flush();
    }

    fn flush(&mut self) {
        if self.queue.flush().is_err() {
            self.counters.queue_errors.raise();
        }
        // A policy put in force meanwhile has looked at the live flows already, and these were not among them.
        if let Some(policy) = self.accepted_by.take()
            && self.shared.policy.load().generation != policy.generation
        {
            self.shared.agenda.sweep(policy);
        }
    }

    fn handle(&mut self, held: Q::Packet, policy: &Arc<Policy>) {
        self.counters.packets.raise();
        match catch_unwind(AssertUnwindSafe(|| self.judge(&held, policy))) {
            Ok(Judgement::Settled(verdict)) => self.give(held, verdict),
            Ok(Judgement::Decided(decided)) => self.settle(held, decided, policy),
            Ok(Judgement::Ask(asked)) => self.park(held, asked, policy),
            Err(_) => {
                self.counters.panics.raise();
                self.give(held, Verdict::Drop);
            }
        }
    }

    fn judge(&mut self, held: &Q::Packet, policy: &Policy) -> Judgement {
        let Ok(packet) = packet::parse(held.bytes()) else {
            self.counters.malformed.raise();
            return Judgement::Settled(Verdict::Drop);
        };
        let known = self.known(&packet);
        if let Some(known) = &known
            && known.generation == policy.generation
        {
            return Judgement::Settled(known.verdict);
        }
        let (flow, app, established) = match known {
            Some(known) => (known.flow, known.app, true),
            None => self.attribute(&packet, held),
        };
        if let Program::Unknown(_) = app.program {
            self.counters.unknown.raise();
        }
        let opening_sequence = packet.opening_sequence();
        let decision = policy.decide(Subject { flow: &flow, app: &app }, self.shared.clock.now());
        let (verdict, reason) = match decision.action {
            Action::Accept => (Verdict::Accept, decision.reason),
            Action::Drop => (Verdict::Drop, decision.reason),
            Action::Reject => (Verdict::Reject, decision.reason),
            // It was open before it was first seen, or it was allowed once: a question now would only disturb it.
            Action::Ask if established => (Verdict::Accept, Reason::Established),
            Action::Ask => match self.shared.unattended_verdict(policy) {
                Some(verdict) => (verdict, Reason::Unattended),
                None => {
                    let changed = decision.reason == Reason::Changed;
                    return Judgement::Ask(Asked { flow, app, opening_sequence, changed });
                }
            },
        };
        Judgement::Decided(Decided { flow, app, verdict, reason, opening_sequence })
    }

    /// The decision on the TCP connection that a packet belongs to. Other protocols have no mark of one connection: there
    /// another socket may use the same ends at any time, so their packets are attributed each.
    fn known(&self, packet: &Packet) -> Option<KnownFlow> {
        if let Some(sequence) = packet.opening_sequence() {
            return self.shared.flows.find(&packet.key).filter(|known| known.opening_sequence == Some(sequence));
        }
        if !packet.is_mid_stream() {
            return None;
        }
        self.shared.flows.find(&packet.key).or_else(|| self.shared.flows.find(&packet.key.reversed()))
    }

    /// The flow that a packet belongs to, its program, and whether it was open before.
    fn attribute(&mut self, packet: &Packet, held: &Q::Packet) -> (Flow, Arc<App>, bool) {
        let orientation = match packet.opening_sequence() {
            Some(_) => Orientation::New,
            None => self.senses.tracker.orientation(packet),
        };
        let interface = self.senses.interfaces.name(held.interface());
        let as_seen = Flow { direction: held.hook(), interface, key: packet.key };
        let flow = match orientation {
            Orientation::New | Orientation::Original => as_seen,
            Orientation::Reply => Flow {
                direction: match as_seen.direction {
                    Direction::Incoming => Direction::Outgoing,
                    Direction::Outgoing => Direction::Incoming,
                },
                key: packet.key.reversed(),
                ..as_seen
            },
        };
        let app = self.senses.processes.attribute(&flow, held.interface(), held.uid(), held.sent_after());
        (flow, app, packet.is_mid_stream() || orientation != Orientation::New)
    }

    /// Gives a decided flow's verdict, and remembers it.
    fn settle(&mut self, held: Q::Packet, decided: Decided, policy: &Arc<Policy>) {
        let Decided { flow, app, verdict, reason, opening_sequence } = decided;
        if self.shared.events.wants_verdicts() {
            let event = Event::Verdict { flow, app: Arc::clone(&app), verdict, reason };
            self.shared.events.push(self.shared.clock.now(), event);
        }
        self.shared.flows.remember(KnownFlow { flow, app, verdict, generation: policy.generation, opening_sequence });
        if verdict == Verdict::Accept {
            self.accepted_by.get_or_insert_with(|| Arc::clone(policy));
        }
        self.give(held, verdict);
    }

    fn park(&mut self, held: Q::Packet, asked: Asked, policy: &Policy) {
        let Asked { flow, app, opening_sequence, changed } = asked;
        self.last_ticket += 1;
        let ticket = Ticket { worker: self.worker, number: self.last_ticket };
        self.parked.insert(ticket.number, held);
        let packet = Parked { ticket, flow, app, opening_sequence, changed };
        let now = self.shared.clock.now();
        match self.shared.pending.park(packet, now, policy.query_timeout) {
            Outcome::Opened(view) => {
                self.counters.asked.raise();
                self.shared.events.push(now, Event::QueryOpened(view));
                self.shared.agenda.ring();
            }
            Outcome::Joined(view, older) => {
                self.counters.asked.raise();
                match older {
                    Some(older) if older.worker == self.worker => self.drop_superseded(older),
                    Some(older) => self.shared.send(Release::Superseded(older)),
                    None => {}
                }
                // Each of the first few counts for a person, later ones only their magnitude.
                if view.count <= 16 || view.count.is_power_of_two() {
                    self.shared.events.push(now, Event::QueryUpdated(view));
                }
            }
            Outcome::Full => {
                self.counters.overflowed.raise();
                if let Some(held) = self.parked.remove(&ticket.number) {
                    self.give(held, policy.overflow);
                }
            }
        }
        // A policy put in force meanwhile has looked at the parked packets already, and this was not among them.
        if self.shared.policy.load().generation != policy.generation {
            self.shared.rejudge_parked();
        }
    }

    fn drop_superseded(&mut self, older: Ticket) {
        if let Some(held) = self.parked.remove(&older.number) {
            self.give(held, Verdict::Drop);
        }
    }

    fn give(&mut self, held: Q::Packet, verdict: Verdict) {
        match verdict {
            Verdict::Accept => self.counters.accepted.raise(),
            Verdict::Drop => self.counters.dropped.raise(),
            Verdict::Reject => self.counters.rejected.raise(),
        }
        self.queue.verdict(held, verdict);
    }
}
