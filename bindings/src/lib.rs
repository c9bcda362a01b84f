//! `fwcore` for Node: transfer types, errors and the handle. No logic.

#![allow(unreachable_pub, reason = "napi exports what is pub, wherever it stands")]
#![allow(missing_docs, reason = "fields speak for themselves; what does not is documented")]

mod convert;
mod error;
mod event;
mod firewall;
mod peer;
mod policy;
