//! The packet path of desktopfw, without Node: take the first packet of each flow from the kernel's queue, find the
//! program behind it, decide by rules, give the verdict or park the packet until somebody answers.
//!
//! The way of a packet: [`queue`] receives it, [`engine`] judges it with [`packet`] (parse), [`flows`] (known?),
//! [`process`] (attribute) and [`rules`] (decide), and gives the verdict back or hands it to [`pending`].
//! [`firewall`] owns the threads and is what the outside holds.

pub mod agenda;
pub mod app;
pub mod clock;
pub mod conntrack;
pub mod counters;
pub mod engine;
pub mod events;
pub mod firewall;
pub mod flow;
pub mod flows;
mod housekeeping;
pub mod interfaces;
pub mod monotonic;
pub mod netlink;
pub mod packet;
pub mod pending;
pub mod ports;
pub mod process;
pub mod queue;
pub mod rules;
mod scheduling;
pub mod shared;
pub mod verdict;
mod worker;
