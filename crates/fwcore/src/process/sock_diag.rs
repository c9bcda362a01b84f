//! The kernel's socket look-up by tuple (sock_diag(7), linux/inet_diag.h): exact, one question and one answer.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::net::netlink;

use crate::app::Unknown;
use crate::flow::{Direction, Flow, Protocol};
use crate::netlink::{NetlinkSocket, Request, u32_at};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const ANY_STATE: u32 = u32::MAX;
const TCP_TIME_WAIT: u8 = 6;
const TCP_CLOSE: u8 = 7;
const TCP_LISTEN: u8 = 10;
/// INET_DIAG_NOCOOKIE: the tuple alone says which socket.
const NO_COOKIE: [u8; 8] = [0xff; 8];

/// A socket that matches a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    /// Inode number in sockfs: what /proc/PID/fd shows.
    pub(super) inode: u64,
    /// The kernel's own number of the socket, never used twice.
    pub(super) cookie: Option<u64>,
    pub(super) uid: u32,
}

/// What the look-up gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// One socket; several where each of them could be meant.
    Sockets(Vec<Socket>),
    /// None, and why.
    Nothing(Unknown),
}

/// One end: address and port.
type End = (IpAddr, u16);

/// A netlink socket to the kernel's socket tables.
#[derive(Debug)]
pub struct SockDiag {
    netlink: NetlinkSocket,
}

impl SockDiag {
    /// Opens it.
    ///
    /// # Errors
    /// Where the kernel has no sock_diag.
    pub fn open() -> io::Result<Self> {
        Ok(Self { netlink: NetlinkSocket::open(netlink::SOCK_DIAG)? })
    }

    /// A TCP socket: that of the connection, and for a connection that is only coming the listener.
    ///
    /// The kernel falls back to a listener on the local port; for an outgoing flow that is somebody else's socket.
    pub(super) fn tcp(&mut self, flow: &Flow, interface: u32) -> Found {
        let answer = self.exact(Protocol::TCP, flow.local(), flow.remote(), interface);
        match answer {
            Ok(entry) if entry.state == TCP_LISTEN && flow.direction == Direction::Outgoing => {
                Found::Nothing(Unknown::NoSocket)
            }
            other => Self::one(other),
        }
    }

    /// A UDP socket. The kernel takes the ends as a received packet names them: the remote one first.
    pub(super) fn udp(&mut self, flow: &Flow, interface: u32) -> Found {
        let protocol = flow.key.protocol;
        match self.exact(protocol, flow.remote(), flow.local(), interface) {
            // Connected to just this peer: nobody else can send with these ends. What comes in for one host goes where the
            // look-up says: the kernel delivers by the same one.
            Ok(entry)
                if entry.remote == flow.remote()
                    || (flow.direction == Direction::Incoming && !is_group(flow.local().0)) =>
            {
                Self::one(Ok(entry))
            }
            Ok(entry) => match self.all_on_port(protocol, flow.local(), flow.remote()) {
                Ok(sockets) if sockets.len() > 1 => Found::Sockets(sockets),
                _ => Self::one(Ok(entry)),
            },
            // A multicast or broadcast address: whoever has the port may be meant.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match self.all_on_port(protocol, flow.local(), flow.remote()) {
                    Ok(sockets) if !sockets.is_empty() => Found::Sockets(sockets),
                    _ => Found::Nothing(Unknown::NoSocket),
                }
            }
            Err(error) => Self::one(Err(error)),
        }
    }

    /// Aborts the TCP connection of a flow: its program sees an error at once, the peer a reset.
    ///
    /// # Errors
    /// `NotFound` where there is no live connection any more; or the kernel cannot do it.
    pub fn destroy_tcp(&mut self, flow: &Flow) -> io::Result<()> {
        let (local, remote) = (flow.local(), flow.remote());
        if matches!(self.exact(Protocol::TCP, local, remote, 0)?.state, TCP_TIME_WAIT | TCP_CLOSE | TCP_LISTEN) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut request = request(SOCK_DESTROY, Protocol::TCP, family(local.0), ends(local, remote), 0);
        self.netlink.tell(&mut request)
    }

    fn one(answer: io::Result<Entry>) -> Found {
        match answer {
            Ok(entry) if entry.socket.inode == 0 => Found::Nothing(Unknown::Closed),
            Ok(entry) => Found::Sockets(vec![entry.socket]),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Nothing(Unknown::NoSocket),
            Err(_) => Found::Nothing(Unknown::Failed),
        }
    }

    fn exact(&mut self, protocol: Protocol, first: End, second: End, interface: u32) -> io::Result<Entry> {
        let mut request = request(SOCK_DIAG_BY_FAMILY, protocol, family(first.0), ends(first, second), interface);
        let body = self.netlink.ask(&mut request)?;
        Entry::read(body).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// All sockets that may send from, or receive at, these ends. IPv4 also passes through sockets of family IPv6.
    fn all_on_port(&mut self, protocol: Protocol, local: End, remote: End) -> io::Result<Vec<Socket>> {
        let mut sockets = Vec::new();
        let families: &[u8] = if local.0.is_ipv4() { &[AF_INET, AF_INET6] } else { &[AF_INET6] };
        for family in families {
            let any = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
            let mut request = request(SOCK_DIAG_BY_FAMILY, protocol, *family, ends((any.0, local.1), any), 0);
            self.netlink.dump(&mut request, |body| {
                let fits = |end: End, wanted: End| end.0.is_unspecified() || end.0 == wanted.0;
                if let Some(entry) = Entry::read(body)
                    && entry.local.1 == local.1
                    && (fits(entry.local, local) || is_group(local.0))
                    && (entry.remote.1 == 0 || entry.remote == remote)
                    && entry.socket.inode != 0
                {
                    sockets.push(entry.socket);
                }
            })?;
        }
        Ok(sockets)
    }
}

/// Whether an address is one that several sockets receive.
fn is_group(address: IpAddr) -> bool {
    address.is_multicast() || matches!(address, IpAddr::V4(v4) if v4.octets()[3] == 255)
}

/// What an inet_diag_msg says of a socket.
struct Entry {
    state: u8,
    local: End,
    remote: End,
    socket: Socket,
}

impl Entry {
    /// inet_diag_msg: family, state, timer, retransmits; inet_diag_sockid (48 bytes); expires, rqueue, wqueue, uid, inode.
    fn read(body: &[u8]) -> Option<Self> {
        let (family, state) = (*body.first()?, *body.get(1)?);
        let port = |offset: usize| Some(u16::from_be_bytes(*body.get(offset..)?.first_chunk()?));
        let address = |offset: usize| {
            let bytes: [u8; 16] = *body.get(offset..)?.first_chunk()?;
            Some(if family == AF_INET {
                IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]))
            } else {
                Ipv6Addr::from(bytes).to_canonical()
            })
        };
        let cookie = u64::from(u32_at(body, 44)?) | u64::from(u32_at(body, 48)?) << 32;
        Some(Self {
            state,
            local: (address(8)?, port(4)?),
            remote: (address(24)?, port(6)?),
            socket: Socket { uid: u32_at(body, 64)?, inode: u32_at(body, 68)?.into(), cookie: Some(cookie) },
        })
    }
}

const fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { AF_INET } else { AF_INET6 }
}

/// The ports and addresses of an inet_diag_sockid.
fn ends(first: End, second: End) -> [u8; 36] {
    let mut bytes = [0; 36];
    bytes[0..2].copy_from_slice(&first.1.to_be_bytes());
    bytes[2..4].copy_from_slice(&second.1.to_be_bytes());
    for (offset, address) in [(4, first.0), (20, second.0)] {
        match address {
            IpAddr::V4(v4) => bytes[offset..offset + 4].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => bytes[offset..offset + 16].copy_from_slice(&v6.octets()),
        }
    }
    bytes
}

/// An inet_diag_req_v2.
fn request(kind: u16, protocol: Protocol, family: u8, ends: [u8; 36], interface: u32) -> Request {
    let mut request = Request::new(kind);
    request.put(&[family, protocol.0, 0, 0]);
    request.put(&ANY_STATE.to_ne_bytes());
    request.put(&ends);
    request.put(&interface.to_ne_bytes());
    request.put(&NO_COOKIE);
    request
}
