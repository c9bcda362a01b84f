//! `fwcore` for Node: transfer types, errors and the handle. No logic.

#![allow(unreachable_pub, reason = "napi exports what is pub, wherever it stands")]
#![allow(missing_docs, reason = "fields speak for themselves; what does not is documented")]
#![cfg_attr(test, allow(dead_code, reason = "a test build registers no exports"))]

mod convert;
mod error;
mod event;
mod firewall;
mod peer;
mod policy;
