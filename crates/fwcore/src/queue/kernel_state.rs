//! What the kernel counts of its queues: /proc/net/netfilter/nfnetlink_queue.

use std::fs;
use std::ops::RangeInclusive;

const TABLE: &str = "/proc/thread-self/net/netfilter/nfnetlink_queue";

/// Packets that the kernel dropped before user space saw them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDrops {
    /// Because the queue was full.
    pub queue_full: u64,
    /// Because the socket's buffer was full.
    pub socket_full: u64,
}

/// The drops of some queues, added up; zero where the kernel's table cannot be read.
pub fn queue_drops(queues: RangeInclusive<u16>) -> QueueDrops {
    sum(&fs::read_to_string(TABLE).unwrap_or_default(), queues)
}

/// Whether somebody listens on a queue.
pub(super) fn is_taken(queue: u16) -> bool {
    let table = fs::read_to_string(TABLE).unwrap_or_default();
    table.lines().filter_map(|line| column(line, 0)).any(|number| number == u64::from(queue))
}

/// Columns: queue, peer port id, packets queued, copy mode, copy range, dropped by the queue, dropped by the socket, …
fn sum(table: &str, queues: RangeInclusive<u16>) -> QueueDrops {
    let mut drops = QueueDrops::default();
    for line in table.lines() {
        let ours = column(line, 0)
            .and_then(|number| u16::try_from(number).ok())
            .is_some_and(|number| queues.contains(&number));
        if ours {
            drops.queue_full += column(line, 5).unwrap_or(0);
            drops.socket_full += column(line, 6).unwrap_or(0);
        }
    }
    drops
}

fn column(line: &str, place: usize) -> Option<u64> {
    line.split_ascii_whitespace().nth(place)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_added_up_over_our_queues_alone() {
        let table = "    0   2181     0 2   256     3     4       10  1\n    1   2182     0 2   256     5     6       10  1\n    7   9999     0 2   256   100   100       10  1\n";
        assert_eq!(sum(table, 0..=1), QueueDrops { queue_full: 8, socket_full: 10 });
        assert_eq!(sum("", 0..=1), QueueDrops::default());
    }
}
