//! Reads beside the packet's way what another process can make us wait for.
//!
//! For /proc/PID/cmdline the kernel reads that process's memory, and who maps a file of a file system of its own there can make
//! that last. So a thread reads, and is waited for only briefly.

use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_millis(50);

/// The thread is started by the first reading, and ends with this.
pub(super) struct Reader {
    thread: Option<Channels>,
    patience: Duration,
    /// A reading that was given up may still come to its end.
    stuck: bool,
}

struct Channels {
    orders: SyncSender<Order>,
    results: Receiver<Option<Vec<u8>>>,
}

struct Order {
    file: Box<dyn Read + Send>,
    most: usize,
}

impl Default for Reader {
    fn default() -> Self {
        // Tests run on machines that are busy with others.
        Self { thread: None, patience: if cfg!(test) { 200 * PATIENCE } else { PATIENCE }, stuck: false }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").field("stuck", &self.stuck).finish_non_exhaustive()
    }
}

impl Reader {
    /// The first bytes of a file; `None` if they cannot be had, or not soon. While one reading hangs, others fail at once.
    pub(super) fn read(&mut self, file: impl Read + Send + 'static, most: usize) -> Option<Vec<u8>> {
        let Channels { orders, results } = match &mut self.thread {
            Some(thread) => thread,
            none => none.insert(start()?),
        };
        if self.stuck {
            results.try_recv().ok()?;
            self.stuck = false;
        }
        orders.send(Order { file: Box::new(file), most }).ok()?;
        match results.recv_timeout(self.patience) {
            Ok(bytes) => bytes,
            Err(RecvTimeoutError::Timeout) => {
                self.stuck = true;
                None
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}

fn start() -> Option<Channels> {
    let (orders, incoming) = sync_channel::<Order>(1);
    let (outgoing, results) = sync_channel(1);
    let work = move || {
        for Order { file, most } in incoming {
            let mut bytes = Vec::with_capacity(most);
            let read = file.take(most as u64).read_to_end(&mut bytes);
            if outgoing.send(read.ok().map(|_| bytes)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("fw-arguments".into()).spawn(work).ok()?;
    Some(Channels { orders, results })
}

#[cfg(test)]
mod tests {
    use std::io::{Write, pipe};

    use super::*;

    #[test]
    fn a_reading_that_hangs_is_given_up_and_others_fail_until_it_ends() {
        let mut reader = Reader::default();
        assert_eq!(reader.read(&b"before"[..], 3).as_deref(), Some(&b"bef"[..]));
        reader.patience = PATIENCE;
        let (hanging, mut end) = pipe().unwrap();
        assert_eq!(reader.read(hanging, 3), None);
        assert_eq!(reader.read(&b"meanwhile"[..], 3), None);
        end.write_all(b"late").unwrap();
        reader.patience = 200 * PATIENCE;
        // Its thread comes back in its own time; what the reading gave is nobody's by then.
        let after = std::iter::repeat_with(|| reader.read(&b"after"[..], 5)).find_map(|bytes| bytes);
        assert_eq!(after.as_deref(), Some(&b"after"[..]));
    }
}
