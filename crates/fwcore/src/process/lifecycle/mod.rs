//! What became of processes lately, as the kernel's process connector tells: without the exact layer, the only sign that
//! somebody else than the holders of a socket may have sent through it.

mod lineage;
mod message;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use procfs::process::{Process, all_processes};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with};

use self::lineage::Lineage;
use crate::monotonic::{Nanos, now};

/// linux/sched.h; among the flags that proc(5) tells.
const PF_EXITING: u32 = 0x4;
/// CN_IDX_PROC, as a bit.
const GROUP: u32 = 1;
/// Some 5,000 events.
const BUFFER: usize = 4 * 1024 * 1024;
/// Nobody asks most of the time: the buffer is emptied at most once a second then.
const PAUSE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Follows all processes of the machine. Shared by the packet threads, which read what is new when they ask.
#[derive(Debug)]
pub struct Lifecycle {
    socket: OwnedFd,
    stop: OwnedFd,
    lineage: Mutex<Lineage>,
}

impl Lifecycle {
    /// Begins to follow.
    ///
    /// # Errors
    /// Where the kernel has no process connector, or does not tell it here: it does in the first network namespace alone.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::CONNECTOR))?;
        set_socket_recv_buffer_size_force(&socket, BUFFER)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUP))?;
        send(&socket, message::listen().finish(0, 0), SendFlags::empty())?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { socket, stop, lineage: Mutex::new(beginning()) })
    }

    /// Whether what happened since a time leaves open if it was one of these processes that sent through a socket which they
    /// hold now.
    pub(super) fn leaves_open(&self, holders: impl IntoIterator<Item = u32>, since: Nanos) -> bool {
        let lineage = self.up_to_date();
        !lineage.knows_since(since)
            || holders
                .into_iter()
                .any(|holder| lineage.leaves_open(holder, since) || lineage.other_programs_below(holder).any(is_ending))
    }

    /// Keeps the kernel's buffer from filling while nobody asks, until it is told to stop.
    pub fn keep_up(&self) {
        let on = |descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        loop {
            let mut waiting = [on(self.stop.as_fd()), on(self.socket.as_fd())];
            if poll(&mut waiting, None).is_ok() && !waiting[0].revents().is_empty() {
                return;
            }
            drop(self.up_to_date());
            let mut waiting = [on(self.stop.as_fd())];
            if poll(&mut waiting, Some(&PAUSE)).is_ok_and(|ready| ready > 0) {
                return;
            }
        }
    }

    /// Ends [`Lifecycle::keep_up`].
    pub fn stop(&self) {
        // A full eventfd is readable already.
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
    }

    fn up_to_date(&self) -> MutexGuard<'_, Lineage> {
        let mut lineage = self.lineage.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = [0; 1024];
        loop {
            match recv(&self.socket, &mut buffer[..], RecvFlags::empty()) {
                Ok((length, _)) => {
                    if let Some((at, change)) = message::read(&buffer[..length]) {
                        lineage.apply(at, change);
                    }
                }
                // Some were lost: who made whom is read anew, and what happened until now is not known.
                Err(rustix::io::Errno::NOBUFS) => *lineage = beginning(),
                Err(_) => return lineage,
            }
        }
    }
}

/// A process lets go of its sockets some time before the kernel tells that it has ended.
fn is_ending(pid: u32) -> bool {
    let stat = Process::new(pid as i32).and_then(|process| process.stat());
    stat.map_or(true, |stat| stat.flags & PF_EXITING != 0)
}

/// The processes that live now.
fn beginning() -> Lineage {
    let stats = all_processes().into_iter().flatten().flatten().filter_map(|process| process.stat().ok());
    let parents: HashMap<u32, u32> = stats.map(|stat| (stat.pid as u32, stat.ppid as u32)).collect();
    // What happened while they were read may have been read or not.
    Lineage::begin(now(), &parents)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn open() -> Option<Lifecycle> {
        let lifecycle = Lifecycle::open();
        if let Err(error) = &lifecycle {
            println!("skipped: no process connector here ({error})");
        }
        lifecycle.ok()
    }

    /// A program that has answered, so it runs for sure, and waits for more.
    fn waiting() -> Child {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        child
    }

    #[test]
    fn a_child_that_ran_another_program_and_ended_leaves_open_who_sent() {
        let Some(lifecycle) = open() else { return };
        let before = now();
        let mut other = waiting();
        assert!(Command::new("true").status().unwrap().success());
        assert!(lifecycle.leaves_open([std::process::id()], before));
        assert!(!lifecycle.leaves_open([other.id()], now()), "a process without children");
        assert!(lifecycle.leaves_open([other.id()], before), "it became cat since");
        assert!(lifecycle.leaves_open([other.id()], 0), "what was before the beginning is not known");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn a_process_is_ending_once_it_has_let_go_of_its_sockets() {
        let mut command = Command::new("sh");
        let mut child = command.args(["-c", "read line"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        assert!(!is_ending(child.id()));
        drop(child.stdin.take());
        // Its end of the pipe closes with its sockets; it is not waited for, so it stays as a zombie.
        child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
        assert!(is_ending(child.id()));
        child.wait().unwrap();
        assert!(is_ending(child.id()));
    }

    #[test]
    fn it_goes_on_after_more_events_than_the_buffer_holds() {
        let Some(lifecycle) = open() else { return };
        let burst = "i=0; while [ $i -lt 8000 ]; do (exit); i=$((i + 1)); done";
        assert!(Command::new("sh").args(["-c", burst]).status().unwrap().success());
        let (before, mut other) = (now(), waiting());
        assert!(lifecycle.leaves_open([other.id()], before));
        assert!(!lifecycle.leaves_open([other.id()], now()));
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
