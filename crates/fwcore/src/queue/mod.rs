//! Where packets come from: the kernel's NFQUEUE, or a list of bytes to replay.

mod batch;
mod kernel_state;
mod messages;
mod nfqueue;
mod replay;

pub use kernel_state::{QueueDrops, queue_drops};
pub use messages::NfPacket;
pub use nfqueue::{BoundQueue, Marks, NfQueue, QueueBell, QueueError};
pub use replay::{ReplayPacket, ReplayQueue};
