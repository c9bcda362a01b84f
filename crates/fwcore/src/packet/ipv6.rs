//! IPv6 and its extension headers (RFC 8200, RFC 4302 for AH).

use std::net::Ipv6Addr;

use super::{Malformed, Network, bytes_at};
use crate::flow::Protocol;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

pub(super) fn parse(bytes: &[u8]) -> Result<Network<'_>, Malformed> {
    let header: [u8; 40] = bytes_at(bytes, 0, "IPv6")?;
    let (protocol, offset) = skip_extensions(bytes, header[6])?;
    Ok(Network {
        source: Ipv6Addr::from(bytes_at::<16>(bytes, 8, "IPv6")?).into(),
        destination: Ipv6Addr::from(bytes_at::<16>(bytes, 24, "IPv6")?).into(),
        protocol: Protocol(protocol),
        payload: match offset {
            Some(offset) => Some(bytes.get(offset..).ok_or(Malformed::Truncated("IPv6 extension"))?),
            None => None,
        },
    })
}

/// The upper protocol and where its header begins; no place in a later fragment. Each step goes at least 8 bytes on, so
/// the chain ends with the bytes.
fn skip_extensions(bytes: &[u8], first: u8) -> Result<(u8, Option<usize>), Malformed> {
    let mut next = first;
    let mut offset = 40;
    loop {
        let length = match next {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                (usize::from(bytes_at::<2>(bytes, offset, "IPv6 extension")?[1]) + 1) * 8
            }
            AUTHENTICATION => (usize::from(bytes_at::<2>(bytes, offset, "IPv6 extension")?[1]) + 2) * 4,
            FRAGMENT => {
                let [upper, _, high, low] = bytes_at(bytes, offset, "IPv6 fragment")?;
                if u16::from_be_bytes([high, low]) >> 3 != 0 {
                    return Ok((upper, None));
                }
                8
            }
            upper => return Ok((upper, Some(offset))),
        };
        next = bytes_at::<1>(bytes, offset, "IPv6 extension")?[0];
        offset += length;
    }
}
