//! The housekeeping thread: deadlines of questions and rules, and live flows that a changed policy forbids.
//!
//! It sleeps until the next deadline or until its bell rings, so an idle firewall wakes for nothing.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use procfs::process::Process;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::app::ProcessId;
use crate::conntrack::Conntrack;
use crate::counters::Counter;
use crate::flow::{FlowKey, Protocol};
use crate::flows::KnownFlow;
use crate::ports::{Event, Expiry, Millis};
use crate::process::SockDiag;
use crate::queue::Marks;
use crate::rules::{BoundRule, Policy, Subject};
use crate::shared::Shared;
use crate::verdict::{Reason, Verdict};

/// The thread's state.
pub(crate) struct Housekeeper {
    shared: Arc<Shared>,
    cut: Arc<Counter>,
    marks: Marks,
    conntrack: Conntrack,
    sockets: SockDiag,
    timer: OwnedFd,
    /// Rules whose end was told already; they may stand in the policy until the control plane takes them out.
    ended: HashSet<u32>,
    watched: Vec<WatchedRule>,
    generation: u32,
}

/// A rule that ends with a process.
struct WatchedRule {
    id: u32,
    process: OwnedFd,
}

impl Housekeeper {
    pub(crate) fn new(shared: Arc<Shared>, cut: Arc<Counter>, marks: Marks) -> io::Result<Self> {
        Ok(Self {
            shared,
            cut,
            marks,
            conntrack: Conntrack::open()?,
            sockets: SockDiag::open()?,
            timer: timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?,
            ended: HashSet::new(),
            watched: Vec::new(),
            generation: 0,
        })
    }

    /// Runs until the agenda is told to stop.
    pub(crate) fn run(mut self) {
        self.forget_marks();
        while !self.shared.agenda.is_stopping() {
            if let Some(old) = self.shared.agenda.take_sweep() {
                self.sweep(&old);
            }
            self.watch_processes();
            self.expire_queries();
            self.expire_rules();
            self.wait();
        }
    }

    /// Flows that an earlier run allowed are judged again when they next speak.
    fn forget_marks(&mut self) {
        for mark in [self.marks.accept(), self.marks.reject()] {
            for key in self.marked(mark) {
                self.clear_mark(&key);
            }
        }
    }

    fn wait(&mut self) {
        let deadline = [self.shared.pending.next_deadline(), self.next_rule_end()].into_iter().flatten().min();
        if let Err(error) = self.set_timer(deadline) {
            self.problem(format!("cannot set the timer of the deadlines: {error}; restart fwdaemon"));
        }
        let mut waiting = vec![
            PollFd::from_borrowed_fd(self.shared.agenda.wake(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.timer.as_fd(), PollFlags::IN),
        ];
        waiting.extend(self.watched.iter().map(|rule| PollFd::from_borrowed_fd(rule.process.as_fd(), PollFlags::IN)));
        // An interrupted wait is looked at as a wait that ended.
        if poll(&mut waiting, None).is_err() {
            return;
        }
        let quit: Vec<bool> = waiting[2..].iter().map(|process| !process.revents().is_empty()).collect();
        drop(waiting);
        for (rule, quit) in std::mem::take(&mut self.watched).into_iter().zip(quit) {
            if quit {
                self.end_rule(rule.id, Expiry::Quit);
            } else {
                self.watched.push(rule);
            }
        }
    }

    /// `None` disarms it.
    fn set_timer(&self, at: Option<Millis>) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        // A time of zero would disarm it; one in the past rings at once.
        let value =
            at.map_or(zero, |at| Timespec { tv_sec: (at / 1000) as i64, tv_nsec: (at % 1000) as i64 * 1_000_000 + 1 });
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &Itimerspec { it_interval: zero, it_value: value })?;
        Ok(())
    }

    fn expire_queries(&self) {
        let now = self.shared.clock.now();
        for closed in self.shared.pending.close_where(|query| query.deadline <= now) {
            self.shared.release(closed, Verdict::Drop, Reason::Timeout);
        }
    }

    fn next_rule_end(&self) -> Option<Millis> {
        let policy = self.shared.policy.load();
        let rules = policy.rules.rules().iter().filter(|bound| !self.ended.contains(&bound.rule.id));
        rules.filter_map(BoundRule::ends_at).map(|(at, _)| at).min()
    }

    fn expire_rules(&mut self) {
        let now = self.shared.clock.now();
        let policy = self.shared.policy.load_full();
        if policy.generation != self.generation {
            self.generation = policy.generation;
            let present: HashSet<u32> = policy.rules.rules().iter().map(|bound| bound.rule.id).collect();
            self.ended.retain(|id| present.contains(id));
        }
        for bound in policy.rules.rules() {
            if let Some((at, why)) = bound.ends_at()
                && at <= now
            {
                self.end_rule(bound.rule.id, why);
            }
        }
    }

    fn end_rule(&mut self, id: u32, why: Expiry) {
        if self.ended.insert(id) {
            self.shared.events.push(self.shared.clock.now(), Event::RuleExpired { id, why });
        }
    }

    /// Opens a descriptor for each process that a new policy's rules are bound to.
    fn watch_processes(&mut self) {
        let policy = self.shared.policy.load_full();
        if policy.generation == self.generation {
            return;
        }
        self.watched.clear();
        for rule in policy.rules.rules().iter().map(|bound| &bound.rule) {
            let Some(process) = rule.process else { continue };
            match open_process(process) {
                Some(descriptor) => self.watched.push(WatchedRule { id: rule.id, process: descriptor }),
                None => self.end_rule(rule.id, Expiry::Quit),
            }
        }
    }

    /// Cuts the live flows that `old` allowed and the policy in force forbids.
    fn sweep(&mut self, old: &Policy) {
        let new = self.shared.policy.load_full();
        let now = self.shared.clock.now();
        for key in self.marked(self.marks.accept()) {
            match self.shared.flows.find(&key) {
                Some(known) => {
                    let subject = Subject { flow: &known.flow, app: &known.app };
                    if new.forbids(subject, now) && !old.forbids(subject, now) {
                        self.cut(known, new.generation);
                    }
                }
                // Not remembered any more: judged when it next speaks.
                None => self.clear_mark(&key),
            }
        }
    }

    /// Ends a live flow: a TCP connection is aborted for both ends, and whatever else of the flow still comes is dropped.
    fn cut(&mut self, known: KnownFlow, generation: u32) {
        let (flow, app) = (known.flow, Arc::clone(&known.app));
        let over = flow.key.protocol == Protocol::TCP
            && self.sockets.destroy_tcp(&flow).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        self.shared.flows.remember(KnownFlow { verdict: Verdict::Drop, generation, ..known });
        self.clear_mark(&flow.key);
        // The connection table keeps a connection for a while after its end.
        if over {
            return;
        }
        self.cut.raise();
        self.shared.events.push(self.shared.clock.now(), Event::FlowCut { flow, app });
    }

    fn marked(&mut self, mark: u32) -> Vec<FlowKey> {
        self.conntrack.marked(mark, self.marks.mask).unwrap_or_else(|error| {
            self.problem(format!(
                "cannot read the connection table: {error}; live connections keep what they were allowed"
            ));
            Vec::new()
        })
    }

    fn clear_mark(&mut self, key: &FlowKey) {
        match self.conntrack.clear_mark(key, self.marks.mask) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.problem(format!("cannot clear the mark of a connection: {error}; it keeps what it was allowed"));
            }
            _ => {}
        }
    }

    fn problem(&self, text: String) {
        self.shared.events.push(self.shared.clock.now(), Event::Problem(text));
    }
}

/// A descriptor of a process that is still the one meant; `None` if it has ended.
fn open_process(process: ProcessId) -> Option<OwnedFd> {
    let descriptor = pidfd_open(Pid::from_raw(process.pid as i32)?, PidfdFlags::empty()).ok()?;
    let start_time = Process::new(process.pid as i32).ok()?.stat().ok()?.starttime;
    (start_time == process.start_time).then_some(descriptor)
}
