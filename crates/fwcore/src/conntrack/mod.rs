//! The kernel's connection tracking, over ctnetlink (linux/netfilter/nfnetlink_conntrack.h).

mod tuple;

use std::io;

use rustix::net::netlink;

use crate::flow::FlowKey;
use crate::netlink::{NetlinkSocket, Request, attributes};
use crate::packet::Packet;
use crate::ports::{FlowTracker, Orientation};

const CT_NEW: u16 = 0x100;
const CT_GET: u16 = 0x101;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_MARK: u16 = 8;
const CTA_MARK_MASK: u16 = 21;

/// A netlink socket to the connection table.
#[derive(Debug)]
pub struct Conntrack {
    netlink: NetlinkSocket,
}

impl Conntrack {
    /// Opens it.
    ///
    /// # Errors
    /// Where the kernel has no netfilter netlink.
    pub fn open() -> io::Result<Self> {
        Ok(Self { netlink: NetlinkSocket::open(netlink::NETFILTER)? })
    }

    /// The ends of every flow whose connection mark, within `mask`, is `mark`: as its first packet named them.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn marked(&mut self, mark: u32, mask: u32) -> io::Result<Vec<FlowKey>> {
        let mut request = Request::new(CT_GET);
        request.put(&[0; 4]);
        request.attribute(CTA_MARK, &mark.to_be_bytes());
        request.attribute(CTA_MARK_MASK, &mask.to_be_bytes());
        let mut flows = Vec::new();
        self.netlink
            .dump(&mut request, |body| flows.extend(tuple::find(body, CTA_TUPLE_ORIG).map(|tuple| tuple.key)))?;
        Ok(flows)
    }

    /// Clears a flow's mark within `mask`, so that its next packet comes to the queue.
    ///
    /// # Errors
    /// `NotFound` if the flow is gone.
    pub fn clear_mark(&mut self, key: &FlowKey, mask: u32) -> io::Result<()> {
        let mut request = Request::new(CT_NEW);
        request.put(&[tuple::family(key), 0, 0, 0]);
        tuple::put(&mut request, CTA_TUPLE_ORIG, key, None);
        request.attribute(CTA_MARK, &0u32.to_be_bytes());
        request.attribute(CTA_MARK_MASK, &mask.to_be_bytes());
        self.netlink.tell(&mut request)
    }
}

impl FlowTracker for Conntrack {
    /// The first packet of a flow is not in the table yet: it is entered when it leaves.
    fn orientation(&mut self, packet: &Packet) -> Orientation {
        let mut request = Request::new(CT_GET);
        request.put(&[tuple::family(&packet.key), 0, 0, 0]);
        tuple::put(&mut request, CTA_TUPLE_ORIG, &packet.key, Some(packet.transport));
        let Ok(body) = self.netlink.ask(&mut request) else { return Orientation::New };
        let own = tuple::of_packet(packet);
        match (tuple::find(body, CTA_TUPLE_ORIG), tuple::find(body, CTA_TUPLE_REPLY)) {
            (Some(original), _) if original == own => Orientation::Original,
            (_, Some(reply)) if reply == own => Orientation::Reply,
            _ => Orientation::New,
        }
    }
}

/// The attributes behind the nfgenmsg header.
fn body_attributes(body: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    attributes(body.get(4..).unwrap_or_default())
}
