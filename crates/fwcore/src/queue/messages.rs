//! The messages of NFQUEUE, byte for byte (linux/netfilter/nfnetlink_queue.h): numbers in attributes are big-endian.

use std::io;

use crate::flow::Direction;
use crate::monotonic::Nanos;
use crate::netlink::{Header, Request, attributes, u32_at};
use crate::ports::QueuedPacket;

/// Enough for the headers of any packet that is not built to hide them.
pub(super) const COPY_RANGE: usize = 256;

const NFNL_SUBSYS_QUEUE: u16 = 3 << 8;
const NFQNL_MSG_PACKET: u16 = NFNL_SUBSYS_QUEUE;
const NFQNL_MSG_VERDICT: u16 = NFNL_SUBSYS_QUEUE | 1;
const NFQNL_MSG_CONFIG: u16 = NFNL_SUBSYS_QUEUE | 2;

const NFQA_CFG_CMD: u16 = 1;
const NFQA_CFG_PARAMS: u16 = 2;
const NFQA_CFG_QUEUE_MAXLEN: u16 = 3;
const NFQA_CFG_MASK: u16 = 4;
const NFQA_CFG_FLAGS: u16 = 5;
const NFQNL_CFG_CMD_BIND: u8 = 1;
const NFQNL_COPY_PACKET: u8 = 2;
const FAIL_OPEN: u32 = 1;
/// Large sends come whole, not cut into the packets that they will become.
const GSO: u32 = 4;
const UID_GID: u32 = 8;

const NFQA_PACKET_HDR: u16 = 1;
const NFQA_VERDICT_HDR: u16 = 2;
const NFQA_MARK: u16 = 3;
const NFQA_IFINDEX_INDEV: u16 = 5;
const NFQA_IFINDEX_OUTDEV: u16 = 6;
const NFQA_PAYLOAD: u16 = 10;
const NFQA_UID: u16 = 16;

const NF_INET_LOCAL_IN: u8 = 1;

/// What the kernel is told of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Forget it.
    Drop,
    /// Run the hook again, with this mark on the packet.
    Repeat {
        /// The whole mark.
        mark: u32,
    },
}

impl Told {
    /// NF_DROP or NF_REPEAT.
    const fn number(self) -> u32 {
        match self {
            Self::Drop => 0,
            Self::Repeat { .. } => 4,
        }
    }
}

/// A packet that the kernel holds, and what it told of it.
#[derive(Debug)]
pub struct NfPacket {
    /// The kernel's number of it, within its queue.
    pub(super) id: u32,
    /// Its mark.
    pub(super) mark: u32,
    hook: Direction,
    interface: u32,
    uid: Option<u32>,
    sent_after: Nanos,
    bytes: [u8; COPY_RANGE],
    length: usize,
}

impl QueuedPacket for NfPacket {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn hook(&self) -> Direction {
        self.hook
    }

    fn interface(&self) -> u32 {
        self.interface
    }

    fn uid(&self) -> Option<u32> {
        self.uid
    }

    fn sent_after(&self) -> Nanos {
        self.sent_after
    }
}

/// Takes a queue, with all its settings at once: nothing can come in between that they would not hold for.
pub(super) fn bind(queue: u16, length: u32, fail_open: bool) -> Request {
    let mut request = about(NFQNL_MSG_CONFIG, queue);
    request.attribute(NFQA_CFG_CMD, &[NFQNL_CFG_CMD_BIND, 0, 0, 0]);
    let [a, b, c, d] = (COPY_RANGE as u32).to_be_bytes();
    request.attribute(NFQA_CFG_PARAMS, &[a, b, c, d, NFQNL_COPY_PACKET]);
    request.attribute(NFQA_CFG_QUEUE_MAXLEN, &length.to_be_bytes());
    let flags = GSO | UID_GID | if fail_open { FAIL_OPEN } else { 0 };
    request.attribute(NFQA_CFG_FLAGS, &flags.to_be_bytes());
    request.attribute(NFQA_CFG_MASK, &(GSO | UID_GID | FAIL_OPEN).to_be_bytes());
    request
}

/// What becomes of a packet.
pub(super) fn verdict(queue: u16, id: u32, told: Told) -> Request {
    let mut request = about(NFQNL_MSG_VERDICT, queue);
    let mut header = [0; 8];
    header[..4].copy_from_slice(&told.number().to_be_bytes());
    header[4..].copy_from_slice(&id.to_be_bytes());
    request.attribute(NFQA_VERDICT_HDR, &header);
    if let Told::Repeat { mark } = told {
        request.attribute(NFQA_MARK, &mark.to_be_bytes());
    }
    request
}

/// A request with its nfgenmsg: family, version, queue.
fn about(kind: u16, queue: u16) -> Request {
    let mut request = Request::new(kind);
    let [high, low] = queue.to_be_bytes();
    request.put(&[0, 0, high, low]);
    request
}

/// The packet in a message, which was not sent before a time; `None` in an acknowledgement.
///
/// # Errors
/// What the kernel says of an earlier verdict; or `InvalidData`.
pub(super) fn read(message: &[u8], sent_after: Nanos) -> io::Result<Option<NfPacket>> {
    let (header, body) = Header::split(message).ok_or(io::ErrorKind::InvalidData)?;
    header.error(body)?;
    match header.kind {
        NFQNL_MSG_PACKET => packet(body, sent_after).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        _ => Ok(None),
    }
}

fn packet(body: &[u8], sent_after: Nanos) -> Option<NfPacket> {
    let mut number = None;
    let (mut mark, mut ingoing, mut outgoing, mut uid) = (0, 0, 0, None);
    let mut payload: &[u8] = &[];
    for (kind, value) in attributes(body.get(4..)?) {
        match kind {
            // nfqnl_msg_packet_hdr: id, protocol of the link layer (2 bytes), hook.
            NFQA_PACKET_HDR => number = Some((big_endian(value)?, *value.get(6)?)),
            NFQA_MARK => mark = big_endian(value)?,
            NFQA_IFINDEX_INDEV => ingoing = big_endian(value)?,
            NFQA_IFINDEX_OUTDEV => outgoing = big_endian(value)?,
            NFQA_UID => uid = Some(big_endian(value)?),
            NFQA_PAYLOAD => payload = value,
            _ => {}
        }
    }
    let (id, hook) = number?;
    let (hook, interface) =
        if hook == NF_INET_LOCAL_IN { (Direction::Incoming, ingoing) } else { (Direction::Outgoing, outgoing) };
    let length = payload.len().min(COPY_RANGE);
    let mut bytes = [0; COPY_RANGE];
    bytes[..length].copy_from_slice(&payload[..length]);
    Some(NfPacket { id, mark, hook, interface, uid, sent_after, bytes, length })
}

fn big_endian(value: &[u8]) -> Option<u32> {
    u32_at(value, 0).map(u32::from_be)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(hook: u8, payload: &[u8]) -> Request {
        let mut request = about(NFQNL_MSG_PACKET, 7);
        request.attribute(NFQA_PACKET_HDR, &[0, 0, 1, 2, 8, 0, hook]);
        request.attribute(NFQA_MARK, &0x1000_0001u32.to_be_bytes());
        request.attribute(NFQA_IFINDEX_INDEV, &3u32.to_be_bytes());
        request.attribute(NFQA_IFINDEX_OUTDEV, &4u32.to_be_bytes());
        request.attribute(NFQA_UID, &1000u32.to_be_bytes());
        request.attribute(NFQA_PAYLOAD, payload);
        request
    }

    #[test]
    fn a_packet_is_read_with_all_that_is_told_of_it() {
        for (hook, direction, interface) in [(1, Direction::Incoming, 3), (3, Direction::Outgoing, 4)] {
            let packet = read(message(hook, b"bytes").finish(0, 1), 0).unwrap().unwrap();
            assert_eq!((packet.id, packet.mark, packet.uid()), (0x102, 0x1000_0001, Some(1000)));
            assert_eq!((packet.hook(), packet.interface(), packet.bytes()), (direction, interface, &b"bytes"[..]));
        }
    }

    #[test]
    fn a_verdict_names_queue_packet_and_mark() {
        let mut request = verdict(258, 7, Told::Repeat { mark: 0x3000_0005 });
        let bytes = request.finish(0, 0);
        assert_eq!(bytes[4..6], NFQNL_MSG_VERDICT.to_ne_bytes());
        assert_eq!(bytes[18..20], [1, 2]);
        assert_eq!(bytes[24..32], [0, 0, 0, 4, 0, 0, 0, 7]);
        assert_eq!(bytes[36..40], [0x30, 0, 0, 5]);
        assert_eq!(verdict(0, 7, Told::Drop).finish(0, 0).len(), 32);
    }

    #[test]
    fn an_acknowledgement_is_no_packet_and_a_refusal_an_error() {
        for (code, expected) in [(0i32, Ok(())), (-2, Err(io::ErrorKind::NotFound))] {
            let mut request = Request::new(2);
            request.put(&code.to_ne_bytes());
            request.put(&[0; 16]);
            let read = read(request.finish(0, 1), 0);
            assert_eq!(read.map(|packet| assert!(packet.is_none())).map_err(|error| error.kind()), expected);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes, 0);
        }

        #[test]
        fn no_change_of_a_sound_message_makes_it_panic(place in 0usize..100, byte: u8, cut in 0usize..100) {
            let mut request = message(1, &[7; 60]);
            let mut bytes = request.finish(0, 1).to_vec();
            let place = place.min(bytes.len() - 1);
            bytes[place] = byte;
            let _ = read(&bytes, 0);
            bytes.truncate(cut);
            let _ = read(&bytes, 0);
        }
    }
}
