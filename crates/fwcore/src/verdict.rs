//! What is done with a packet, and why.

/// What a rule or a default says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Let the flow pass.
    Accept,
    /// Drop it without a word.
    Drop,
    /// Refuse it: TCP reset or ICMP error.
    Reject,
    /// Hold it and ask.
    Ask,
}

/// What happens to a packet in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It passes, and its flow is marked so that the rest of it never comes to user space.
    Accept,
    /// It vanishes.
    Drop,
    /// The kernel answers it with a TCP reset or an ICMP error.
    Reject,
}

impl Verdict {
    /// Whether the flow is stopped.
    pub const fn forbids(self) -> bool {
        !matches!(self, Self::Accept)
    }
}

/// Why a flow got its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The rule of this id.
    Rule(u32),
    /// The program's file has changed since it was registered, and no rule made after that allows it.
    Changed,
    /// No rule matched: the direction's default action.
    Default,
    /// It would have been asked about, but nobody is attached.
    Unattended,
    /// Somebody answered.
    Answer,
    /// Nobody answered in time.
    Timeout,
    /// The policy changed while it was parked, and now decides it.
    Policy,
    /// It belongs to a connection that was open before it was first seen, and no rule forbids it.
    Established,
}
