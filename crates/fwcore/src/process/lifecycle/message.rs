//! The messages of the process connector (linux/connector.h, linux/cn_proc.h).

use crate::netlink::{Header, Request, u32_at, u64_at};

const NLMSG_DONE: u16 = 3;
/// CN_IDX_PROC and CN_VAL_PROC; also the multicast group.
const PROC: u32 = 1;
const PROC_CN_MCAST_LISTEN: u32 = 1;
/// cn_msg: index, value, sequence, acknowledgement, length and flags (two bytes each).
const CONNECTOR_HEADER: usize = 20;

const FORK: u32 = 1;
const EXEC: u32 = 2;
const EXIT: u32 = 0x8000_0000;

/// What happened to a process; threads are not told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// `parent` made `child`.
    Fork { parent: u32, child: u32 },
    /// It runs another program.
    Exec { pid: u32 },
    /// It has ended.
    Exit { pid: u32 },
}

/// Asks to be told.
pub(super) fn listen() -> Request {
    let mut request = Request::new(NLMSG_DONE);
    for number in [PROC, PROC, 0, 0] {
        request.put(&number.to_ne_bytes());
    }
    request.put(&[4, 0, 0, 0]);
    request.put(&PROC_CN_MCAST_LISTEN.to_ne_bytes());
    request
}

/// The change that a message tells of, with its time on CLOCK_MONOTONIC in nanoseconds.
pub(super) fn read(message: &[u8]) -> Option<(u64, Change)> {
    let (_, body) = Header::split(message)?;
    // proc_event: what, cpu, timestamp (eight bytes), and what belongs to the event.
    let event = body.get(CONNECTOR_HEADER..)?;
    let field = |place: usize| u32_at(event, 16 + 4 * place);
    let change = match u32_at(event, 0)? {
        // Parent's thread and process, child's thread and process.
        FORK if field(2)? == field(3)? => Change::Fork { parent: field(1)?, child: field(3)? },
        // The new program has one thread.
        EXEC => Change::Exec { pid: field(1)? },
        // The thread and its process.
        EXIT if field(0)? == field(1)? => Change::Exit { pid: field(1)? },
        _ => return None,
    };
    Some((u64_at(event, 8)?, change))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(what: u32, fields: [u32; 4]) -> Vec<u8> {
        let mut request = Request::new(NLMSG_DONE);
        request.put(&[0; CONNECTOR_HEADER]);
        request.put(&what.to_ne_bytes());
        request.put(&7u32.to_ne_bytes());
        request.put(&99u64.to_ne_bytes());
        for field in fields {
            request.put(&field.to_ne_bytes());
        }
        request.finish(0, 0).to_vec()
    }

    #[test]
    fn processes_are_told_of_and_threads_are_not() {
        let cases = [
            (message(FORK, [11, 10, 20, 20]), Some(Change::Fork { parent: 10, child: 20 })),
            (message(FORK, [10, 10, 21, 20]), None),
            (message(EXEC, [20, 20, 0, 0]), Some(Change::Exec { pid: 20 })),
            (message(EXIT, [20, 20, 0, 17]), Some(Change::Exit { pid: 20 })),
            (message(EXIT, [21, 20, 0, 17]), None),
            (message(4, [20, 20, 0, 0]), None),
        ];
        for (message, change) in cases {
            assert_eq!(read(&message), change.map(|change| (99, change)), "{message:?}");
        }
        assert_eq!(read(&message(FORK, [10, 10, 20, 20])[..60]), None);
    }
}
