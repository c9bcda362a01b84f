//! A whole policy: rules, defaults, and what happens when nobody is there to ask.

use std::collections::HashSet;

use super::rule::Subject;
use super::set::RuleSet;
use crate::flow::Direction;
use crate::ports::Millis;
use crate::verdict::{Action, Reason};

/// What decides flows that no rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// For flows that somebody else opens.
    pub incoming: Action,
    /// For flows that programs here open.
    pub outgoing: Action,
}

/// What becomes of a question while nobody is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unattended {
    /// The flow passes.
    Accept,
    /// It is dropped.
    Drop,
    /// It is parked as usual.
    Ask,
}

/// Everything that decides; immutable, swapped as a whole.
#[derive(Debug)]
pub struct Policy {
    /// Raised with every change.
    pub generation: u32,
    /// The rules.
    pub rules: RuleSet,
    /// The default actions.
    pub defaults: Defaults,
    /// What happens when nobody is attached.
    pub unattended: Unattended,
    /// How long a question stays open.
    pub query_timeout: Millis,
}

/// What a policy says of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What is to be done.
    pub action: Action,
    /// Which rule or default says so.
    pub reason: Reason,
}

impl Policy {
    /// Decides a flow, and counts the use of the rule that does.
    pub fn decide(&self, subject: Subject<'_>, now: Millis) -> Decision {
        match self.rules.first_match(subject, now) {
            Some(bound) => {
                bound.usage.touch(now);
                Decision { action: bound.rule.action, reason: Reason::Rule(bound.rule.id) }
            }
            None => self.default_decision(subject.flow.direction),
        }
    }

    /// What [`decide`](Self::decide) would say, without counting a use.
    pub fn preview(&self, subject: Subject<'_>, now: Millis) -> Decision {
        match self.rules.first_match(subject, now) {
            Some(bound) => Decision { action: bound.rule.action, reason: Reason::Rule(bound.rule.id) },
            None => self.default_decision(subject.flow.direction),
        }
    }

    /// Whether it stops a flow outright: neither lets it pass nor asks.
    pub fn forbids(&self, subject: Subject<'_>, now: Millis) -> bool {
        matches!(self.preview(subject, now).action, Action::Drop | Action::Reject)
    }

    /// Whether some flow that `old` lets pass may be forbidden now: false where only permissions were added.
    pub fn may_forbid_more_than(&self, old: &Self) -> bool {
        let stops = |action: Action| matches!(action, Action::Drop | Action::Reject);
        let default_closed = |now: Action, before: Action| stops(now) && !stops(before);
        if default_closed(self.defaults.incoming, old.defaults.incoming)
            || default_closed(self.defaults.outgoing, old.defaults.outgoing)
        {
            return true;
        }
        // Kept rules in their old order, with nothing but permissions between them and no permission gone.
        let mut before = old.rules.rules().iter().map(|bound| &bound.rule).peekable();
        let kept: HashSet<u32> = self.rules.rules().iter().map(|bound| bound.rule.id).collect();
        for rule in self.rules.rules().iter().map(|bound| &bound.rule) {
            while before.next_if(|gone| !kept.contains(&gone.id) && stops(gone.action)).is_some() {}
            if before.next_if(|same| *same == rule).is_none() && stops(rule.action) {
                return true;
            }
        }
        before.any(|gone| !stops(gone.action))
    }

    const fn default_decision(&self, direction: Direction) -> Decision {
        let action = match direction {
            Direction::Incoming => self.defaults.incoming,
            Direction::Outgoing => self.defaults.outgoing,
        };
        Decision { action, reason: Reason::Default }
    }
}
