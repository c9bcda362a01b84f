//! Words and times at the boundary.

use fwcore::clock::BootClock;
use fwcore::flow::Direction;
use fwcore::ports::Millis;
use fwcore::verdict::{Action, Reason, Verdict};

use crate::error::{CodedError, bad_input};

pub(crate) fn action(word: &str) -> Result<Action, CodedError> {
    match word {
        "ACCEPT" => Ok(Action::Accept),
        "DROP" => Ok(Action::Drop),
        "REJECT" => Ok(Action::Reject),
        "ASK" => Ok(Action::Ask),
        other => Err(bad_input(format_args!("action {other:?} is not known; expected ACCEPT, DROP, REJECT or ASK"))),
    }
}

pub(crate) fn verdict(word: &str) -> Result<Verdict, CodedError> {
    match action(word)? {
        Action::Accept => Ok(Verdict::Accept),
        Action::Drop => Ok(Verdict::Drop),
        Action::Reject => Ok(Verdict::Reject),
        Action::Ask => Err(bad_input("ASK is no answer; expected ACCEPT, DROP or REJECT")),
    }
}

pub(crate) fn direction(word: &str) -> Result<Direction, CodedError> {
    match word {
        "incoming" => Ok(Direction::Incoming),
        "outgoing" => Ok(Direction::Outgoing),
        other => Err(bad_input(format_args!("direction {other:?} is not known; expected incoming or outgoing"))),
    }
}

pub(crate) const fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Incoming => "incoming",
        Direction::Outgoing => "outgoing",
    }
}

pub(crate) const fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "ACCEPT",
        Verdict::Drop => "DROP",
        Verdict::Reject => "REJECT",
    }
}

/// The word of a reason, and the rule's id where it is one.
pub(crate) const fn reason_word(reason: Reason) -> (&'static str, Option<u32>) {
    match reason {
        Reason::Rule(id) => ("rule", Some(id)),
        Reason::Changed => ("changed", None),
        Reason::Default => ("default", None),
        Reason::Unattended => ("unattended", None),
        Reason::Answer => ("answer", None),
        Reason::Timeout => ("timeout", None),
        Reason::Policy => ("policy", None),
        Reason::Established => ("established", None),
    }
}

/// Milliseconds since the epoch, whole.
pub(crate) fn epoch(at: Millis) -> f64 {
    BootClock.to_epoch(at)
}
