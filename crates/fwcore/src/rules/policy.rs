//! A whole policy: rules, defaults, and what happens when nobody is there to ask.

use std::collections::{HashMap, HashSet};

use super::rule::{Rule, Subject};
use super::set::{BoundRule, RuleSet};
use crate::flow::Direction;
use crate::ports::Millis;
use crate::verdict::{Action, Reason, Verdict};

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
    /// What becomes of a packet that finds no place to be parked.
    pub overflow: Verdict,
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
        let (decision, bound) = self.judge(subject, now);
        if let Some(bound) = bound {
            bound.usage.touch(now);
        }
        decision
    }

    /// What [`decide`](Self::decide) would say, without counting a use.
    pub fn preview(&self, subject: Subject<'_>, now: Millis) -> Decision {
        self.judge(subject, now).0
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

    /// The decision, and the rule that made it.
    fn judge(&self, subject: Subject<'_>, now: Millis) -> (Decision, Option<&BoundRule>) {
        let first = self.rules.first_match(subject, now);
        let decided = first.map_or_else(|| self.default_decision(subject.flow.direction), by_rule);
        let since = subject.app.path().and_then(|path| self.changed.since_rule.get(path).copied());
        match since {
            Some(since) if decided.action == Action::Accept && first.is_none_or(|bound| bound.rule.id < since) => {
                // What allowed the old file does not count; what was allowed since does, wherever it stands.
                let newer = |rule: &Rule| rule.id >= since && rule.action == Action::Accept;
                match self.rules.first_match_where(subject, now, newer) {
                    Some(bound) => (by_rule(bound), Some(bound)),
                    None => (Decision { action: self.changed.action, reason: Reason::Changed }, None),
                }
            }
            _ => (decided, first),
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

const fn by_rule(bound: &BoundRule) -> Decision {
    Decision { action: bound.rule.action, reason: Reason::Rule(bound.rule.id) }
}
