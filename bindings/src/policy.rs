//! The policy as JavaScript hands it in.

use fwcore::app::ProcessId;
use fwcore::clock::BootClock;
use fwcore::firewall::PolicyDraft;
use fwcore::flow::Protocol;
use fwcore::rules::{ChangedApps, Defaults, Endpoint, ProgramMatch, Rule, Unattended};
use fwcore::verdict::{Action, Verdict};
use ipnet::IpNet;
use napi_derive::napi;

use crate::convert::{action, direction, verdict};
use crate::error::{CodedError, bad_input};

/// One end of a flow, as a rule names it.
#[napi(object)]
pub struct NativeEndpoint {
    /// Network in CIDR notation. Absent: any host of either family.
    pub cidr: Option<String>,
    /// First port, 0-65535. Absent, with `toPort`: any port.
    pub from_port: Option<u32>,
    /// Last port, not less than the first.
    pub to_port: Option<u32>,
}

/// A rule. What is absent matches anything.
#[napi(object)]
pub struct NativeRule {
    /// Unique within a policy; hits and last use are kept by it from one policy to the next.
    pub id: u32,
    #[napi(ts_type = "'ACCEPT' | 'DROP' | 'REJECT' | 'ASK'")]
    pub action: String,
    #[napi(ts_type = "'incoming' | 'outgoing'")]
    pub direction: Option<String>,
    /// Exact name of the interface.
    pub interface: Option<String>,
    /// IANA number; 1 (icmp) also matches ICMPv6.
    pub protocol: Option<u32>,
    pub source: NativeEndpoint,
    pub destination: NativeEndpoint,
    /// Absolute path of the executable, or `unknown` for flows whose program is not known.
    pub app: Option<String>,
    /// The rule stops matching after this many milliseconds without a match.
    pub idle_limit_ms: Option<f64>,
    /// The rule stops matching then: milliseconds since the epoch.
    pub expires_at_ms: Option<f64>,
    /// Bound to this process; goes with `startTime`.
    pub pid: Option<u32>,
    /// Start time of the process in clock ticks since boot.
    pub start_time: Option<f64>,
}

/// A registered program whose file has changed.
#[napi(object)]
pub struct NativeChangedApp {
    pub path: String,
    /// The first rule id given out after the change was noticed: permissions from there on count.
    pub since_rule: u32,
}

/// A whole policy.
#[napi(object)]
pub struct NativePolicy {
    /// In the order in which they are tried.
    pub rules: Vec<NativeRule>,
    #[napi(ts_type = "'ACCEPT' | 'DROP' | 'REJECT' | 'ASK'")]
    pub default_incoming: String,
    #[napi(ts_type = "'ACCEPT' | 'DROP' | 'REJECT' | 'ASK'")]
    pub default_outgoing: String,
    /// What decides a question while no client is attached.
    #[napi(ts_type = "'ACCEPT' | 'DROP' | 'ASK'")]
    pub unattended: String,
    /// How long a question stays open, in milliseconds.
    pub query_timeout_ms: f64,
    /// What becomes of a packet that finds no place to be parked. Absent: DROP.
    #[napi(ts_type = "'ACCEPT' | 'DROP'")]
    pub overflow: Option<String>,
    /// What older permissions no longer let pass. Absent: none.
    pub changed_apps: Option<Vec<NativeChangedApp>>,
    /// What becomes of their flows. Absent: ASK.
    #[napi(ts_type = "'ASK' | 'DROP'")]
    pub changed_app_action: Option<String>,
}

impl NativePolicy {
    pub(crate) fn draft(self) -> Result<PolicyDraft, CodedError> {
        let changed = self.changed_apps.unwrap_or_default().into_iter();
        Ok(PolicyDraft {
            rules: self.rules.into_iter().map(NativeRule::rule).collect::<Result<_, _>>()?,
            defaults: Defaults { incoming: action(&self.default_incoming)?, outgoing: action(&self.default_outgoing)? },
            unattended: match action(&self.unattended)? {
                Action::Accept => Unattended::Accept,
                Action::Drop => Unattended::Drop,
                Action::Ask => Unattended::Ask,
                Action::Reject => {
                    return Err(bad_input("unattended REJECT is not known; expected ACCEPT, DROP or ASK"));
                }
            },
            query_timeout: self.query_timeout_ms as u64,
            overflow: self.overflow.as_deref().map_or(Ok(Verdict::Drop), verdict)?,
            changed: ChangedApps {
                action: self.changed_app_action.as_deref().map_or(Ok(Action::Ask), action)?,
                since_rule: changed.map(|app| (app.path.into(), app.since_rule)).collect(),
            },
        })
    }
}

impl NativeRule {
    fn rule(self) -> Result<Rule, CodedError> {
        let process = match (self.pid, self.start_time) {
            (Some(pid), Some(start_time)) => Some(ProcessId { pid, start_time: start_time as u64 }),
            (None, None) => None,
            _ => return Err(bad_input(format_args!("rule {}: pid and startTime go together", self.id))),
        };
        Ok(Rule {
            id: self.id,
            action: action(&self.action)?,
            direction: self.direction.as_deref().map(direction).transpose()?,
            interface: self.interface.map(Into::into),
            protocol: self.protocol.map(protocol).transpose()?,
            source: self.source.endpoint()?,
            destination: self.destination.endpoint()?,
            program: match self.app {
                None => ProgramMatch::Any,
                Some(app) if app == "unknown" => ProgramMatch::Unknown,
                Some(app) => ProgramMatch::Path(app.into()),
            },
            process,
            idle_limit: self.idle_limit_ms.map(|limit| limit as u64),
            expires_at: self.expires_at_ms.map(|at| BootClock.from_epoch(at)),
        })
    }
}

impl NativeEndpoint {
    fn endpoint(self) -> Result<Endpoint, CodedError> {
        let ports = match (self.from_port, self.to_port) {
            (None, None) => None,
            (Some(from), Some(to)) if from <= to => Some(port(from)?..=port(to)?),
            _ => return Err(bad_input("fromPort and toPort go together, the smaller first")),
        };
        Ok(Endpoint { network: self.cidr.as_deref().map(network).transpose()?, ports })
    }
}

fn network(text: &str) -> Result<IpNet, CodedError> {
    text.parse().map_err(|_| bad_input(format_args!("{text:?} is no network; expected CIDR such as 10.0.0.0/8")))
}

fn port(number: u32) -> Result<u16, CodedError> {
    number.try_into().map_err(|_| bad_input(format_args!("port {number} is out of range; expected 0-65535")))
}

fn protocol(number: u32) -> Result<Protocol, CodedError> {
    let number = number.try_into();
    number.map(Protocol).map_err(|_| bad_input("protocol is out of range; expected 0-255"))
}
