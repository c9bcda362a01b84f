//! Socket to program: which processes hold a socket's inode.
//!
//! A socket may be held by several processes (inherited by fork, handed over a unix socket). So a look-up asks after all of
//! them. An answer is kept for a second, while it can be checked: the holders still hold the socket and still run the same
//! executable, and each process that was forked since has been looked at. After that second everybody is looked at again: a
//! running process may have been handed the socket.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use procfs::process::Process;
use rustix::fs::{CWD, readlinkat_raw};

use super::descriptors::{Descriptors, descriptors_in, last_pid, socket_inode};
use super::lifecycle::Lifecycle;
use crate::app::{ProcessId, Unknown};
use crate::monotonic::Nanos;

const CACHED_SOCKETS: usize = 4096;
const FRESH: Duration = Duration::from_secs(1);
/// More new processes than this, and looking at all of them is as cheap.
const CATCH_UP: u32 = 256;
const DELETED: &str = " (deleted)";

/// The program that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) path: Arc<str>,
    /// The process, if only one holds the socket.
    pub(super) process: Option<ProcessId>,
    /// The script that the program interprets, if that is known.
    pub(super) script: Option<Arc<str>>,
}

/// Finds owners, and remembers them by the socket's cookie.
#[derive(Debug, Default)]
pub(super) struct SocketOwners {
    lifecycle: Option<Arc<Lifecycle>>,
    descriptors: Descriptors,
    known: HashMap<u64, Known>,
}

#[derive(Debug)]
struct Known {
    holders: Vec<Holder>,
    /// When everybody was looked at.
    looked_at: Instant,
    /// The last pid that the kernel had given out when new processes were looked at.
    looked_up_to: u32,
}

/// One process's descriptor of a socket.
#[derive(Debug, Clone)]
struct Holder {
    process: ProcessId,
    descriptor: u32,
    path: Arc<str>,
}

impl SocketOwners {
    pub(super) fn new(lifecycle: Option<Arc<Lifecycle>>) -> Self {
        Self { lifecycle, ..Self::default() }
    }

    /// The program that holds a socket: the only one, or [`Unknown`] with the reason. With `sent_after` it is the one that
    /// sent, some time after that.
    pub(super) fn find(
        &mut self,
        inode: u64,
        cookie: Option<u64>,
        sent_after: Option<Nanos>,
    ) -> Result<Owner, Unknown> {
        let known = cookie.and_then(|cookie| self.known.remove(&cookie)).filter(|known| known.still_hold(inode));
        let known = match known.map(|known| known.catch_up(inode)) {
            Some(Ok(known)) => known,
            Some(Err(sure)) => self.look(inode, sure),
            None => self.look(inode, Vec::new()),
        };
        let holders = || known.holders.iter().map(|holder| holder.process.pid);
        let open = |lifecycle: &Arc<Lifecycle>| sent_after.is_some_and(|since| lifecycle.leaves_open(holders(), since));
        let owner = match only_program(&known.holders) {
            Ok(_) if self.lifecycle.as_ref().is_some_and(open) => Err(Unknown::Gone),
            owner => owner,
        };
        if let Some(cookie) = cookie
            && !known.holders.is_empty()
        {
            if self.known.len() >= CACHED_SOCKETS {
                self.known.clear();
            }
            self.known.insert(cookie, known);
        }
        owner
    }

    /// Adds to those that hold the socket for sure all others that do.
    fn look(&mut self, inode: u64, mut holders: Vec<Holder>) -> Known {
        let (looked_at, looked_up_to) = (Instant::now(), last_pid().unwrap_or(0));
        let sure: Vec<u32> = holders.iter().map(|holder| holder.process.pid).collect();
        let others = self.descriptors.holders(inode, &sure);
        holders.extend(others.filter_map(|(pid, seen)| Holder::confirm(pid, seen.iter().map(|(_, at)| *at), inode)));
        Known { holders, looked_at, looked_up_to }
    }
}

impl Known {
    fn still_hold(&self, inode: u64) -> bool {
        self.holders.iter().all(|holder| {
            holds(holder.process.pid, holder.descriptor, inode)
                && executable(&format!("/proc/{}/exe", holder.process.pid)).is_some_and(|path| path == *holder.path)
        })
    }

    /// Looks at what was forked since; gives the holders back if that is not enough any more.
    fn catch_up(mut self, inode: u64) -> Result<Self, Vec<Holder>> {
        let last = last_pid().unwrap_or(0);
        if self.looked_at.elapsed() >= FRESH || last < self.looked_up_to || last - self.looked_up_to > CATCH_UP {
            return Err(self.holders);
        }
        let forked = self.looked_up_to + 1..=last;
        self.holders.extend(forked.filter_map(|pid| Holder::confirm(pid, std::iter::empty(), inode)));
        self.looked_up_to = last;
        Ok(self)
    }
}

impl Holder {
    /// A process that was seen to hold the socket, if it does: a shell that writes to a socket moves it to another descriptor
    /// and back, so if it is at none of them any more, it may be at others.
    fn confirm(pid: u32, seen: impl Iterator<Item = u32>, inode: u64) -> Option<Self> {
        let elsewhere = std::iter::once_with(|| descriptors_in(pid, inode)).flatten();
        seen.chain(elsewhere).find_map(|descriptor| Self::read(pid, descriptor, inode))
    }

    /// A process that holds the socket at a descriptor, if it does.
    fn read(pid: u32, descriptor: u32, inode: u64) -> Option<Self> {
        let process = Process::new(pid as i32).ok()?;
        let path = executable(&format!("/proc/{pid}/exe"))?;
        // After the executable: a socket that did not survive an exec is not the new program's.
        if !holds(pid, descriptor, inode) {
            return None;
        }
        // Read last, through the directory opened first: had the pid been used again in between, this would fail.
        let start_time = process.stat().ok()?.starttime;
        Some(Self { process: ProcessId { pid, start_time }, descriptor, path: path.into() })
    }
}

fn holds(pid: u32, descriptor: u32, inode: u64) -> bool {
    let mut path = [0; 48];
    let mut rest = &mut path[..];
    if write!(rest, "/proc/{pid}/fd/{descriptor}").is_err() {
        return false;
    }
    let length = 48 - rest.len();
    let mut link = [MaybeUninit::uninit(); 40];
    readlinkat_raw(CWD, OsStr::from_bytes(&path[..length]), &mut link)
        .is_ok_and(|(link, _)| socket_inode(link) == Some(inode))
}

/// All holders run one program, or it is not known which one sent.
fn only_program(holders: &[Holder]) -> Result<Owner, Unknown> {
    let (first, others) = holders.split_first().ok_or(Unknown::NoProcess)?;
    if others.iter().any(|other| other.path != first.path) {
        return Err(Unknown::Shared);
    }
    Ok(Owner { path: first.path.clone(), process: others.is_empty().then_some(first.process), script: None })
}

/// The path of an executable. One that was replaced or deleted since still names the path that it was started from.
pub(super) fn executable(link: &str) -> Option<String> {
    let path = std::fs::read_link(link).ok()?.into_os_string().into_string().ok()?;
    match path.strip_suffix(DELETED) {
        Some(started_from) if !std::path::Path::new(&path).exists() => Some(started_from.to_owned()),
        _ => Some(path),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_socket_of_ours_is_ours_and_a_closed_one_nobodys() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = std::fs::metadata(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap().ino();
        let mut owners = SocketOwners::default();
        for _ in 0..2 {
            let owner = owners.find(inode, Some(1), None).unwrap();
            assert_eq!(*owner.path, *std::env::current_exe().unwrap().to_str().unwrap());
            assert_eq!(owner.process.unwrap().pid, std::process::id());
        }
        drop(listener);
        assert_eq!(owners.find(inode, Some(1), None), Err(Unknown::NoProcess));
    }

    #[test]
    fn a_socket_that_moved_to_another_descriptor_is_still_its_holders() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = std::fs::metadata(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap().ino();
        let now_at = listener.as_raw_fd() as u32;
        let nothing_there = 1 << 20;
        for seen in [&[nothing_there, now_at][..], &[nothing_there], &[]] {
            let holder = Holder::confirm(std::process::id(), seen.iter().copied(), inode).unwrap();
            assert_eq!(holder.descriptor, now_at, "{seen:?}");
        }
        assert!(Holder::confirm(std::process::id(), [now_at].into_iter(), inode + 1).is_none());
    }

    #[test]
    fn a_socket_that_a_child_of_another_program_inherits_is_shared() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = std::fs::metadata(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap().ino();
        let mut owners = SocketOwners::default();
        assert!(owners.find(inode, Some(1), None).is_ok());
        rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).unwrap();
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        assert_eq!(owners.find(inode, Some(1), None), Err(Unknown::Shared));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(owners.find(inode, Some(1), None).is_ok());
    }

    #[test]
    fn who_sent_is_open_once_a_child_of_another_program_that_had_the_socket_has_ended() {
        let Ok(lifecycle) = Lifecycle::open() else {
            println!("skipped: no process connector here");
            return;
        };
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let inode = std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap().ino();
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::empty()).unwrap();
        let before = crate::monotonic::now();
        assert!(std::process::Command::new("true").status().unwrap().success());
        let mut owners = SocketOwners::new(Some(Arc::new(lifecycle)));
        assert_eq!(owners.find(inode, Some(1), Some(before)), Err(Unknown::Gone));
        assert!(owners.find(inode, Some(1), None).is_ok());
    }
}
