//! IPv4 (RFC 791).

use std::net::Ipv4Addr;

use super::{Malformed, Network, bytes_at};
use crate::flow::Protocol;

pub(super) fn parse(bytes: &[u8]) -> Result<Network<'_>, Malformed> {
    let header: [u8; 20] = bytes_at(bytes, 0, "IPv4")?;
    let length = usize::from(header[0] & 0x0f) * 4;
    if length < 20 {
        return Err(Malformed::Length("IPv4"));
    }
    let payload = bytes.get(length..).ok_or(Malformed::Truncated("IPv4"))?;
    let fragment_offset = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
    Ok(Network {
        source: Ipv4Addr::from([header[12], header[13], header[14], header[15]]).into(),
        destination: Ipv4Addr::from([header[16], header[17], header[18], header[19]]).into(),
        protocol: Protocol(header[9]),
        payload: (fragment_offset == 0).then_some(payload),
    })
}
