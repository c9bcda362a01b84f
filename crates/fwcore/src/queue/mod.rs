//! Where packets come from: the kernel's NFQUEUE, or a list of bytes to replay.

mod kernel_state;
mod nfqueue;
mod replay;

pub use kernel_state::{QueueDrops, queue_drops};
pub use nfqueue::{Marks, NfQueue, QueueError, cpus};
pub use replay::{ReplayPacket, ReplayQueue};
