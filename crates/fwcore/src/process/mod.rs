//! Flow to program: the kernel's exact socket look-up (sock_diag), then the processes that hold that socket (/proc).
//!
//! Nothing here guesses. Where two answers are possible, or none, the program is
//! [`Program::Unknown`](crate::app::Program::Unknown) with the reason.

mod bpf;
mod cgroups;
mod descriptors;
mod facts;
mod lifecycle;
mod owners;
mod ping;
mod sock_diag;

use std::io;
use std::sync::Arc;

use crate::app::{App, Unknown};
use crate::counters::Counters;
use crate::flow::{Direction, Flow, Protocol};
use crate::monotonic::Nanos;
use crate::ports::ProcessLookup;
use bpf::Senders;
pub use bpf::{ExactError, ExactLayer};
use facts::KnownFacts;
pub use lifecycle::Lifecycle;
use owners::{Owner, SocketOwners};
pub use sock_diag::SockDiag;
use sock_diag::{Found, Socket};

/// Finds programs: who sent, by the exact layer if it is at work; else, and for what others opened, through sock_diag and
/// /proc. One for each packet thread: its sockets and its caches are its own.
#[derive(Debug)]
pub struct Processes {
    senders: Option<Senders>,
    counters: Arc<Counters>,
    sockets: SockDiag,
    owners: SocketOwners,
    facts: KnownFacts,
}

impl Processes {
    /// Opens the sockets that it asks through. Without the exact layer `lifecycle` tells whether somebody else than those that
    /// hold a socket may have sent through it.
    ///
    /// # Errors
    /// Where the kernel has no sock_diag.
    pub fn open(
        exact: Option<Arc<ExactLayer>>,
        lifecycle: Option<Arc<Lifecycle>>,
        counters: Arc<Counters>,
    ) -> io::Result<Self> {
        Ok(Self {
            senders: exact.map(Senders::new),
            counters,
            sockets: SockDiag::open()?,
            owners: SocketOwners::new(lifecycle),
            facts: KnownFacts::default(),
        })
    }

    fn find_sockets(&mut self, flow: &Flow, interface: u32) -> Found {
        match flow.key.protocol {
            Protocol::TCP => self.sockets.tcp(flow, interface),
            Protocol::UDP | Protocol::UDPLITE => self.sockets.udp(flow, interface),
            protocol if protocol.is_icmp() => ping::find(flow),
            _ => Found::Nothing(Unknown::Protocol),
        }
    }

    fn owner_of_all(&mut self, sockets: &[Socket], sent_after: Option<Nanos>) -> Result<Owner, Unknown> {
        let mut owners = sockets.iter().map(|socket| self.owners.find(socket.inode, socket.cookie, sent_after));
        let first = owners.next().unwrap_or(Err(Unknown::NoSocket))?;
        for other in owners {
            if other?.path != first.path {
                return Err(Unknown::Ambiguous);
            }
        }
        Ok(if sockets.len() > 1 { Owner { process: None, ..first } } else { first })
    }
}

impl ProcessLookup for Processes {
    fn attribute(&mut self, flow: &Flow, interface: u32, uid: Option<u32>, sent_after: Nanos) -> Arc<App> {
        if flow.direction == Direction::Outgoing
            && let Some(senders) = &mut self.senders
        {
            if let Some(app) = senders.find(&flow.key, uid) {
                return app;
            }
            self.counters.exact_missed.raise();
        }
        let sockets = match self.find_sockets(flow, interface) {
            Found::Sockets(sockets) => sockets,
            Found::Nothing(why) => return Arc::new(App::unknown(why, uid)),
        };
        let uid = sockets.first().map(|socket| socket.uid).or(uid);
        // What comes in was not sent by those that hold the socket.
        let sent_after = (flow.direction == Direction::Outgoing).then_some(sent_after);
        let app = owned_by(self.owner_of_all(&sockets, sent_after), uid);
        Arc::new(App { facts: self.facts.find(&app), ..app })
    }
}

fn owned_by(owner: Result<Owner, Unknown>, uid: Option<u32>) -> App {
    match owner {
        Ok(Owner { path, script, process }) => App { script, process, uid, ..App::named(path) },
        Err(why) => App::unknown(why, uid),
    }
}
