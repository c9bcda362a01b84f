//! The first bytes of the transport header: ports, TCP's sequence and flags, the identifier of an ICMP echo.

use super::{Malformed, TcpHead, Transport, bytes_at};
use crate::flow::Protocol;

pub(super) struct Head {
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) transport: Transport,
}

/// Echo request and reply of ICMP (RFC 792) and of ICMPv6 (RFC 4443).
const ICMP_ECHO: [u8; 2] = [8, 0];
const ICMPV6_ECHO: [u8; 2] = [128, 129];

pub(super) fn parse(protocol: Protocol, bytes: &[u8]) -> Result<Head, Malformed> {
    match protocol {
        Protocol::TCP => {
            let header: [u8; 20] = bytes_at(bytes, 0, "TCP")?;
            if header[12] >> 4 < 5 {
                return Err(Malformed::Length("TCP"));
            }
            let sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
            with_ports(bytes, "TCP", Transport::Tcp(TcpHead { sequence, flags: header[13] }))
        }
        Protocol::UDP => with_ports(bytes, "UDP", Transport::Other),
        Protocol::ICMP => echo(bytes, ICMP_ECHO),
        Protocol::ICMPV6 => echo(bytes, ICMPV6_ECHO),
        other if other.has_ports() => with_ports(bytes, "transport", Transport::Other),
        _ => Ok(Head { source_port: 0, destination_port: 0, transport: Transport::Other }),
    }
}

fn with_ports(bytes: &[u8], header: &'static str, transport: Transport) -> Result<Head, Malformed> {
    let [a, b, c, d] = bytes_at(bytes, 0, header)?;
    Ok(Head { source_port: u16::from_be_bytes([a, b]), destination_port: u16::from_be_bytes([c, d]), transport })
}

fn echo(bytes: &[u8], types: [u8; 2]) -> Result<Head, Malformed> {
    let [kind, code, _, _] = bytes_at(bytes, 0, "ICMP")?;
    let identifier = if types.contains(&kind) { u16::from_be_bytes(bytes_at(bytes, 4, "ICMP")?) } else { 0 };
    Ok(Head { source_port: identifier, destination_port: 0, transport: Transport::Icmp { kind, code } })
}
