//! The kernel's NFQUEUE through the crate nfq.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use nfq::{Message, Queue, Verdict as NfVerdict};
use rustix::net::sockopt::{set_socket_recv_buffer_size_force, socket_protocol};
use thiserror::Error;

use super::kernel_state::is_taken;
use crate::flow::Direction;
use crate::ports::{PacketQueue, QueuedPacket};
use crate::verdict::Verdict;

/// Enough for the headers of any packet that is not built to hide them.
const COPY_RANGE: u16 = 256;
/// Twice what may be parked: questions never fill the queue.
const QUEUE_LENGTH: u32 = 16_384;
const SOCKET_BUFFER: usize = 16 * 1024 * 1024;
const NF_INET_LOCAL_IN: u8 = 1;

/// The bits of packet and connection marks that are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// All of our bits; at least two.
    pub mask: u32,
}

impl Marks {
    /// The mark of an accepted flow: the lowest bit of the mask.
    pub const fn accept(self) -> u32 {
        self.mask & self.mask.wrapping_neg()
    }

    /// The mark of a rejected flow: the next bit.
    pub const fn reject(self) -> u32 {
        let rest = self.mask & !self.accept();
        rest & rest.wrapping_neg()
    }
}

/// Why a queue could not be had.
#[derive(Debug, Error)]
pub enum QueueError {
    /// Not root, and without the capability.
    #[error("not allowed to take packets from the kernel; run as root (CAP_NET_ADMIN)")]
    NotAllowed,
    /// Another program listens there.
    #[error("queue {0} is in use by another program; stop it, or choose another with --queue")]
    Taken(u16),
    /// The kernel cannot do it.
    #[error("this kernel has no NFQUEUE; load the module nfnetlink_queue")]
    Missing,
    /// Anything else.
    #[error("cannot set up queue {queue}: {source}; see the kernel's log")]
    Other {
        /// The queue.
        queue: u16,
        /// What the kernel said.
        source: io::Error,
    },
}

/// One queue of the kernel.
pub struct NfQueue {
    queue: Queue,
    descriptor: RawFd,
    marks: Marks,
}

impl std::fmt::Debug for NfQueue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("NfQueue").field("descriptor", &self.descriptor).finish_non_exhaustive()
    }
}

/// A packet that the kernel holds.
#[derive(Debug)]
pub struct NfPacket(Message);

impl NfQueue {
    /// Takes a queue: every setting is made before the first packet can come. With `fail_open` the kernel lets pass what finds
    /// the queue full (and counts it nowhere), instead of dropping it.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn open(number: u16, marks: Marks, fail_open: bool) -> Result<Self, QueueError> {
        let explain = |error: io::Error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy if is_taken(number) => {
                QueueError::Taken(number)
            }
            io::ErrorKind::PermissionDenied => QueueError::NotAllowed,
            io::ErrorKind::InvalidInput => QueueError::Missing,
            _ if error.raw_os_error() == Some(rustix::io::Errno::PROTONOSUPPORT.raw_os_error()) => QueueError::Missing,
            _ => QueueError::Other { queue: number, source: error },
        };
        let before = netfilter_sockets().map_err(explain)?;
        let mut queue = Queue::open().map_err(explain)?;
        let descriptor = netfilter_sockets()
            .map_err(explain)?
            .into_iter()
            .find(|descriptor| !before.contains(descriptor))
            .ok_or_else(|| explain(io::ErrorKind::NotFound.into()))?;
        queue.bind(number).map_err(explain)?;
        queue.set_copy_range(number, COPY_RANGE).map_err(explain)?;
        queue.set_queue_max_len(number, QUEUE_LENGTH).map_err(explain)?;
        queue.set_fail_open(number, fail_open).map_err(explain)?;
        queue.set_recv_gso(number, true).map_err(explain)?;
        queue.set_recv_uid_gid(number, true).map_err(explain)?;
        queue.set_nonblocking(true);
        let queue = Self { queue, descriptor, marks };
        queue.harden().map_err(explain)?;
        Ok(queue)
    }

    /// A child that inherited the socket would hold the queue after our death; the default buffer holds 256 packets.
    fn harden(&self) -> io::Result<()> {
        rustix::io::fcntl_setfd(self.as_fd(), rustix::io::FdFlags::CLOEXEC)?;
        set_socket_recv_buffer_size_force(self.as_fd(), SOCKET_BUFFER)?;
        Ok(())
    }
}

impl AsFd for NfQueue {
    #[allow(unsafe_code)]
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor was found open right after `queue` opened it, and `queue`, which lives as long as the
        // borrow, closes it only when it is dropped.
        unsafe { BorrowedFd::borrow_raw(self.descriptor) }
    }
}

impl PacketQueue for NfQueue {
    type Packet = NfPacket;

    fn receive(&mut self) -> io::Result<Option<NfPacket>> {
        match self.queue.recv() {
            Ok(message) => Ok(Some(NfPacket(message))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The hook runs again (NF_REPEAT) with our mark on the packet; there the ruleset moves the mark to the connection
    /// and takes it off the packet, so that no changed mark ever reaches routing.
    fn verdict(&mut self, packet: NfPacket, verdict: Verdict) -> io::Result<()> {
        let NfPacket(mut message) = packet;
        let mark = match verdict {
            Verdict::Accept => Some(self.marks.accept()),
            Verdict::Reject => Some(self.marks.reject()),
            Verdict::Drop => None,
        };
        match mark {
            Some(mark) => {
                message.set_nfmark(message.get_nfmark() & !self.marks.mask | mark);
                message.set_verdict(NfVerdict::Repeat);
            }
            None => message.set_verdict(NfVerdict::Drop),
        }
        self.queue.verdict(message)
    }
}

impl QueuedPacket for NfPacket {
    fn bytes(&self) -> &[u8] {
        self.0.get_payload()
    }

    fn hook(&self) -> Direction {
        if self.0.get_hook() == NF_INET_LOCAL_IN { Direction::Incoming } else { Direction::Outgoing }
    }

    fn interface(&self) -> u32 {
        match self.hook() {
            Direction::Incoming => self.0.get_indev(),
            Direction::Outgoing => self.0.get_outdev(),
        }
    }

    fn uid(&self) -> Option<u32> {
        self.0.get_uid()
    }
}

/// Open sockets of protocol NETLINK_NETFILTER. The crate keeps its descriptor to itself; this is how it is found.
fn netfilter_sockets() -> io::Result<Vec<RawFd>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let Some(descriptor) = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) else {
            continue;
        };
        if is_netfilter_socket(descriptor) {
            found.push(descriptor);
        }
    }
    Ok(found)
}

/// Looks through a copy of the descriptor, which cannot be closed by somebody else meanwhile.
fn is_netfilter_socket(descriptor: RawFd) -> bool {
    let copy: io::Result<OwnedFd> = duplicate(descriptor);
    copy.is_ok_and(|copy| {
        socket_protocol(&copy).is_ok_and(|protocol| protocol == Some(rustix::net::netlink::NETFILTER))
            && rustix::net::sockopt::socket_domain(&copy)
                .is_ok_and(|domain| domain == rustix::net::AddressFamily::NETLINK)
    })
}

#[allow(unsafe_code)]
fn duplicate(descriptor: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the borrow lasts for this call only; a descriptor that is not open makes it fail with EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    Ok(rustix::io::fcntl_dupfd_cloexec(borrowed, 0)?)
}

/// The CPUs that this process may run on.
pub fn cpus() -> Vec<usize> {
    match rustix::thread::sched_getaffinity(None) {
        Ok(set) => (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect(),
        Err(_) => vec![0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_the_two_lowest_bits_of_the_mask() {
        for (mask, accept, reject) in
            [(0x3000_0000, 0x1000_0000, 0x2000_0000), (0x8100_0100, 0x100, 0x0100_0000), (3, 1, 2)]
        {
            assert_eq!((Marks { mask }.accept(), Marks { mask }.reject()), (accept, reject));
        }
    }
}
