//! Questions that are open, the packets that each of them holds, and the way of a verdict back to a parked packet.
//!
//! The packets themselves stay with the thread that received them: only its socket may give their verdict. Here stands a
//! [`Ticket`] for each. Questions of one program about one destination are one query. Bounded in queries and in packets.

mod inbox;
mod table;

pub use inbox::{Inbox, Release};
pub use table::{Closed, Outcome, Parked, PendingTable, Rejudged, Ticket};
