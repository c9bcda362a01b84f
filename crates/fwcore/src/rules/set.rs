//! Rules compiled for matching: partitioned by program, so that a flow meets only rules that can mean its program.

use std::collections::HashMap;
use std::sync::Arc;

use super::index::Index;
use super::rule::{ProgramMatch, Rule, Subject};
use super::usage::Usage;
use crate::app::Program;
use crate::ports::{Expiry, Millis};

/// A rule with its use.
#[derive(Debug, Clone)]
pub struct BoundRule {
    /// The rule.
    pub rule: Rule,
    /// Its use, shared with later policies that hold a rule of the same id.
    pub usage: Arc<Usage>,
}

impl BoundRule {
    /// When it ends if it is not used before; `None` for a rule that lasts.
    pub fn ends_at(&self) -> Option<(Millis, Expiry)> {
        let idle = self.rule.idle_limit.map(|limit| (self.usage.last_activity().saturating_add(limit), Expiry::Idle));
        let end = self.rule.expires_at.map(|at| (at, Expiry::Expired));
        [idle, end].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Whether it still counts.
    pub fn lives(&self, now: Millis) -> bool {
        self.ends_at().is_none_or(|(at, _)| now < at)
    }
}

/// Rules in the order in which they are tried; immutable.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<BoundRule>,
    by_path: HashMap<Box<str>, Index>,
    unknown_program: Index,
    any_program: Index,
}

impl RuleSet {
    /// Compiles rules, the first to be tried first.
    pub fn compile(rules: Vec<BoundRule>) -> Self {
        let mut by_path: HashMap<&str, Vec<u32>> = HashMap::new();
        let (mut unknown_program, mut any_program) = (Vec::new(), Vec::new());
        for (place, bound) in (0u32..).zip(&rules) {
            match &bound.rule.program {
                ProgramMatch::Any => any_program.push(place),
                ProgramMatch::Unknown => unknown_program.push(place),
                ProgramMatch::Path(path) => by_path.entry(path).or_default().push(place),
            }
        }
        let index = |places| Index::build(places, |place| &rules[place as usize].rule);
        let by_path = by_path.into_iter().map(|(path, places)| (path.into(), index(places))).collect();
        let (unknown_program, any_program) = (index(unknown_program), index(any_program));
        Self { rules, by_path, unknown_program, any_program }
    }

    /// All rules, in order.
    pub fn rules(&self) -> &[BoundRule] {
        &self.rules
    }

    /// The first rule that lives and matches.
    pub fn first_match(&self, subject: Subject<'_>, now: Millis) -> Option<&BoundRule> {
        self.first_match_where(subject, now, |_| true)
    }

    /// The first rule that lives, matches and is `wanted`.
    pub fn first_match_where(
        &self,
        subject: Subject<'_>,
        now: Millis,
        wanted: impl Fn(&Rule) -> bool,
    ) -> Option<&BoundRule> {
        let accepts = |place: u32| {
            let bound = self.rules.get(place as usize);
            bound.is_some_and(|bound| wanted(&bound.rule) && bound.rule.matches(subject) && bound.lives(now))
        };
        let own = match &subject.app.program {
            Program::Path(path) => self.by_path.get(&**path),
            Program::Unknown(_) => Some(&self.unknown_program),
        };
        let own = own.and_then(|index| index.first(subject, u32::MAX, accepts));
        let any = self.any_program.first(subject, own.unwrap_or(u32::MAX), accepts);
        self.rules.get(any.or(own)? as usize)
    }
}
