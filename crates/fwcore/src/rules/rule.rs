//! One rule: which flows it means, and what happens to them.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use crate::app::{App, ProcessId, Program};
use crate::flow::{Direction, Flow, Protocol};
use crate::ports::Millis;
use crate::verdict::Action;

/// A rule. Every `None` matches anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Unique within a policy; usage is kept by it from one policy to the next.
    pub id: u32,
    /// What happens to a flow that matches.
    pub action: Action,
    /// Who opened the flow.
    pub direction: Option<Direction>,
    /// The exact name of its interface.
    pub interface: Option<Box<str>>,
    /// Its protocol. ICMP also matches ICMPv6, since `icmp` means ping on either family.
    pub protocol: Option<Protocol>,
    /// The end that opened it.
    pub source: Endpoint,
    /// The other end.
    pub destination: Endpoint,
    /// The program.
    pub program: ProgramMatch,
    /// Bound to this process alone.
    pub process: Option<ProcessId>,
    /// Ends after so many milliseconds without a match.
    pub idle_limit: Option<Millis>,
    /// Ends then.
    pub expires_at: Option<Millis>,
}

/// One end of a flow, as a rule names it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Endpoint {
    /// Addresses; `None` is any, of either family.
    pub network: Option<IpNet>,
    /// Ports; `None` is any. A flow of a protocol without ports has port 0.
    pub ports: Option<RangeInclusive<u16>>,
}

/// The program, as a rule names it.
#[derive(Debug, Clone, PartialEq)]
pub enum ProgramMatch {
    /// Any program, known or not.
    Any,
    /// Only flows whose program is not known.
    Unknown,
    /// The exact path of the executable.
    Path(Box<str>),
}

/// What rules are matched against.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// Its program.
    pub app: &'a App,
}

impl Endpoint {
    fn matches(&self, address: IpAddr, port: u16) -> bool {
        self.network.is_none_or(|network| network.contains(&address))
            && self.ports.as_ref().is_none_or(|ports| ports.contains(&port))
    }
}

impl ProgramMatch {
    fn matches(&self, app: &App) -> bool {
        match (self, &app.program) {
            (Self::Any, _) | (Self::Unknown, Program::Unknown(_)) => true,
            (Self::Path(wanted), Program::Path(path)) => **wanted == **path,
            _ => false,
        }
    }
}

impl Rule {
    /// Whether every field matches. Whether the rule still lives is not asked here.
    pub fn matches(&self, subject: Subject<'_>) -> bool {
        let Subject { flow, app } = subject;
        let (source_port, destination_port) = flow.key.rule_ports();
        self.program.matches(app)
            && self.direction.is_none_or(|direction| direction == flow.direction)
            && self.protocol.is_none_or(|protocol| {
                protocol == flow.key.protocol || (protocol == Protocol::ICMP && flow.key.protocol == Protocol::ICMPV6)
            })
            && self.destination.matches(flow.key.destination, destination_port)
            && self.source.matches(flow.key.source, source_port)
            && self.interface.as_deref().is_none_or(|name| name == flow.interface.as_str())
            && self.process.is_none_or(|process| app.process == Some(process))
    }
}
