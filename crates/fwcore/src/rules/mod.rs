//! Rules, compiled into a set whose first match decides.

mod index;
mod policy;
mod rule;
mod set;
mod usage;

pub use policy::{ChangedApps, Decision, Defaults, Policy, Unattended};
pub use rule::{Endpoint, ProgramMatch, Rule, Subject};
pub use set::{BoundRule, RuleSet};
pub use usage::Usage;

#[cfg(test)]
mod tests;
