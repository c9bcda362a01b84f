//! The kernel's NFQUEUE: packets in, verdicts out, several of each by one system call.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::sys::socket::setsockopt;
use nix::{libc, setsockopt_impl, sockopt_impl};
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use rustix::net::{SendFlags, netlink, send};
use thiserror::Error;

use super::batch::Batch;
use super::kernel_state::is_taken;
use super::messages::{self, NfPacket, Told};
use crate::monotonic::{Nanos, now};
use crate::netlink::{NetlinkSocket, nothing};
use crate::ports::{Bell, PacketQueue};
use crate::verdict::Verdict;

/// Twice what may be parked: questions never fill the queue.
const QUEUE_LENGTH: u32 = 16_384;
const SOCKET_BUFFER: usize = 16 * 1024 * 1024;

sockopt_impl!(
    /// A socket whose buffer was full for a moment goes on taking packets, instead of none until it is empty.
    NoEnobufs,
    SetOnly,
    libc::SOL_NETLINK,
    libc::NETLINK_NO_ENOBUFS,
    bool
);

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

/// A queue of the kernel that is ours, and that nobody serves yet.
#[derive(Debug)]
pub struct BoundQueue {
    socket: Arc<OwnedFd>,
    number: u16,
    marks: Marks,
    opened: Nanos,
}

impl BoundQueue {
    /// Takes a queue. With `fail_open` the kernel lets pass what finds the queue full (and counts it nowhere), instead of
    /// dropping it.
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
        let opened = now();
        let socket = Self::bind(number, fail_open).map_err(explain)?;
        Ok(Self { socket: Arc::new(socket), number, marks, opened })
    }

    fn bind(number: u16, fail_open: bool) -> io::Result<OwnedFd> {
        let mut netlink = NetlinkSocket::open(netlink::NETFILTER)?;
        // The default holds 256 packets. All is set before the first packet can come.
        set_socket_recv_buffer_size_force(netlink.as_fd(), SOCKET_BUFFER)?;
        setsockopt(&netlink.as_fd(), NoEnobufs, &true)?;
        netlink.tell(&mut messages::bind(number, QUEUE_LENGTH, fail_open))?;
        netlink.into_socket()
    }

    /// Ends the wait of the thread that serves it.
    pub fn bell(&self) -> QueueBell {
        QueueBell { socket: Arc::clone(&self.socket) }
    }

    /// For the thread that serves it, and made there: the room for messages stays with its thread.
    pub fn serve(self) -> NfQueue {
        let Self { socket, number, marks, opened } = self;
        NfQueue {
            socket,
            number,
            marks,
            batch: Batch::new(),
            verdicts: Vec::with_capacity(4096),
            sent_after: opened,
            empty_after: opened,
        }
    }
}

/// Rings by a message that the kernel acknowledges: the acknowledgement comes where the packets come, so the thread waits in one
/// place, by the same system call that brings the packets.
#[derive(Debug)]
pub struct QueueBell {
    socket: Arc<OwnedFd>,
}

impl Bell for QueueBell {
    fn ring(&self) {
        // Without memory for the answer the thread is not woken; it is then busy with packets, and looks by itself.
        let _ = send(&*self.socket, &nothing(), SendFlags::empty());
    }
}

/// A queue of the kernel, served by one thread.
pub struct NfQueue {
    socket: Arc<OwnedFd>,
    number: u16,
    marks: Marks,
    batch: Batch,
    /// Messages that were not sent yet, one behind the other.
    verdicts: Vec<u8>,
    /// What came was sent after this.
    sent_after: Nanos,
    /// The queue was empty at some time after this, so what comes next was sent after it too.
    empty_after: Nanos,
}

impl std::fmt::Debug for NfQueue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("NfQueue").field("number", &self.number).finish_non_exhaustive()
    }
}

impl NfQueue {
    /// Waits until packets come, or the bell rings. Call it when [`PacketQueue::receive`] gives nothing any more.
    ///
    /// # Errors
    /// What the kernel answered; an interrupted wait is one that ended.
    pub fn wait(&mut self) -> io::Result<()> {
        self.sent_after = self.empty_after;
        let before = now();
        match self.batch.fill(self.socket.as_fd()) {
            Ok(()) if self.batch.took_all() => self.empty_after = before,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        Ok(())
    }
}

impl PacketQueue for NfQueue {
    type Packet = NfPacket;

    fn receive(&mut self) -> io::Result<Option<NfPacket>> {
        while let Some(message) = self.batch.take() {
            if let Some(packet) = messages::read(message, self.sent_after)? {
                return Ok(Some(packet));
            }
        }
        Ok(None)
    }

    /// The hook runs again (NF_REPEAT) with our mark on the packet; there the ruleset moves the mark to the connection
    /// and takes it off the packet, so that no changed mark ever reaches routing.
    fn verdict(&mut self, packet: NfPacket, verdict: Verdict) {
        let marked = |mark| Told::Repeat { mark: packet.mark & !self.marks.mask | mark };
        let told = match verdict {
            Verdict::Accept => marked(self.marks.accept()),
            Verdict::Reject => marked(self.marks.reject()),
            Verdict::Drop => Told::Drop,
        };
        self.verdicts.extend_from_slice(messages::verdict(self.number, packet.id, told).finish(0, 0));
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.verdicts.is_empty() {
            return Ok(());
        }
        let sent = send(&*self.socket, &self.verdicts, SendFlags::empty());
        self.verdicts.clear();
        sent?;
        Ok(())
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
