//! The table of open questions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::app::{App, Program};
use crate::flow::{Direction, Flow, Protocol};
use crate::ports::{Millis, QueryView};
use crate::verdict::Verdict;

const MOST_QUERIES: usize = 4096;
const MOST_PACKETS: usize = 8192;
/// One program cannot take the room of all others.
const MOST_QUERIES_OF_A_PROGRAM: usize = MOST_QUERIES / 2;
const MOST_PACKETS_OF_A_QUERY: usize = 1024;

/// A parked packet: which thread holds it, and under which number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The packet thread.
    pub worker: usize,
    /// Its own number for the packet.
    pub number: u64,
}

/// A packet that is to be parked.
#[derive(Debug, Clone)]
pub struct Parked {
    /// Where it is held.
    pub ticket: Ticket,
    /// Its flow.
    pub flow: Flow,
    /// Whose it is.
    pub app: Arc<App>,
    /// The sequence number of a TCP SYN.
    pub opening_sequence: Option<u32>,
    /// Asked because the program's file has changed.
    pub changed: bool,
}

/// What became of a packet that was to be parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It opened a query.
    Opened(QueryView),
    /// It joined one. A packet that it sends again takes the place of the older one, which is to be dropped.
    Joined(QueryView, Option<Ticket>),
    /// No room: it is not held.
    Full,
}

/// A query that was closed, with all that it held.
#[derive(Debug)]
pub struct Closed {
    /// The query as it last stood.
    pub view: QueryView,
    /// What it held.
    pub packets: Vec<Parked>,
}

/// What [`PendingTable::rejudge`] took out of one query.
#[derive(Debug)]
pub struct Rejudged {
    /// The query as it now stands: with what it still holds, or as it was when nothing is left of it.
    pub view: QueryView,
    /// Whether it still holds something.
    pub open: bool,
    /// What it no longer holds, with the verdicts.
    pub packets: Vec<(Parked, Verdict)>,
}

/// The table.
#[derive(Debug, Default)]
pub struct PendingTable {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last_id: u32,
    packets: usize,
    queries: HashMap<u32, Query>,
    by_subject: HashMap<Subject, u32>,
    /// Queries of each program.
    by_program: HashMap<Program, usize>,
}

#[derive(Debug)]
struct Query {
    subject: Subject,
    view: QueryView,
    packets: Vec<Parked>,
}

/// What makes two questions one: the program, and the peer and service that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Subject {
    direction: Direction,
    protocol: Protocol,
    program: Program,
    peer: std::net::IpAddr,
    service: u16,
}

impl Subject {
    fn of(flow: &Flow, app: &App) -> Self {
        Self {
            direction: flow.direction,
            protocol: flow.key.protocol,
            program: app.program.clone(),
            peer: flow.remote().0,
            service: flow.key.rule_ports().1,
        }
    }
}

impl PendingTable {
    /// Parks a packet: in the query of its subject, or in a new one that stays open for `timeout`.
    pub fn park(&self, packet: Parked, now: Millis, timeout: Millis) -> Outcome {
        self.lock().park(packet, now, timeout)
    }

    /// Takes a query out, if it is open.
    pub fn close(&self, id: u32) -> Option<Closed> {
        self.lock().close(id)
    }

    /// Takes out the queries that `decided` picks.
    pub fn close_where(&self, decided: impl Fn(&QueryView) -> bool) -> Vec<Closed> {
        let mut inner = self.lock();
        let mut ids: Vec<u32> =
            inner.queries.values().filter(|query| decided(&query.view)).map(|query| query.view.id).collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| inner.close(id)).collect()
    }

    /// Judges every packet again; those that get a verdict are taken out, and queries left empty are closed.
    pub fn rejudge(&self, judge: impl Fn(&Parked) -> Option<Verdict>) -> Vec<Rejudged> {
        let mut inner = self.lock();
        let mut ids: Vec<u32> = inner.queries.keys().copied().collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| inner.rejudge(id, &judge)).collect()
    }

    /// The earliest deadline.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.lock().queries.values().map(|query| query.view.deadline).min()
    }

    /// All open queries, oldest first.
    pub fn views(&self) -> Vec<QueryView> {
        let inner = self.lock();
        let mut views: Vec<QueryView> = inner.queries.values().map(|query| query.view.clone()).collect();
        views.sort_unstable_by_key(|view| view.id);
        views
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.lock().queries.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn park(&mut self, packet: Parked, now: Millis, timeout: Millis) -> Outcome {
        let subject = Subject::of(&packet.flow, &packet.app);
        let joined = self.by_subject.get(&subject).and_then(|id| self.queries.get_mut(id));
        if let Some(query) = joined {
            let again = packet.opening_sequence.and_then(|sequence| {
                query
                    .packets
                    .iter_mut()
                    .find(|held| held.flow.key == packet.flow.key && held.opening_sequence == Some(sequence))
            });
            if let Some(held) = again {
                let older = std::mem::replace(held, packet).ticket;
                query.view.deadline = now + timeout;
                return Outcome::Joined(query.view.clone(), Some(older));
            }
            if self.packets >= MOST_PACKETS || query.packets.len() >= MOST_PACKETS_OF_A_QUERY {
                return Outcome::Full;
            }
            self.packets += 1;
            query.packets.push(packet);
            query.view.count += 1;
            return Outcome::Joined(query.view.clone(), None);
        }
        let of_program = self.by_program.get(&subject.program).copied().unwrap_or(0);
        if self.queries.len() >= MOST_QUERIES || self.packets >= MOST_PACKETS || of_program >= MOST_QUERIES_OF_A_PROGRAM
        {
            return Outcome::Full;
        }
        self.last_id = self.last_id.wrapping_add(1).max(1);
        let view = QueryView {
            id: self.last_id,
            flow: packet.flow,
            app: Arc::clone(&packet.app),
            since: now,
            deadline: now + timeout,
            count: 1,
            changed: packet.changed,
        };
        self.packets += 1;
        *self.by_program.entry(subject.program.clone()).or_default() += 1;
        self.by_subject.insert(subject.clone(), view.id);
        self.queries.insert(view.id, Query { subject, view: view.clone(), packets: vec![packet] });
        Outcome::Opened(view)
    }

    fn rejudge(&mut self, id: u32, judge: impl Fn(&Parked) -> Option<Verdict>) -> Option<Rejudged> {
        let query = self.queries.get_mut(&id)?;
        let held = std::mem::take(&mut query.packets);
        let mut packets = Vec::new();
        for packet in held {
            match judge(&packet) {
                Some(verdict) => packets.push((packet, verdict)),
                None => query.packets.push(packet),
            }
        }
        if packets.is_empty() {
            return None;
        }
        self.packets -= packets.len();
        let open = match query.packets.first() {
            Some(first) => {
                query.view.flow = first.flow;
                query.view.count = query.packets.len() as u32;
                true
            }
            None => false,
        };
        let view = query.view.clone();
        if !open {
            self.close(id);
        }
        Some(Rejudged { view, open, packets })
    }

    fn close(&mut self, id: u32) -> Option<Closed> {
        let query = self.queries.remove(&id)?;
        self.by_subject.remove(&query.subject);
        if let Some(count) = self.by_program.get_mut(&query.subject.program) {
            *count -= 1;
            if *count == 0 {
                self.by_program.remove(&query.subject.program);
            }
        }
        self.packets -= query.packets.len();
        Some(Closed { view: query.view, packets: query.packets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Arguments, Facts, Parent, ProcessId};
    use crate::flow::{FlowKey, InterfaceName};

    fn packet(number: u64, program: &str, source_port: u16, destination_port: u16, sequence: Option<u32>) -> Parked {
        let key = FlowKey {
            protocol: Protocol::TCP,
            source: [10, 0, 0, 1].into(),
            source_port,
            destination: [10, 0, 0, 2].into(),
            destination_port,
        };
        Parked {
            ticket: Ticket { worker: 0, number },
            flow: Flow { direction: Direction::Outgoing, interface: InterfaceName::default(), key },
            app: Arc::new(App::named(program)),
            opening_sequence: sequence,
            changed: false,
        }
    }

    #[test]
    fn a_program_asks_once_however_it_was_called_and_by_whom() {
        let table = PendingTable::default();
        let called = |number, word: &str, parent| {
            let parked = packet(number, "/a", 1000 + number as u16, 80, Some(1));
            let facts = Facts {
                arguments: Some(Arguments { words: vec![word.into()], cut: false }),
                parents: vec![Parent { pid: parent, path: None }],
                cgroup: Some(word.into()),
                mount_namespace: Some(parent),
            };
            let process = Some(ProcessId { pid: parent, start_time: 1 });
            Parked { app: Arc::new(App { process, facts: Some(Arc::new(facts)), ..(*parked.app).clone() }), ..parked }
        };
        assert!(matches!(table.park(called(1, "one", 10), 0, 60), Outcome::Opened(_)));
        assert!(matches!(table.park(called(2, "other", 20), 0, 60), Outcome::Joined(..)));
    }

    #[test]
    fn a_program_asks_once_for_a_destination() {
        let table = PendingTable::default();
        let opened = |outcome| matches!(outcome, Outcome::Opened(_));
        assert!(opened(table.park(packet(1, "/a", 1000, 80, Some(1)), 0, 60)));
        assert!(!opened(table.park(packet(2, "/a", 1001, 80, Some(2)), 1, 60)));
        assert!(opened(table.park(packet(3, "/b", 1002, 80, Some(3)), 2, 60)));
        assert!(opened(table.park(packet(4, "/a", 1003, 81, Some(4)), 3, 60)));
        let views = table.views();
        assert_eq!(views.iter().map(|view| (view.id, view.count)).collect::<Vec<_>>(), [(1, 2), (2, 1), (3, 1)]);
        let closed = table.close(1).unwrap();
        assert_eq!(closed.packets.iter().map(|packet| packet.ticket.number).collect::<Vec<_>>(), [1, 2]);
        assert!(table.close(1).is_none());
        assert!(opened(table.park(packet(5, "/a", 1004, 80, Some(5)), 4, 60)));
    }

    #[test]
    fn a_syn_sent_again_takes_the_place_of_the_older_one_and_the_time_starts_again() {
        let table = PendingTable::default();
        table.park(packet(1, "/a", 1000, 80, Some(7)), 0, 60);
        let again = table.park(packet(2, "/a", 1000, 80, Some(7)), 10, 60);
        let Outcome::Joined(view, older) = again else { panic!("{again:?}") };
        assert_eq!((older, view.count, view.deadline), (Some(Ticket { worker: 0, number: 1 }), 1, 70));
        assert_eq!(table.close(1).unwrap().packets[0].ticket.number, 2);
    }

    #[test]
    fn datagrams_of_one_flow_are_all_kept_and_do_not_prolong_the_query() {
        let table = PendingTable::default();
        table.park(packet(1, "/a", 1000, 53, None), 0, 60);
        table.park(packet(2, "/a", 1000, 53, None), 10, 60);
        assert_eq!(table.next_deadline(), Some(60));
        assert_eq!(table.close(1).unwrap().packets.len(), 2);
    }

    #[test]
    fn the_table_is_bounded_and_room_comes_back() {
        let table = PendingTable::default();
        let full = |outcome| outcome == Outcome::Full;
        let queries = MOST_PACKETS / MOST_PACKETS_OF_A_QUERY;
        for query in 1..=queries as u16 {
            for number in 0..MOST_PACKETS_OF_A_QUERY as u64 {
                assert!(!full(table.park(packet(number, "/a", number as u16, query, None), 0, 60)));
            }
        }
        assert!(full(table.park(packet(9999, "/a", 1, 1, None), 0, 60)));
        assert!(full(table.park(packet(9999, "/b", 1, 80, None), 0, 60)));
        table.close(1);
        assert!(!full(table.park(packet(9999, "/b", 1, 80, None), 0, 60)));
    }

    #[test]
    fn one_program_does_not_take_the_room_of_the_others() {
        let table = PendingTable::default();
        for (program, expected) in [("/a", MOST_QUERIES_OF_A_PROGRAM), ("/b", MOST_QUERIES), ("/c", MOST_QUERIES)] {
            for port in 1..=MOST_QUERIES as u16 {
                table.park(packet(0, program, 1, port, None), 0, 60);
            }
            assert_eq!(table.len(), expected, "{program}");
        }
        table.close_where(|view| view.app.path() == Some("/a"));
        assert_ne!(table.park(packet(0, "/a", 1, 1, None), 0, 60), Outcome::Full);
    }

    #[test]
    fn a_new_policy_takes_out_just_the_packets_that_it_decides() {
        let table = PendingTable::default();
        for (number, port) in [(1, 1000), (2, 1001)] {
            table.park(packet(number, "/a", port, 80, None), 0, 60);
        }
        let some = table.rejudge(|packet| (packet.flow.key.source_port == 1000).then_some(Verdict::Accept));
        assert_eq!(
            (some.len(), some[0].open, some[0].view.count, some[0].view.flow.key.source_port),
            (1, true, 1, 1001)
        );
        assert!(table.rejudge(|_| None).is_empty());
        let rest = table.rejudge(|_| Some(Verdict::Drop));
        assert_eq!((rest[0].open, rest[0].packets.len(), table.len()), (false, 1, 0));
    }

    #[test]
    fn expired_queries_are_taken_out_oldest_first() {
        let table = PendingTable::default();
        for (number, now) in [(1u16, 0), (2, 5), (3, 9)] {
            table.park(packet(number.into(), "/a", 1, number, None), now, 60);
        }
        let expired = table.close_where(|view| view.deadline <= 65);
        assert_eq!(expired.iter().map(|closed| closed.view.id).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(table.len(), 1);
    }
}
