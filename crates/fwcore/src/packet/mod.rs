//! Bytes to [`Packet`]: IPv4 with options, IPv6 with extension headers, and the first bytes of the transport header.
//!
//! Allocates nothing, and answers any bytes with a packet or a [`Malformed`].

mod ipv4;
mod ipv6;
mod transport;

use std::net::IpAddr;

use thiserror::Error;

use crate::flow::{FlowKey, Protocol};

/// What the headers of a packet say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Its ends, as it names them.
    pub key: FlowKey,
    /// The transport header's part that matters.
    pub transport: Transport,
}

/// What the transport header says beyond the ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP (RFC 9293).
    Tcp(TcpHead),
    /// ICMP or ICMPv6: type and code.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
    },
    /// Any other protocol, or a later fragment.
    Other,
}

/// Sequence number and flags of a TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpHead {
    /// Sequence number.
    pub sequence: u32,
    /// The flags byte: FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub flags: u8,
}

impl TcpHead {
    /// SYN without ACK: the packet that opens a connection.
    pub const fn opens(self) -> bool {
        self.flags & 0x12 == 0x02
    }
}

impl Packet {
    /// The sequence number of a packet that opens a TCP connection.
    pub const fn opening_sequence(&self) -> Option<u32> {
        match self.transport {
            Transport::Tcp(head) if head.opens() => Some(head.sequence),
            _ => None,
        }
    }

    /// Whether it is TCP, but not the packet that opens a connection.
    pub const fn is_mid_stream(&self) -> bool {
        matches!(self.transport, Transport::Tcp(head) if !head.opens())
    }
}

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    /// The version field is neither 4 nor 6.
    #[error("IP version {0} is neither 4 nor 6")]
    Version(u8),
    /// A header goes on where the bytes end.
    #[error("the packet ends within its {0} header")]
    Truncated(&'static str),
    /// A length field contradicts the format.
    #[error("the {0} header's length is impossible")]
    Length(&'static str),
}

/// What the network header says: the way to the transport header.
struct Network<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
    /// The transport header; `None` in a later fragment, which has none.
    payload: Option<&'a [u8]>,
}

/// Reads the headers of a packet, from its IP header on.
///
/// # Errors
/// [`Malformed`] where the bytes end early or contradict themselves.
pub fn parse(bytes: &[u8]) -> Result<Packet, Malformed> {
    let network = match bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4::parse(bytes)?,
        Some(6) => ipv6::parse(bytes)?,
        Some(version) => return Err(Malformed::Version(version)),
        None => return Err(Malformed::Truncated("IP")),
    };
    let head = match network.payload {
        Some(payload) => transport::parse(network.protocol, payload)?,
        None => transport::Head { source_port: 0, destination_port: 0, transport: Transport::Other },
    };
    Ok(Packet {
        key: FlowKey {
            protocol: network.protocol,
            source: network.source,
            source_port: head.source_port,
            destination: network.destination,
            destination_port: head.destination_port,
        },
        transport: head.transport,
    })
}

/// `N` bytes at an offset, or the header that they were missed in.
fn bytes_at<const N: usize>(bytes: &[u8], offset: usize, header: &'static str) -> Result<[u8; N], Malformed> {
    bytes.get(offset..).and_then(|rest| rest.first_chunk()).copied().ok_or(Malformed::Truncated(header))
}

#[cfg(test)]
mod tests;
