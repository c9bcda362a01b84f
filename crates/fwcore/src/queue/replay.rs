//! A queue that replays packets from memory: the engine without root, for tests and benches.

use std::collections::VecDeque;
use std::io;

use crate::flow::Direction;
use crate::monotonic::Nanos;
use crate::ports::{PacketQueue, QueuedPacket};
use crate::verdict::Verdict;

/// A packet to replay.
#[derive(Debug, Clone)]
pub struct ReplayPacket {
    /// Told apart by this.
    pub number: u64,
    /// From the IP header on.
    pub bytes: Vec<u8>,
    /// The hook that it is said to be held in.
    pub hook: Direction,
}

impl QueuedPacket for ReplayPacket {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn hook(&self) -> Direction {
        self.hook
    }

    fn interface(&self) -> u32 {
        1
    }

    fn uid(&self) -> Option<u32> {
        None
    }

    fn sent_after(&self) -> Nanos {
        0
    }
}

/// Packets to come, and the verdicts given.
#[derive(Debug, Default)]
pub struct ReplayQueue {
    /// Still to come.
    pub waiting: VecDeque<ReplayPacket>,
    /// Numbers and verdicts, in the order in which they were given.
    pub verdicts: Vec<(u64, Verdict)>,
}

impl PacketQueue for ReplayQueue {
    type Packet = ReplayPacket;

    fn receive(&mut self) -> io::Result<Option<ReplayPacket>> {
        Ok(self.waiting.pop_front())
    }

    fn verdict(&mut self, packet: ReplayPacket, verdict: Verdict) {
        self.verdicts.push((packet.number, verdict));
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
