//! Errors as JavaScript sees them: one line, and a code.

use fwcore::firewall::StartError;
use fwcore::queue::QueueError;
use napi::Error;

/// `error.code` in JavaScript is the string.
pub(crate) type CodedError = Error<String>;

pub(crate) fn stopped() -> CodedError {
    coded("Stopped", "the firewall is stopped; start a new one")
}

pub(crate) fn bad_input(problem: impl std::fmt::Display) -> CodedError {
    coded("BadInput", problem)
}

pub(crate) fn start(error: &StartError) -> CodedError {
    let code = match error {
        StartError::Queue(QueueError::NotAllowed) => "NotAllowed",
        StartError::Queue(QueueError::Taken(_)) => "QueueTaken",
        StartError::Queue(QueueError::Missing) => "NoQueue",
        StartError::Range(..) => "BadInput",
        StartError::Queue(QueueError::Other { .. }) | StartError::Kernel { .. } => "Kernel",
    };
    coded(code, error)
}

pub(crate) fn coded(code: &str, message: impl std::fmt::Display) -> CodedError {
    Error::new(code.to_owned(), message.to_string())
}
