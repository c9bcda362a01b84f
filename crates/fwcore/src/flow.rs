//! What a flow is: direction, protocol, two ends and an interface.

use std::fmt;
use std::net::IpAddr;

/// Direction of a flow, seen from this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Somebody else opened it; judged in the kernel's INPUT hook.
    Incoming,
    /// A program here opened it; judged in the kernel's OUTPUT hook.
    Outgoing,
}

/// An IP protocol by its IANA number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP on IPv4.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// DCCP.
    pub const DCCP: Self = Self(33);
    /// ICMP on IPv6.
    pub const ICMPV6: Self = Self(58);
    /// SCTP.
    pub const SCTP: Self = Self(132);
    /// UDP-Lite.
    pub const UDPLITE: Self = Self(136);

    /// Whether its header begins with a source and a destination port.
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::DCCP | Self::SCTP | Self::UDPLITE)
    }

    /// Whether it is ICMP of either family.
    pub const fn is_icmp(self) -> bool {
        matches!(self, Self::ICMP | Self::ICMPV6)
    }
}

/// The two ends of a flow, in the order in which its first packet names them.
///
/// The ports are those of the transport header in host order, the identifier of an ICMP echo in `source_port`, and 0
/// where the protocol has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// IP protocol.
    pub protocol: Protocol,
    /// Address of the end that sent the first packet.
    pub source: IpAddr,
    /// Its port.
    pub source_port: u16,
    /// Address of the other end.
    pub destination: IpAddr,
    /// Its port.
    pub destination_port: u16,
}

impl FlowKey {
    /// The same flow as its replies name it. An echo's identifier stays where it is: replies carry the same one.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let (source_port, destination_port) =
            if self.protocol.is_icmp() { (self.source_port, 0) } else { (self.destination_port, self.source_port) };
        Self {
            protocol: self.protocol,
            source: self.destination,
            source_port,
            destination: self.source,
            destination_port,
        }
    }

    /// Source and destination port as rules see them: 0 for a protocol without ports.
    pub fn rule_ports(&self) -> (u16, u16) {
        if self.protocol.has_ports() { (self.source_port, self.destination_port) } else { (0, 0) }
    }
}

/// A flow with its direction and the interface of its first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// Who opened it.
    pub direction: Direction,
    /// Where its first packet passed.
    pub interface: InterfaceName,
    /// Its two ends.
    pub key: FlowKey,
}

impl Flow {
    /// This machine's end: address and port.
    pub fn local(&self) -> (IpAddr, u16) {
        match self.direction {
            Direction::Outgoing => (self.key.source, self.key.source_port),
            Direction::Incoming => (self.key.destination, self.key.destination_port),
        }
    }

    /// The other end: address and port.
    pub fn remote(&self) -> (IpAddr, u16) {
        match self.direction {
            Direction::Outgoing => (self.key.destination, self.key.destination_port),
            Direction::Incoming => (self.key.source, self.key.source_port),
        }
    }
}

/// The name of an interface, kept inline: Linux allows 15 bytes (IFNAMSIZ less the NUL).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct InterfaceName {
    bytes: [u8; 15],
    length: u8,
}

impl InterfaceName {
    /// The name, cut at 15 bytes (on a character's boundary).
    pub fn new(name: &str) -> Self {
        let mut end = name.len().min(15);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let mut bytes = [0; 15];
        bytes[..end].copy_from_slice(&name.as_bytes()[..end]);
        Self { bytes, length: end as u8 }
    }

    /// The name as text; empty where it is not known.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for InterfaceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_name_is_cut_on_a_character() {
        for (given, kept) in [
            ("eth0", "eth0"),
            ("", ""),
            ("abcdefghijklmnopq", "abcdefghijklmno"),
            ("abcdefghijklmné", "abcdefghijklmn"),
        ] {
            assert_eq!(InterfaceName::new(given).as_str(), kept);
        }
    }

    #[test]
    fn reversing_twice_gives_the_same_flow() {
        let tcp = FlowKey {
            protocol: Protocol::TCP,
            source: [10, 0, 0, 1].into(),
            source_port: 1234,
            destination: [10, 0, 0, 2].into(),
            destination_port: 80,
        };
        assert_eq!(tcp.reversed().reversed(), tcp);
        assert_eq!(tcp.reversed().source_port, 80);
        let echo = FlowKey { protocol: Protocol::ICMP, destination_port: 0, ..tcp };
        assert_eq!(echo.reversed().source_port, 1234);
    }
}
