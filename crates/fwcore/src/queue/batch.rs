//! Several messages by one system call.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg};

/// More at once would make the first wait for its verdict until the last is judged.
const MESSAGES: usize = 16;
/// A packet's bytes, and several times what else a message holds.
const MESSAGE: usize = 2048;

/// Room for the messages of one call, and those that it brought.
pub(super) struct Batch {
    headers: MultiHeaders<()>,
    room: Box<[[u8; MESSAGE]; MESSAGES]>,
    lengths: [usize; MESSAGES],
    received: usize,
    taken: usize,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(MESSAGES, None),
            room: Box::new([[0; MESSAGE]; MESSAGES]),
            lengths: [0; MESSAGES],
            received: 0,
            taken: 0,
        }
    }

    /// Waits for a message, and takes what else is there already. What was not taken out before is lost.
    pub(super) fn fill(&mut self, socket: impl AsFd) -> io::Result<()> {
        (self.received, self.taken) = (0, 0);
        let mut slices = self.room.each_mut().map(|room| [IoSliceMut::new(room)]);
        let descriptor = socket.as_fd().as_raw_fd();
        let results = recvmmsg(descriptor, &mut self.headers, slices.iter_mut(), MsgFlags::MSG_WAITFORONE, None)?;
        for (length, result) in self.lengths.iter_mut().zip(results) {
            *length = result.bytes;
            self.received += 1;
        }
        Ok(())
    }

    /// Whether there was room for more: then nothing waited when the call came back.
    pub(super) fn took_all(&self) -> bool {
        self.received < MESSAGES
    }

    /// The next of them.
    pub(super) fn take(&mut self) -> Option<&[u8]> {
        let place = self.taken;
        if place >= self.received {
            return None;
        }
        self.taken += 1;
        self.room.get(place)?.get(..self.lengths[place])
    }
}
