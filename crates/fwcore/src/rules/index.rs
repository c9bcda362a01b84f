//! An index over rules that may match one program: linear where they are few, by tuple space where they are many.
//!
//! Tuple space (Srinivasan, Suri, Varghese: Packet classification using tuple space search, 1999): rules that fix the
//! same fields, with the same prefix lengths, share one hash table, whose key a flow gives directly. What a key cannot
//! say (port ranges, ICMP for both families) is left out of it and checked on the rules found.

use std::collections::HashMap;
use std::net::IpAddr;

use super::rule::{Endpoint, Rule, Subject};
use crate::flow::{Direction, InterfaceName, Protocol};

/// Up to so many rules, going through them is faster than one hash.
const LINEAR: usize = 8;

/// Places of rules, ascending in each list.
#[derive(Debug)]
pub(super) enum Index {
    Linear(Vec<u32>),
    Tuples(Vec<Table>),
}

impl Default for Index {
    fn default() -> Self {
        Self::Linear(Vec::new())
    }
}

/// The rules of one shape.
#[derive(Debug)]
pub(super) struct Table {
    shape: Shape,
    /// The first place in it: later tables cannot beat an earlier match.
    first: u32,
    places: HashMap<Key, Vec<u32>>,
}

/// Which fields a rule fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    direction: bool,
    interface: bool,
    protocol: bool,
    source: EndShape,
    destination: EndShape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct EndShape {
    /// Address family and prefix length.
    network: Option<(Family, u8)>,
    port: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Family {
    V4,
    V6,
}

/// The values of the fields that a shape fixes; all else is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Key {
    direction: u8,
    interface: InterfaceName,
    protocol: u8,
    source: u128,
    source_port: u16,
    destination: u128,
    destination_port: u16,
}

impl Index {
    /// Over the rules at some places, ascending.
    pub(super) fn build<'a>(places: Vec<u32>, rule: impl Fn(u32) -> &'a Rule) -> Self {
        if places.len() <= LINEAR {
            return Self::Linear(places);
        }
        let mut tables: HashMap<Shape, Table> = HashMap::new();
        for place in places {
            let rule = rule(place);
            let shape = Shape::of(rule);
            let table = tables.entry(shape).or_insert_with(|| Table { shape, first: place, places: HashMap::new() });
            table.places.entry(shape.key_of_rule(rule)).or_default().push(place);
        }
        let mut tables: Vec<Table> = tables.into_values().collect();
        tables.sort_unstable_by_key(|table| table.first);
        Self::Tuples(tables)
    }

    /// The lowest place below `limit` whose rule `accepts`.
    pub(super) fn first(&self, subject: Subject<'_>, limit: u32, accepts: impl Fn(u32) -> bool) -> Option<u32> {
        let first_of = |places: &[u32], limit: u32| {
            places.iter().copied().take_while(|place| *place < limit).find(|place| accepts(*place))
        };
        match self {
            Self::Linear(places) => first_of(places, limit),
            Self::Tuples(tables) => {
                let mut best = None;
                let mut limit = limit;
                for table in tables {
                    if table.first >= limit {
                        break;
                    }
                    let places = table.shape.key_of_flow(subject).and_then(|key| table.places.get(&key));
                    if let Some(place) = places.and_then(|places| first_of(places, limit)) {
                        best = Some(place);
                        limit = place;
                    }
                }
                best
            }
        }
    }
}

impl Shape {
    fn of(rule: &Rule) -> Self {
        Self {
            direction: rule.direction.is_some(),
            interface: rule.interface.is_some(),
            protocol: rule.protocol.is_some_and(|protocol| protocol != Protocol::ICMP),
            source: EndShape::of(&rule.source),
            destination: EndShape::of(&rule.destination),
        }
    }

    fn key_of_rule(&self, rule: &Rule) -> Key {
        let network = |end: &Endpoint| end.network.map_or(0, |network| number(network.network()));
        let port = |shape: EndShape, end: &Endpoint| match &end.ports {
            Some(ports) if shape.port => *ports.start(),
            _ => 0,
        };
        Key {
            direction: rule.direction.map_or(0, direction_number),
            interface: rule.interface.as_deref().map(InterfaceName::new).unwrap_or_default(),
            protocol: if self.protocol { rule.protocol.map_or(0, |protocol| protocol.0) } else { 0 },
            source: network(&rule.source),
            source_port: port(self.source, &rule.source),
            destination: network(&rule.destination),
            destination_port: port(self.destination, &rule.destination),
        }
    }

    /// `None` where the flow is of another family.
    fn key_of_flow(&self, subject: Subject<'_>) -> Option<Key> {
        let flow = subject.flow;
        let (source_port, destination_port) = flow.key.rule_ports();
        Some(Key {
            direction: if self.direction { direction_number(flow.direction) } else { 0 },
            interface: if self.interface { flow.interface } else { InterfaceName::default() },
            protocol: if self.protocol { flow.key.protocol.0 } else { 0 },
            source: self.source.masked(flow.key.source)?,
            source_port: if self.source.port { source_port } else { 0 },
            destination: self.destination.masked(flow.key.destination)?,
            destination_port: if self.destination.port { destination_port } else { 0 },
        })
    }
}

impl EndShape {
    fn of(end: &Endpoint) -> Self {
        let family = |address: IpAddr| if address.is_ipv4() { Family::V4 } else { Family::V6 };
        Self {
            network: end.network.map(|network| (family(network.addr()), network.prefix_len())),
            port: end.ports.as_ref().is_some_and(|ports| ports.start() == ports.end()),
        }
    }

    fn masked(self, address: IpAddr) -> Option<u128> {
        let keep = |bits: u32, prefix: u8| u128::MAX.checked_shl(bits - u32::from(prefix)).unwrap_or(0);
        match (self.network, address) {
            (None, _) => Some(0),
            (Some((Family::V4, prefix)), IpAddr::V4(_)) => Some(number(address) & keep(32, prefix)),
            (Some((Family::V6, prefix)), IpAddr::V6(_)) => Some(number(address) & keep(128, prefix)),
            _ => None,
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

const fn direction_number(direction: Direction) -> u8 {
    match direction {
        Direction::Incoming => 1,
        Direction::Outgoing => 2,
    }
}
