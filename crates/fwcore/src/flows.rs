//! Flows that were decided: so that a packet which belongs to one gets the same verdict, and so that a policy change can
//! find the live flows that it forbids.
//!
//! Bounded: each shard keeps two generations of at most [`SHARD_CAPACITY`] entries, and the older one goes as a whole; its
//! room is used again.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::app::App;
use crate::flow::{Direction, Flow, FlowKey, InterfaceName};
use crate::verdict::Verdict;

const SHARDS: usize = 16;
/// As many as a hash map keeps in 2,048 places: one more would double its room.
const SHARD_CAPACITY: usize = 1792;

/// A flow that was decided.
#[derive(Debug, Clone)]
pub struct KnownFlow {
    /// The flow, in the direction in which it was opened.
    pub flow: Flow,
    /// Whose it is.
    pub app: Arc<App>,
    /// What was decided.
    pub verdict: Verdict,
    /// Under which policy.
    pub generation: u32,
    /// Sequence number of the SYN that opened it: a connection that reuses the ports has another.
    pub opening_sequence: Option<u32>,
}

/// The table.
#[derive(Debug, Default)]
pub struct FlowTable {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    young: HashMap<FlowKey, Rest>,
    old: HashMap<FlowKey, Rest>,
}

/// A known flow without its ends, which are the key: there are tens of thousands.
#[derive(Debug)]
struct Rest {
    app: Arc<App>,
    interface: InterfaceName,
    direction: Direction,
    verdict: Verdict,
    generation: u32,
    opening_sequence: Option<u32>,
}

impl Rest {
    fn with(&self, key: FlowKey) -> KnownFlow {
        KnownFlow {
            flow: Flow { direction: self.direction, interface: self.interface, key },
            app: Arc::clone(&self.app),
            verdict: self.verdict,
            generation: self.generation,
            opening_sequence: self.opening_sequence,
        }
    }
}

impl FlowTable {
    /// Takes a decision in, in place of an earlier one of the same ends.
    pub fn remember(&self, known: KnownFlow) {
        let mut shard = self.shard(&known.flow.key);
        if shard.young.len() >= SHARD_CAPACITY {
            let Shard { young, old } = &mut *shard;
            std::mem::swap(young, old);
            young.clear();
        }
        let KnownFlow { flow: Flow { direction, interface, key }, app, verdict, generation, opening_sequence } = known;
        shard.young.insert(key, Rest { app, interface, direction, verdict, generation, opening_sequence });
    }

    /// The decision on a flow whose first packet had these ends.
    pub fn find(&self, key: &FlowKey) -> Option<KnownFlow> {
        let shard = self.shard(key);
        shard.young.get(key).or_else(|| shard.old.get(key)).map(|rest| rest.with(*key))
    }

    fn shard(&self, key: &FlowKey) -> MutexGuard<'_, Shard> {
        let place = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Unknown;
    use crate::flow::Protocol;

    fn known(number: u32) -> KnownFlow {
        let key = FlowKey {
            protocol: Protocol::TCP,
            source: number.to_be_bytes().into(),
            source_port: 1,
            destination: [10, 0, 0, 2].into(),
            destination_port: 80,
        };
        KnownFlow {
            flow: Flow { direction: Direction::Outgoing, interface: InterfaceName::default(), key },
            app: Arc::new(App::unknown(Unknown::NoSocket, None)),
            verdict: Verdict::Accept,
            generation: number,
            opening_sequence: Some(number),
        }
    }

    #[test]
    fn a_flow_is_found_by_its_ends_alone() {
        let table = FlowTable::default();
        table.remember(known(1));
        assert_eq!(table.find(&known(1).flow.key).map(|found| found.generation), Some(1));
        assert!(table.find(&known(2).flow.key).is_none());
    }

    #[test]
    fn a_million_flows_take_no_more_room_than_the_bound() {
        let table = FlowTable::default();
        for number in 0..1_000_000 {
            table.remember(known(number));
        }
        let held: usize = table
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap())
            .map(|shard| shard.young.len() + shard.old.len())
            .sum();
        assert!(held <= SHARDS * SHARD_CAPACITY * 2, "{held}");
        let room = table.shards.iter().map(|shard| shard.lock().unwrap()).map(|shard| shard.young.capacity()).max();
        assert_eq!(room, Some(SHARD_CAPACITY));
        assert!(table.find(&known(999_999).flow.key).is_some());
    }
}
