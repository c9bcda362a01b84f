//! What goes out to JavaScript: flows, programs, queries, events.

use std::sync::Arc;

use fwcore::app::{App, Facts, Program};
use fwcore::events::Drained;
use fwcore::flow::Flow;
use fwcore::ports::{Event, Expiry, Millis, QueryView};
use fwcore::verdict::{Reason, Verdict};
use napi_derive::napi;

use crate::convert::{direction_word, epoch, reason_word, verdict_word};

/// The program behind a flow.
#[napi(object)]
pub struct NativeApp {
    /// Path of the executable, or `unknown`.
    pub path: String,
    /// Why it is not known.
    pub reason: Option<String>,
    /// The script that it interprets.
    pub script: Option<String>,
    pub pid: Option<u32>,
    /// In clock ticks since boot.
    pub start_time: Option<f64>,
    /// Owner of the socket.
    pub uid: Option<u32>,
    /// How it was called, its own name first. What is no UTF-8 stands there as U+FFFD.
    pub arguments: Option<Vec<String>>,
    /// More arguments followed: only the first 256 bytes are kept.
    pub arguments_cut: Option<bool>,
    /// Its parent first, then that one's; without process 1.
    pub parents: Option<Vec<NativeParent>>,
    /// Path of its control group (version 2).
    pub cgroup: Option<String>,
    /// Inode number of its mount namespace, if that is not the firewall's own.
    pub mount_namespace: Option<u32>,
}

/// A process above another.
#[napi(object)]
pub struct NativeParent {
    pub pid: u32,
    /// Path of the executable, or `unknown`.
    pub path: String,
}

/// A flow. Ports are 0 for a protocol without ports.
#[napi(object)]
pub struct NativeFlow {
    #[napi(ts_type = "'incoming' | 'outgoing'")]
    pub direction: String,
    /// IANA number.
    pub protocol: u32,
    /// Name; empty where there is none.
    pub interface: String,
    pub source_ip: String,
    pub source_port: u32,
    pub destination_ip: String,
    pub destination_port: u32,
}

/// An open question. Times are milliseconds since the epoch; the flow is that of its first packet.
#[napi(object)]
pub struct NativeQuery {
    pub id: u32,
    pub flow: NativeFlow,
    pub app: NativeApp,
    pub since_ms: f64,
    pub deadline_ms: f64,
    /// Packets held.
    pub count: u32,
    /// Asked because the program's file has changed since it was registered.
    pub changed: bool,
}

/// Why a flow got its verdict.
#[napi(object)]
pub struct NativeReason {
    #[napi(
        ts_type = "'rule' | 'changed' | 'default' | 'unattended' | 'answer' | 'timeout' | 'policy' | 'established'"
    )]
    pub kind: String,
    /// Id of the rule.
    pub rule: Option<u32>,
}

/// Something that happened; which fields it has goes by its kind.
#[napi(object)]
pub struct NativeEvent {
    #[napi(
        ts_type = "'query-opened' | 'query-updated' | 'query-closed' | 'verdict' | 'flow-cut' | 'rule-expired' | 'problem'"
    )]
    pub kind: String,
    /// Milliseconds since the epoch.
    pub at_ms: f64,
    /// query-opened, query-updated.
    pub query: Option<NativeQuery>,
    /// query-closed: the query's id. rule-expired: the rule's.
    pub id: Option<u32>,
    /// query-closed, verdict.
    #[napi(ts_type = "'ACCEPT' | 'DROP' | 'REJECT'")]
    pub verdict: Option<String>,
    /// query-closed, verdict.
    pub reason: Option<NativeReason>,
    /// verdict, flow-cut.
    pub flow: Option<NativeFlow>,
    /// verdict, flow-cut.
    pub app: Option<NativeApp>,
    /// rule-expired: `idle`, `expired` or `quit`. problem: one line.
    pub message: Option<String>,
}

/// Events in the order in which they happened.
#[napi(object)]
pub struct EventBatch {
    pub events: Vec<NativeEvent>,
    /// Lost since the last drain because the ring was full.
    pub dropped: f64,
    /// More wait: drain again, the doorbell does not ring for these.
    pub more: bool,
}

impl From<Drained> for EventBatch {
    fn from(drained: Drained) -> Self {
        Self {
            events: drained.events.into_iter().map(|(at, event)| native_event(at, event)).collect(),
            dropped: drained.dropped as f64,
            more: drained.more,
        }
    }
}

impl From<&App> for NativeApp {
    fn from(app: &App) -> Self {
        let (path, reason) = match &app.program {
            Program::Path(path) => (path.to_string(), None),
            Program::Unknown(why) => ("unknown".to_owned(), Some(why.to_string())),
        };
        let facts = app.facts.as_deref();
        let arguments = facts.and_then(|facts| facts.arguments.as_ref());
        Self {
            path,
            reason,
            script: app.script.as_deref().map(str::to_owned),
            pid: app.process.map(|process| process.pid),
            start_time: app.process.map(|process| process.start_time as f64),
            uid: app.uid,
            arguments: arguments.map(|arguments| arguments.words.iter().map(ToString::to_string).collect()),
            arguments_cut: arguments.map(|arguments| arguments.cut),
            parents: facts.map(native_parents),
            cgroup: facts.and_then(|facts| facts.cgroup.as_deref()).map(str::to_owned),
            mount_namespace: facts.and_then(|facts| facts.mount_namespace),
        }
    }
}

fn native_parents(facts: &Facts) -> Vec<NativeParent> {
    let path = |path: &Option<Arc<str>>| path.as_deref().unwrap_or("unknown").to_owned();
    facts.parents.iter().map(|parent| NativeParent { pid: parent.pid, path: path(&parent.path) }).collect()
}

impl From<&Flow> for NativeFlow {
    fn from(flow: &Flow) -> Self {
        let (source_port, destination_port) = flow.key.rule_ports();
        Self {
            direction: direction_word(flow.direction).to_owned(),
            protocol: flow.key.protocol.0.into(),
            interface: flow.interface.as_str().to_owned(),
            source_ip: flow.key.source.to_string(),
            source_port: source_port.into(),
            destination_ip: flow.key.destination.to_string(),
            destination_port: destination_port.into(),
        }
    }
}

impl From<&QueryView> for NativeQuery {
    fn from(view: &QueryView) -> Self {
        Self {
            id: view.id,
            flow: (&view.flow).into(),
            app: (&*view.app).into(),
            since_ms: epoch(view.since),
            deadline_ms: epoch(view.deadline),
            count: view.count,
            changed: view.changed,
        }
    }
}

impl NativeEvent {
    fn new(kind: &str, at: Millis) -> Self {
        Self {
            kind: kind.to_owned(),
            at_ms: epoch(at),
            query: None,
            id: None,
            verdict: None,
            reason: None,
            flow: None,
            app: None,
            message: None,
        }
    }

    fn decided(self, verdict: Verdict, reason: Reason) -> Self {
        let (kind, rule) = reason_word(reason);
        Self {
            verdict: Some(verdict_word(verdict).to_owned()),
            reason: Some(NativeReason { kind: kind.to_owned(), rule }),
            ..self
        }
    }

    fn about(self, flow: &Flow, app: &App) -> Self {
        Self { flow: Some(flow.into()), app: Some(app.into()), ..self }
    }
}

fn native_event(at: Millis, event: Event) -> NativeEvent {
    match event {
        Event::QueryOpened(view) => NativeEvent { query: Some((&view).into()), ..NativeEvent::new("query-opened", at) },
        Event::QueryUpdated(view) => {
            NativeEvent { query: Some((&view).into()), ..NativeEvent::new("query-updated", at) }
        }
        Event::QueryClosed { id, verdict, reason } => {
            NativeEvent { id: Some(id), ..NativeEvent::new("query-closed", at) }.decided(verdict, reason)
        }
        Event::Verdict { flow, app, verdict, reason } => {
            NativeEvent::new("verdict", at).about(&flow, &app).decided(verdict, reason)
        }
        Event::FlowCut { flow, app } => NativeEvent::new("flow-cut", at).about(&flow, &app),
        Event::RuleExpired { id, why } => {
            let message = match why {
                Expiry::Idle => "idle",
                Expiry::Expired => "expired",
                Expiry::Quit => "quit",
            };
            NativeEvent { id: Some(id), message: Some(message.to_owned()), ..NativeEvent::new("rule-expired", at) }
        }
        Event::Problem(text) => NativeEvent { message: Some(text), ..NativeEvent::new("problem", at) },
    }
}
