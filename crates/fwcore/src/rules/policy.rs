//! A whole policy: rules, defaults, and what happens when nobody is there to ask.

use std::collections::{HashMap, HashSet};

use super::rule::Subject;
use super::set::{BoundRule, RuleSet};
use crate::app::App;
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

/// Programs whose file has changed since somebody registered it. What allowed the old file does not allow the new one.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedApps {
    /// What becomes of a flow that only an older permission would let pass.
    pub action: Action,
    /// By path: the first rule id that was given out after the change was noticed. Permissions from there on count.
    pub since_rule: HashMap<Box<str>, u32>,
}

impl Default for ChangedApps {
    /// None.
    fn default() -> Self {
        Self { action: Action::Ask, since_rule: HashMap::new() }
    }
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
    /// Programs that are not what they were.
    pub changed: ChangedApps,
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
        let bound = self.rules.first_match(subject, now);
        let decision = self.decision(subject, bound);
        if let Some(bound) = bound
            && decision.reason == Reason::Rule(bound.rule.id)
        {
            bound.usage.touch(now);
        }
        decision
    }

    /// What [`decide`](Self::decide) would say, without counting a use.
    pub fn preview(&self, subject: Subject<'_>, now: Millis) -> Decision {
        self.decision(subject, self.rules.first_match(subject, now))
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

    fn changed_since(&self, app: &App) -> Option<u32> {
        app.path().and_then(|path| self.changed.since_rule.get(path).copied())
    }

    fn decision(&self, subject: Subject<'_>, bound: Option<&BoundRule>) -> Decision {
        let decision = match bound {
            Some(bound) => Decision { action: bound.rule.action, reason: Reason::Rule(bound.rule.id) },
            None => self.default_decision(subject.flow.direction),
        };
        let trusted_since = |since| bound.is_some_and(|bound| bound.rule.id >= since);
        match self.changed_since(subject.app) {
            Some(since) if decision.action == Action::Accept && !trusted_since(since) => {
                Decision { action: self.changed.action, reason: Reason::Changed }
            }
            _ => decision,
        }
    }

    const fn default_decision(&self, direction: Direction) -> Decision {
        let action = match direction {
            Direction::Incoming => self.defaults.incoming,
            Direction::Outgoing => self.defaults.outgoing,
        };
        Decision { action, reason: Reason::Default }
    }
}
