//! Rules compiled for matching: partitioned by program, so that a flow meets only rules that can mean its program.

use std::collections::HashMap;
use std::sync::Arc;

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
    /// Places in `rules`, ascending, by what the rule says of the program.
    by_path: HashMap<Box<str>, Vec<u32>>,
    unknown_program: Vec<u32>,
    any_program: Vec<u32>,
}

impl RuleSet {
    /// Compiles rules, the first to be tried first.
    pub fn compile(rules: Vec<BoundRule>) -> Self {
        let mut set = Self::default();
        for (place, bound) in (0u32..).zip(&rules) {
            match &bound.rule.program {
                ProgramMatch::Any => set.any_program.push(place),
                ProgramMatch::Unknown => set.unknown_program.push(place),
                ProgramMatch::Path(path) => set.by_path.entry(path.clone()).or_default().push(place),
            }
        }
        set.rules = rules;
        set
    }

    /// All rules, in order.
    pub fn rules(&self) -> &[BoundRule] {
        &self.rules
    }

    /// The first rule that lives and matches.
    pub fn first_match(&self, subject: Subject<'_>, now: Millis) -> Option<&BoundRule> {
        let own = match &subject.app.program {
            Program::Path(path) => self.by_path.get(&**path).map_or(&[][..], Vec::as_slice),
            Program::Unknown(_) => &self.unknown_program,
        };
        Merged { left: own, right: &self.any_program }
            .filter_map(|place| self.rules.get(place as usize))
            .find(|bound| bound.rule.matches(subject) && bound.lives(now))
    }
}

/// Two ascending lists as one ascending list.
struct Merged<'a> {
    left: &'a [u32],
    right: &'a [u32],
}

impl Iterator for Merged<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let side = match (self.left.first(), self.right.first()) {
            (Some(left), Some(right)) if right < left => &mut self.right,
            (Some(_), _) => &mut self.left,
            (None, _) => &mut self.right,
        };
        let (first, rest) = side.split_first()?;
        *side = rest;
        Some(*first)
    }
}
