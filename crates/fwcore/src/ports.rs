//! What the packet path needs from the world, as traits: the kernel's implementations are in [`crate::queue`],
//! [`crate::process`], [`crate::conntrack`] and [`crate::events`]; tests bring their own.

use std::io;
use std::sync::Arc;

use crate::app::App;
use crate::flow::{Direction, Flow, InterfaceName};
use crate::monotonic::Nanos;
use crate::packet::Packet;
use crate::verdict::{Reason, Verdict};

/// Milliseconds on a clock that never jumps and counts while the machine sleeps (CLOCK_BOOTTIME).
pub type Millis = u64;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Millis;
}

/// A packet that the kernel holds until its verdict.
pub trait QueuedPacket {
    /// Its first bytes, from the IP header on.
    fn bytes(&self) -> &[u8];
    /// The hook that it is held in: OUTPUT is [`Direction::Outgoing`], INPUT is [`Direction::Incoming`].
    fn hook(&self) -> Direction;
    /// Index of the interface that it came in by or is to leave by; 0 if there is none.
    fn interface(&self) -> u32;
    /// Owner of the sending socket, where the kernel tells.
    fn uid(&self) -> Option<u32>;
    /// A time before which it was not sent; close to when it was, if the queue was empty then.
    fn sent_after(&self) -> Nanos;
}

/// One queue of packets. Every packet received must be given back with a verdict.
pub trait PacketQueue {
    /// The handle of a held packet.
    type Packet: QueuedPacket;

    /// The next of the packets that came; `None` if that was the last. Never waits.
    ///
    /// # Errors
    /// What the kernel answered to an earlier verdict: the next packet may be sound.
    fn receive(&mut self) -> io::Result<Option<Self::Packet>>;

    /// Notes a packet's verdict, in any order; [`PacketQueue::flush`] gives it.
    fn verdict(&mut self, packet: Self::Packet, verdict: Verdict);

    /// Gives the verdicts that were noted.
    ///
    /// # Errors
    /// What the kernel answered; the packets are then no longer ours.
    fn flush(&mut self) -> io::Result<()>;
}

/// Ends a thread's wait. May be rung from any thread, and when nobody waits: then the next wait ends at once.
pub trait Bell: Send + Sync {
    /// Rings.
    fn ring(&self);
}

/// Finds the program behind a flow.
pub trait ProcessLookup {
    /// Who sends or would receive it. `interface` is the index of the packet's interface, `uid` and `sent_after` what the queue
    /// told of the sender and the time.
    fn attribute(&mut self, flow: &Flow, interface: u32, uid: Option<u32>, sent_after: Nanos) -> Arc<App>;
}

/// Whether a packet goes the way of the one that opened its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// The kernel tracks no such flow yet: this packet opens it.
    New,
    /// The same way as the opening packet.
    Original,
    /// The other way: the flow was opened from the packet's destination.
    Reply,
}

/// What the kernel's connection tracking knows.
pub trait FlowTracker {
    /// Which way a packet goes within its flow.
    fn orientation(&mut self, packet: &Packet) -> Orientation;
}

/// Tells the names of interfaces.
pub trait InterfaceNames {
    /// The name of an index; empty if there is no such interface.
    fn name(&mut self, index: u32) -> InterfaceName;
}

/// A question as the outside sees it. The flow is that of its first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryView {
    /// Counted from 1 since the start.
    pub id: u32,
    /// The first flow held.
    pub flow: Flow,
    /// Who sends or would receive it.
    pub app: Arc<App>,
    /// When it was opened.
    pub since: Millis,
    /// When it is dropped.
    pub deadline: Millis,
    /// Packets held.
    pub count: u32,
    /// Asked because the program's file has changed since it was registered.
    pub changed: bool,
}

/// Why a rule ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Not used for its idle limit.
    Idle,
    /// Its time is over.
    Expired,
    /// Its process has ended.
    Quit,
}

/// What happened, for the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A question was opened.
    QueryOpened(QueryView),
    /// More packets joined it.
    QueryUpdated(QueryView),
    /// It was decided.
    QueryClosed {
        /// The query's id.
        id: u32,
        /// What became of its packets.
        verdict: Verdict,
        /// Why.
        reason: Reason,
    },
    /// A flow got its verdict.
    Verdict {
        /// Which flow.
        flow: Flow,
        /// Whose.
        app: Arc<App>,
        /// What.
        verdict: Verdict,
        /// Why.
        reason: Reason,
    },
    /// A live flow was cut because a changed policy forbids it.
    FlowCut {
        /// Which flow.
        flow: Flow,
        /// Whose.
        app: Arc<App>,
    },
    /// A rule ended by itself.
    RuleExpired {
        /// The rule's id.
        id: u32,
        /// Why.
        why: Expiry,
    },
    /// Something is wrong that a person should know, in one line.
    Problem(String),
}

/// Takes events; never blocks.
pub trait EventSink: Send + Sync {
    /// Takes one, with its time; may drop it, counted.
    fn push(&self, at: Millis, event: Event);
    /// Whether anybody wants [`Event::Verdict`].
    fn wants_verdicts(&self) -> bool;
}
