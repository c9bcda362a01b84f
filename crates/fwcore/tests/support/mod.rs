//! A small world for the engine: replayed packets, programs by source port, a clock that is turned by hand.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test ends where its world cannot be built")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use fwcore::agenda::Agenda;
use fwcore::app::{App, ProcessId, Unknown};
use fwcore::counters::Counters;
use fwcore::engine::{Engine, Senses};
use fwcore::flow::{Direction, Flow, InterfaceName};
use fwcore::flows::FlowTable;
use fwcore::monotonic::Nanos;
use fwcore::packet::Packet;
use fwcore::pending::{Inbox, PendingTable};
use fwcore::ports::{Bell, Clock, Event, EventSink, FlowTracker, InterfaceNames, Millis, Orientation, ProcessLookup};
use fwcore::queue::{ReplayPacket, ReplayQueue};
use fwcore::rules::{BoundRule, Defaults, Endpoint, Policy, ProgramMatch, Rule, RuleSet, Unattended, Usage};
use fwcore::shared::Shared;
use fwcore::verdict::{Action, Verdict};

pub const CLIENT: [u8; 4] = [10, 77, 0, 1];
pub const SERVER: [u8; 4] = [10, 77, 0, 2];

pub struct HandClock(pub Arc<AtomicU64>);

impl Clock for HandClock {
    fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub struct Recorder {
    pub events: Mutex<Vec<Event>>,
}

impl EventSink for Recorder {
    fn push(&self, _at: Millis, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    fn wants_verdicts(&self) -> bool {
        true
    }
}

/// Programs by their local port, and how often they were looked up. Port 666 panics.
#[derive(Clone, Default)]
pub struct Programs {
    pub by_port: HashMap<u16, &'static str>,
    pub lookups: Arc<AtomicU32>,
}

impl ProcessLookup for Programs {
    fn attribute(&mut self, flow: &Flow, _interface: u32, _uid: Option<u32>, _sent_after: Nanos) -> Arc<App> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let port = flow.local().1;
        assert_ne!(port, 666, "told to panic");
        let app = match self.by_port.get(&port) {
            Some(path) => App {
                process: Some(ProcessId { pid: port.into(), start_time: 1 }),
                uid: Some(1000),
                ..App::named(*path)
            },
            None => App::unknown(Unknown::NoSocket, None),
        };
        Arc::new(app)
    }
}

pub struct Tracker(pub Orientation);

impl FlowTracker for Tracker {
    fn orientation(&mut self, _packet: &Packet) -> Orientation {
        self.0
    }
}

/// Nobody waits: the tests turn the engine by hand.
pub struct NoBell;

impl Bell for NoBell {
    fn ring(&self) {}
}

pub struct OneInterface;

impl InterfaceNames for OneInterface {
    fn name(&mut self, _index: u32) -> InterfaceName {
        InterfaceName::new("eth0")
    }
}

pub struct World {
    pub shared: Arc<Shared>,
    pub recorder: Arc<Recorder>,
    pub counters: Arc<Counters>,
    pub clock: Arc<AtomicU64>,
    pub lookups: Arc<AtomicU32>,
    pub engine: Engine<ReplayQueue>,
}

pub fn rule(id: u32, action: Action, path: &str) -> Rule {
    Rule {
        id,
        action,
        direction: None,
        interface: None,
        protocol: None,
        source: Endpoint::default(),
        destination: Endpoint::default(),
        program: if path == "*" { ProgramMatch::Any } else { ProgramMatch::Path(path.into()) },
        process: None,
        idle_limit: None,
        expires_at: None,
    }
}

pub fn policy(generation: u32, rules: Vec<Rule>, unattended: Unattended) -> Policy {
    Policy {
        generation,
        rules: RuleSet::compile(
            rules.into_iter().map(|rule| BoundRule { rule, usage: Arc::new(Usage::new(0)) }).collect(),
        ),
        defaults: Defaults { incoming: Action::Ask, outgoing: Action::Ask },
        unattended,
        query_timeout: 60_000,
        overflow: Verdict::Drop,
        changed: Default::default(),
    }
}

pub fn world(rules: Vec<Rule>, programs: &[(u16, &'static str)], orientation: Orientation) -> World {
    let recorder = Arc::new(Recorder::default());
    let clock = Arc::new(AtomicU64::new(1000));
    let shared = Arc::new(Shared {
        policy: ArcSwap::from_pointee(policy(1, rules, Unattended::Accept)),
        flows: FlowTable::default(),
        pending: PendingTable::default(),
        inboxes: vec![Inbox::new(Box::new(NoBell))],
        agenda: Agenda::new().unwrap(),
        events: Arc::clone(&recorder) as _,
        clock: Box::new(HandClock(Arc::clone(&clock))),
        attached: AtomicU32::new(1),
    });
    let programs = Programs { by_port: programs.iter().copied().collect(), ..Programs::default() };
    let lookups = Arc::clone(&programs.lookups);
    let counters = Arc::<Counters>::default();
    let senses = Senses {
        processes: Box::new(programs),
        tracker: Box::new(Tracker(orientation)),
        interfaces: Box::new(OneInterface),
    };
    let engine = Engine::new(ReplayQueue::default(), 0, Arc::clone(&shared), Arc::clone(&counters), senses);
    World { shared, recorder, counters, clock, lookups, engine }
}

impl World {
    /// Sends packets in, numbered from `first`, and gives all verdicts so far.
    pub fn replay(&mut self, packets: Vec<ReplayPacket>) -> Vec<(u64, Verdict)> {
        self.engine.queue_mut().waiting.extend(packets);
        self.engine.judge_received();
        self.engine.release_decided();
        self.engine.queue().verdicts.clone()
    }

    pub fn release(&mut self) -> Vec<(u64, Verdict)> {
        self.engine.release_decided();
        self.engine.queue().verdicts.clone()
    }
}

pub fn tcp(
    number: u64,
    hook: Direction,
    source_port: u16,
    destination_port: u16,
    sequence: u32,
    flags: u8,
) -> ReplayPacket {
    let (source, destination) = if hook == Direction::Outgoing { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    let mut bytes = ipv4(6, source, destination);
    bytes.extend(source_port.to_be_bytes());
    bytes.extend(destination_port.to_be_bytes());
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    ReplayPacket { number, bytes, hook }
}

pub fn syn(number: u64, source_port: u16, destination_port: u16, sequence: u32) -> ReplayPacket {
    tcp(number, Direction::Outgoing, source_port, destination_port, sequence, 0x02)
}

pub fn udp(number: u64, source_port: u16, destination_port: u16) -> ReplayPacket {
    let mut bytes = ipv4(17, CLIENT, SERVER);
    bytes.extend(source_port.to_be_bytes());
    bytes.extend(destination_port.to_be_bytes());
    bytes.extend([0, 8, 0, 0]);
    ReplayPacket { number, bytes, hook: Direction::Outgoing }
}

fn ipv4(protocol: u8, source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, protocol, 0, 0];
    bytes.extend(source);
    bytes.extend(destination);
    bytes
}
