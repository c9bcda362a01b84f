//! What the threads share: the policy, the flows, the open questions, and the ways between the threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;

use crate::agenda::Agenda;
use crate::flows::FlowTable;
use crate::pending::{Closed, Inbox, PendingTable, Release};
use crate::ports::{Clock, Event, EventSink};
use crate::rules::{Policy, Subject, Unattended};
use crate::verdict::{Action, Reason, Verdict};

/// Shared by all threads; every part has its own short lock or none.
pub struct Shared {
    /// The policy in force.
    pub policy: ArcSwap<Policy>,
    /// Flows that were decided.
    pub flows: FlowTable,
    /// Open questions.
    pub pending: PendingTable,
    /// One for each packet thread.
    pub inboxes: Vec<Inbox>,
    /// Of the housekeeping thread.
    pub agenda: Agenda,
    /// Where events go.
    pub events: Arc<dyn EventSink>,
    /// The time.
    pub clock: Box<dyn Clock>,
    /// Clients that would answer a question now.
    pub attached: AtomicU32,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("attached", &self.attached).finish_non_exhaustive()
    }
}

impl Shared {
    /// Puts a policy in force, judges what is parked by it, and asks for a look at live flows that it may forbid.
    pub fn replace_policy(&self, policy: Policy) {
        let policy = Arc::new(policy);
        let old = self.policy.swap(Arc::clone(&policy));
        self.rejudge_parked();
        if policy.may_forbid_more_than(&old) {
            self.agenda.sweep(old);
        } else {
            // Rules may have come that end by themselves.
            self.agenda.ring();
        }
    }

    /// Judges every parked packet by the policy in force, and lets go those that it decides.
    pub fn rejudge_parked(&self) {
        let policy = self.policy.load();
        let now = self.clock.now();
        let rejudged = self.pending.rejudge(|packet| {
            match policy.decide(Subject { flow: &packet.flow, app: &packet.app }, now).action {
                Action::Accept => Some(Verdict::Accept),
                Action::Drop => Some(Verdict::Drop),
                Action::Reject => Some(Verdict::Reject),
                Action::Ask => None,
            }
        });
        for query in rejudged {
            let last = query.packets.last().map_or(Verdict::Drop, |(_, verdict)| *verdict);
            for (packet, verdict) in query.packets {
                self.send(Release::Decided { packet, verdict, reason: Reason::Policy });
            }
            let event = if query.open {
                Event::QueryUpdated(query.view)
            } else {
                Event::QueryClosed { id: query.view.id, verdict: last, reason: Reason::Policy }
            };
            self.events.push(now, event);
        }
    }

    /// Lets go all that a closed query held; how many packets.
    pub fn release(&self, closed: Closed, verdict: Verdict, reason: Reason) -> usize {
        let count = closed.packets.len();
        for packet in closed.packets {
            self.send(Release::Decided { packet, verdict, reason });
        }
        self.events.push(self.clock.now(), Event::QueryClosed { id: closed.view.id, verdict, reason });
        count
    }

    /// Hands a verdict to the thread that holds the packet.
    pub fn send(&self, release: Release) {
        if let Some(inbox) = self.inboxes.get(release.worker()) {
            inbox.put([release]);
        }
    }

    /// Whether a question can be asked now; if not, what decides instead.
    pub fn unattended_verdict(&self, policy: &Policy) -> Option<Verdict> {
        if self.attached.load(Ordering::Relaxed) > 0 {
            return None;
        }
        match policy.unattended {
            Unattended::Accept => Some(Verdict::Accept),
            Unattended::Drop => Some(Verdict::Drop),
            Unattended::Ask => None,
        }
    }
}
