//! A netlink socket that asks the kernel one thing at a time (RFC 3549, linux/netlink.h).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

const HEADER: usize = 16;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x01;
const NLM_F_ACK: u16 = 0x04;
const NLM_F_DUMP: u16 = 0x300;
const NLA_F_NESTED: u16 = 0x8000;
const NLA_TYPE_MASK: u16 = 0x3fff;

/// The kernel answers at once; this only keeps a lost answer from holding a packet thread.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
const BUFFER: usize = 32 * 1024;

/// A request of at most [`Request::CAPACITY`] bytes, built in place.
#[derive(Debug)]
pub struct Request {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Request {
    /// The most that a request can hold, with its header.
    pub const CAPACITY: usize = 320;

    /// An empty request of a message type.
    pub fn new(kind: u16) -> Self {
        let mut request = Self { bytes: [0; Self::CAPACITY], length: HEADER };
        request.bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        request
    }

    /// Adds bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    /// Adds an attribute, padded to four bytes.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.put(&(value.len() as u16 + 4).to_ne_bytes());
        self.put(&kind.to_ne_bytes());
        self.put(value);
        self.length = self.length.next_multiple_of(4);
    }

    /// Adds an attribute that holds those that `fill` adds.
    pub fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.length;
        self.attribute(kind | NLA_F_NESTED, &[]);
        fill(self);
        let length = (self.length - start) as u16;
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }

    /// The whole message.
    pub fn finish(&mut self, flags: u16, sequence: u32) -> &[u8] {
        self.bytes[0..4].copy_from_slice(&(self.length as u32).to_ne_bytes());
        self.bytes[6..8].copy_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        &self.bytes[..self.length]
    }
}

/// A message that the kernel answers with nothing but an acknowledgement.
pub fn nothing() -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes.copy_from_slice(Request::new(NLMSG_NOOP).finish(NLM_F_ACK, 0));
    bytes
}

/// A socket connected to the kernel.
#[derive(Debug)]
pub struct NetlinkSocket {
    socket: OwnedFd,
    sequence: u32,
    buffer: Box<[u8; BUFFER]>,
}

impl AsFd for NetlinkSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl NetlinkSocket {
    /// Opens one of a netlink protocol.
    ///
    /// # Errors
    /// Where the kernel has no such protocol.
    pub fn open(protocol: Protocol) -> io::Result<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(protocol))?;
        connect(&socket, &SocketAddrNetlink::new(0, 0))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
        Ok(Self { socket, sequence: 0, buffer: Box::new([0; BUFFER]) })
    }

    /// The socket alone, for one that goes on by itself: a receive waits as long as it takes.
    ///
    /// # Errors
    /// What the kernel says to having no time limit.
    pub fn into_socket(self) -> io::Result<OwnedFd> {
        set_socket_timeout(&self.socket, Timeout::Recv, None)?;
        Ok(self.socket)
    }

    /// Asks for one thing: the body of the answer.
    ///
    /// # Errors
    /// The error that the kernel answers (`NotFound` for ENOENT, and so on).
    pub fn ask(&mut self, request: &mut Request) -> io::Result<&[u8]> {
        self.send(request, 0)?;
        let range = loop {
            let length = self.receive()?;
            let (header, body) = Header::split(&self.buffer[..length]).ok_or(io::ErrorKind::InvalidData)?;
            if header.sequence == self.sequence {
                header.error(body)?;
                break HEADER..header.length;
            }
        };
        Ok(&self.buffer[range])
    }

    /// Tells the kernel to do something, and waits for its acknowledgement.
    ///
    /// # Errors
    /// The error that the kernel answers.
    pub fn tell(&mut self, request: &mut Request) -> io::Result<()> {
        self.send(request, NLM_F_ACK)?;
        loop {
            let length = self.receive()?;
            let (header, body) = Header::split(&self.buffer[..length]).ok_or(io::ErrorKind::InvalidData)?;
            if header.sequence == self.sequence {
                return header.error(body);
            }
        }
    }

    /// Asks for all of something: calls `each` with the body of every answer.
    ///
    /// # Errors
    /// The error that the kernel answers; some bodies may have been given by then.
    pub fn dump(&mut self, request: &mut Request, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.send(request, NLM_F_DUMP)?;
        loop {
            let length = self.receive()?;
            let mut rest = &self.buffer[..length];
            while let Some((header, body)) = Header::split(rest) {
                if header.sequence == self.sequence {
                    match header.kind {
                        NLMSG_DONE => return Ok(()),
                        _ => header.error(body)?,
                    }
                    each(body);
                }
                rest = rest.get(header.length.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }

    fn send(&mut self, request: &mut Request, flags: u16) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        send(&self.socket, request.finish(flags, self.sequence), SendFlags::empty())?;
        Ok(())
    }

    fn receive(&mut self) -> io::Result<usize> {
        Ok(recv(&self.socket, &mut self.buffer[..], RecvFlags::empty())?.0)
    }
}

/// What stands at the head of each message (nlmsghdr).
#[derive(Debug)]
pub struct Header {
    length: usize,
    /// The message's type.
    pub kind: u16,
    sequence: u32,
}

impl Header {
    /// The first message of some bytes, and its body.
    pub fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let length = u32_at(bytes, 0)? as usize;
        let header = Self { length, kind: u16_at(bytes, 4)?, sequence: u32_at(bytes, 8)? };
        Some((header, bytes.get(HEADER..length)?))
    }

    /// An error message's error; an acknowledgement is an error message of error 0.
    ///
    /// # Errors
    /// The error that the kernel answers.
    pub fn error(&self, body: &[u8]) -> io::Result<()> {
        if self.kind != NLMSG_ERROR {
            return Ok(());
        }
        match u32_at(body, 0).map(|error| error as i32) {
            Some(0) => Ok(()),
            Some(error) => Err(io::Error::from_raw_os_error(-error)),
            None => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The attributes in some bytes, as (type, value).
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & NLA_TYPE_MASK;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Two bytes in the machine's order.
pub fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Eight bytes in the machine's order.
pub fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Four bytes in the machine's order.
pub fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}
