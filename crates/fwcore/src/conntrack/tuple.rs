//! A tuple of the connection table: one direction's ends.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::body_attributes;
use crate::flow::{FlowKey, Protocol};
use crate::netlink::{Request, attributes};
use crate::packet::{Packet, Transport};

const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
/// Identifier, type and code, of ICMP and of ICMPv6.
const CTA_PROTO_ICMP: [u16; 3] = [4, 5, 6];
const CTA_PROTO_ICMPV6: [u16; 3] = [7, 8, 9];

const ECHO_REQUEST: u8 = 8;
const ECHO_REQUEST_V6: u8 = 128;

/// A tuple as the kernel gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tuple {
    pub(super) key: FlowKey,
    /// Type of an ICMP message: request and reply differ by nothing else.
    icmp_kind: Option<u8>,
}

pub(super) const fn family(key: &FlowKey) -> u8 {
    if key.source.is_ipv4() { 2 } else { 10 }
}

pub(super) fn of_packet(packet: &Packet) -> Tuple {
    let icmp_kind = match packet.transport {
        Transport::Icmp { kind, .. } => Some(kind),
        _ => None,
    };
    Tuple { key: packet.key, icmp_kind }
}

/// Adds a tuple; one of ICMP without a packet's own type is that of an echo request.
pub(super) fn put(request: &mut Request, kind: u16, key: &FlowKey, transport: Option<Transport>) {
    request.nested(kind, |request| {
        request.nested(CTA_TUPLE_IP, |request| match (key.source, key.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                request.attribute(CTA_IP_V4_SRC, &source.octets());
                request.attribute(CTA_IP_V4_DST, &destination.octets());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                request.attribute(CTA_IP_V6_SRC, &source.octets());
                request.attribute(CTA_IP_V6_DST, &destination.octets());
            }
            _ => {}
        });
        request.nested(CTA_TUPLE_PROTO, |request| {
            request.attribute(CTA_PROTO_NUM, &[key.protocol.0]);
            if key.protocol.is_icmp() {
                let (kind, code) = match transport {
                    Some(Transport::Icmp { kind, code }) => (kind, code),
                    _ if key.protocol == Protocol::ICMP => (ECHO_REQUEST, 0),
                    _ => (ECHO_REQUEST_V6, 0),
                };
                let [id, type_, code_] = if key.protocol == Protocol::ICMP { CTA_PROTO_ICMP } else { CTA_PROTO_ICMPV6 };
                request.attribute(id, &key.source_port.to_be_bytes());
                request.attribute(type_, &[kind]);
                request.attribute(code_, &[code]);
            } else {
                request.attribute(CTA_PROTO_SRC_PORT, &key.source_port.to_be_bytes());
                request.attribute(CTA_PROTO_DST_PORT, &key.destination_port.to_be_bytes());
            }
        });
    });
}

/// The tuple of a kind in an answer.
pub(super) fn find(body: &[u8], kind: u16) -> Option<Tuple> {
    let (_, tuple) = body_attributes(body).find(|(found, _)| *found == kind)?;
    let (mut source, mut destination) = (None, None);
    let (mut protocol, mut ports, mut icmp_kind) = (None, (0, 0), None);
    for (part, value) in attributes(tuple) {
        for (field, value) in attributes(value) {
            match (part, field) {
                (CTA_TUPLE_IP, CTA_IP_V4_SRC) => source = v4(value),
                (CTA_TUPLE_IP, CTA_IP_V4_DST) => destination = v4(value),
                (CTA_TUPLE_IP, CTA_IP_V6_SRC) => source = v6(value),
                (CTA_TUPLE_IP, CTA_IP_V6_DST) => destination = v6(value),
                (CTA_TUPLE_PROTO, CTA_PROTO_NUM) => protocol = value.first().copied(),
                (CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT | 4 | 7) => ports.0 = port(value)?,
                (CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT) => ports.1 = port(value)?,
                (CTA_TUPLE_PROTO, 5 | 8) => icmp_kind = value.first().copied(),
                _ => {}
            }
        }
    }
    let key = FlowKey {
        protocol: Protocol(protocol?),
        source: source?,
        source_port: ports.0,
        destination: destination?,
        destination_port: ports.1,
    };
    Some(Tuple { key, icmp_kind })
}

fn v4(value: &[u8]) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::from(*value.first_chunk::<4>()?)))
}

fn v6(value: &[u8]) -> Option<IpAddr> {
    Some(IpAddr::V6(Ipv6Addr::from(*value.first_chunk::<16>()?)))
}

fn port(value: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*value.first_chunk()?))
}
