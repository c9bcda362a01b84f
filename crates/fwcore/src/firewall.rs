//! The handle that the outside holds: starts the threads, takes policies and answers, gives events and counts.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use thiserror::Error;

use crate::agenda::Agenda;
use crate::clock::BootClock;
use crate::conntrack::Conntrack;
use crate::counters::{Counter, Counters};
use crate::engine::Senses;
use crate::events::{Drained, EventRing};
use crate::flows::FlowTable;
use crate::housekeeping::Housekeeper;
use crate::interfaces::Interfaces;
use crate::pending::{Inbox, PendingTable};
use crate::ports::{Clock, Millis, QueryView};
use crate::process::{ExactError, ExactLayer, Lifecycle, Processes};
use crate::queue::{BoundQueue, Marks, QueueDrops, QueueError, queue_drops};
use crate::rules::{BoundRule, ChangedApps, Defaults, Policy, Rule, RuleSet, Unattended, Usage};
use crate::scheduling::cpus;
use crate::shared::Shared;
use crate::verdict::{Reason, Verdict};
use crate::worker::{self, Place};

/// How the queues are laid out.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Number of the first queue.
    pub first_queue: u16,
    /// How many follow each other; `None` is two for each CPU: all of the first half, then all of the second.
    pub queue_count: Option<u16>,
    /// The bits of marks that are ours.
    pub marks: Marks,
    /// Whether the kernel lets pass what finds a queue full, instead of dropping it.
    pub fail_open: bool,
    /// Whether the exact layer of attribution is to be used if it can be.
    pub exact: bool,
}

/// A policy as it comes from outside: without generation and use.
#[derive(Debug, Clone)]
pub struct PolicyDraft {
    /// In the order in which they are tried. Ids are unique.
    pub rules: Vec<Rule>,
    /// The default actions.
    pub defaults: Defaults,
    /// What happens when nobody is attached.
    pub unattended: Unattended,
    /// How long a question stays open, in milliseconds.
    pub query_timeout: Millis,
    /// What becomes of a packet that finds no place to be parked.
    pub overflow: Verdict,
    /// Programs that are not what they were.
    pub changed: ChangedApps,
}

/// Why the firewall did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A queue could not be had.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The kernel lacks something else that it needs.
    #[error("cannot open {what}: {source}; this kernel lacks it, or the process has no descriptor left")]
    Kernel {
        /// What was opened.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The queues' numbers end before the queues do.
    #[error("queues {0} and the {1} behind it go beyond 65535; choose a lower first queue")]
    Range(u16, u16),
}

/// The use of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleUsage {
    /// The rule's id.
    pub id: u32,
    /// Matches.
    pub hits: u64,
    /// The last one.
    pub last_used: Option<Millis>,
}

/// Counts since the start, over all threads.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// Packets taken from the queues.
    pub packets: u64,
    /// Let pass.
    pub accepted: u64,
    /// Dropped.
    pub dropped: u64,
    /// Refused.
    pub rejected: u64,
    /// Parked.
    pub asked: u64,
    /// Judged without knowing the program.
    pub unknown: u64,
    /// Outgoing flows that the exact layer had not seen.
    pub exact_missed: u64,
    /// Headers that make no sense.
    pub malformed: u64,
    /// No place to park.
    pub overflowed: u64,
    /// Panics caught.
    pub panics: u64,
    /// Live flows cut.
    pub cut: u64,
    /// Dropped by the kernel before they were seen.
    pub drops: QueueDrops,
    /// Events lost.
    pub events_dropped: u64,
    /// Questions open now.
    pub open_queries: usize,
    /// Generation of the policy in force.
    pub generation: u32,
}

/// The running firewall.
pub struct Firewall {
    shared: Arc<Shared>,
    events: Arc<EventRing>,
    counters: Vec<Arc<Counters>>,
    cut: Arc<Counter>,
    options: Options,
    exact_missing: Option<ExactError>,
    lifecycle: Option<Arc<Lifecycle>>,
    /// Policies are bound to their rules' use one after the other.
    replacing: Mutex<()>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Firewall {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Firewall").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Firewall {
    /// Takes the queues and starts a pinned thread for each, and the housekeeping thread.
    ///
    /// `doorbell` is called when events wait, from any thread; it must not block.
    ///
    /// # Errors
    /// [`StartError`]; then nothing is left behind.
    pub fn start(
        options: Options,
        draft: PolicyDraft,
        doorbell: Box<dyn Fn() + Send + Sync>,
    ) -> Result<Self, StartError> {
        let cpus = cpus();
        let count = options.queue_count.unwrap_or(cpus.len() as u16 * 2).max(1);
        if options.first_queue.checked_add(count - 1).is_none() {
            return Err(StartError::Range(options.first_queue, count - 1));
        }
        let options = Options { queue_count: Some(count), ..options };
        let kernel = |what| move |source| StartError::Kernel { what, source };
        let loaded = if options.exact { ExactLayer::load(options.marks.accept()) } else { Err(ExactError::NotWanted) };
        let (exact, exact_missing) = match loaded {
            Ok(layer) => (Some(Arc::new(layer)), None),
            Err(why) => (None, Some(why)),
        };
        // The kernel tells every start and end of a process on the machine: only where it is needed. It must be there before the
        // first packet can be sent to a queue.
        let lifecycle = if exact.is_none() { Lifecycle::open().ok().map(Arc::new) } else { None };
        let queues = (0..count)
            .map(|place| BoundQueue::open(options.first_queue + place, options.marks, options.fail_open))
            .collect::<Result<Vec<_>, _>>()?;
        let counters: Vec<Arc<Counters>> = (0..count).map(|_| Arc::default()).collect();
        let senses = counters
            .iter()
            .map(|counters| {
                Ok(Senses {
                    processes: Box::new(
                        Processes::open(exact.clone(), lifecycle.clone(), Arc::clone(counters))
                            .map_err(kernel("sock_diag"))?,
                    ),
                    tracker: Box::new(Conntrack::open().map_err(kernel("ctnetlink"))?),
                    interfaces: Box::new(Interfaces::open().map_err(kernel("a socket"))?),
                })
            })
            .collect::<Result<Vec<_>, StartError>>()?;
        let events = Arc::new(EventRing::new(doorbell));
        let clock = BootClock;
        let shared = Arc::new(Shared {
            policy: ArcSwap::from_pointee(bind(draft, 1, None, clock.now())),
            flows: FlowTable::default(),
            pending: PendingTable::default(),
            inboxes: queues.iter().map(|queue| Inbox::new(Box::new(queue.bell()))).collect(),
            agenda: Agenda::new().map_err(kernel("an eventfd"))?,
            events: Arc::clone(&events) as _,
            clock: Box::new(clock),
            attached: AtomicU32::new(0),
        });
        let cut = Arc::new(Counter::default());
        let housekeeper = Housekeeper::new(Arc::clone(&shared), Arc::clone(&cut), options.marks)
            .map_err(kernel("netlink or a timer"))?;
        let exact = exact.is_some();
        let firewall = Self {
            shared,
            events,
            counters,
            cut,
            options,
            exact_missing,
            lifecycle,
            replacing: Mutex::default(),
            threads: Mutex::default(),
        };
        firewall.spawn("fw-housekeeping", move || housekeeper.run())?;
        if let Some(lifecycle) = firewall.lifecycle.clone() {
            firewall.spawn("fw-processes", move || lifecycle.keep_up())?;
        }
        for (place, (queue, senses)) in queues.into_iter().zip(senses).enumerate() {
            let shared = Arc::clone(&firewall.shared);
            let counters = Arc::clone(&firewall.counters[place]);
            let place = Place {
                worker: place,
                cpu: cpus[place % cpus.len()],
                // The first half is for what goes out. A search of /proc is too long to go before everybody.
                first: exact && place < usize::from(count) / 2,
            };
            firewall.spawn(&format!("fw-queue-{}", place.worker), move || {
                worker::run(queue, place, &shared, counters, senses);
            })?;
        }
        Ok(firewall)
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
        match thread::Builder::new().name(name.into()).spawn(run) {
            Ok(thread) => {
                self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
                Ok(())
            }
            Err(source) => {
                self.stop();
                Err(StartError::Kernel { what: "a thread", source })
            }
        }
    }

    /// Puts a policy in force. Rules keep their use by their id. Returns the generation.
    pub fn replace_policy(&self, draft: PolicyDraft) -> u32 {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.shared.policy.load_full();
        let policy = bind(draft, old.generation.wrapping_add(1), Some(&old), self.shared.clock.now());
        let generation = policy.generation;
        self.shared.replace_policy(policy);
        generation
    }

    /// How many clients would answer a question now.
    pub fn set_attached(&self, clients: u32) {
        self.shared.attached.store(clients, Ordering::Relaxed);
    }

    /// Whether each verdict shall make an event.
    pub fn want_verdict_events(&self, wanted: bool) {
        self.events.want_verdicts(wanted);
    }

    /// Answers a query: how many packets it let go, 0 if it is not open.
    pub fn answer(&self, query: u32, verdict: Verdict) -> usize {
        match self.shared.pending.close(query) {
            Some(closed) => self.shared.release(closed, verdict, Reason::Answer),
            None => 0,
        }
    }

    /// The open queries, oldest first.
    pub fn queries(&self) -> Vec<QueryView> {
        self.shared.pending.views()
    }

    /// The use of every rule of the policy in force.
    pub fn rule_usage(&self) -> Vec<RuleUsage> {
        let policy = self.shared.policy.load();
        let usage = |bound: &BoundRule| RuleUsage {
            id: bound.rule.id,
            hits: bound.usage.hits(),
            last_used: bound.usage.last_used(),
        };
        policy.rules.rules().iter().map(usage).collect()
    }

    /// Takes out at most `most` events.
    pub fn drain_events(&self, most: usize) -> Drained {
        self.events.drain(most)
    }

    /// Counts since the start.
    pub fn stats(&self) -> Stats {
        let sum = |pick: fn(&Counters) -> &Counter| self.counters.iter().map(|counters| pick(counters).get()).sum();
        Stats {
            packets: sum(|counters| &counters.packets),
            accepted: sum(|counters| &counters.accepted),
            dropped: sum(|counters| &counters.dropped),
            rejected: sum(|counters| &counters.rejected),
            asked: sum(|counters| &counters.asked),
            unknown: sum(|counters| &counters.unknown),
            exact_missed: sum(|counters| &counters.exact_missed),
            malformed: sum(|counters| &counters.malformed),
            overflowed: sum(|counters| &counters.overflowed),
            panics: sum(|counters| &counters.panics),
            cut: self.cut.get(),
            drops: queue_drops(self.options.first_queue..=self.options.first_queue + (self.queue_count() - 1)),
            events_dropped: self.events.dropped(),
            open_queries: self.shared.pending.len(),
            generation: self.shared.policy.load().generation,
        }
    }

    /// Why the exact layer of attribution is not at work; `None` if it is.
    pub fn exact_layer_missing(&self) -> Option<&ExactError> {
        self.exact_missing.as_ref()
    }

    /// Whether the kernel tells what becomes of processes. Without it, and without the exact layer, who ends right after sending
    /// through a socket that others hold too is not told from them.
    pub fn follows_processes(&self) -> bool {
        self.lifecycle.is_some()
    }

    /// How many queues are served.
    pub fn queue_count(&self) -> u16 {
        self.counters.len() as u16
    }

    /// Drops what is parked, ends the threads and closes the queues. A second call does nothing.
    pub fn stop(&self) {
        for inbox in &self.shared.inboxes {
            inbox.stop();
        }
        self.shared.agenda.stop();
        if let Some(lifecycle) = &self.lifecycle {
            lifecycle.stop();
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has ended all the same.
            let _ = thread.join();
        }
    }
}

impl Drop for Firewall {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes a policy of a draft: rules take over the use that rules of the same id had.
fn bind(draft: PolicyDraft, generation: u32, old: Option<&Policy>, now: Millis) -> Policy {
    let mut used: HashMap<u32, Arc<Usage>> = old
        .map(|old| old.rules.rules().iter().map(|bound| (bound.rule.id, Arc::clone(&bound.usage))).collect())
        .unwrap_or_default();
    let bound = draft.rules.into_iter().map(|rule| {
        let usage = used.remove(&rule.id).unwrap_or_else(|| Arc::new(Usage::new(now)));
        BoundRule { rule, usage }
    });
    Policy {
        generation,
        rules: RuleSet::compile(bound.collect()),
        defaults: draft.defaults,
        unattended: draft.unattended,
        query_timeout: draft.query_timeout,
        overflow: draft.overflow,
        changed: draft.changed,
    }
}
