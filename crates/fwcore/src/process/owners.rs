//! Socket to program: which processes hold a socket's inode.
//!
//! A socket may be held by several processes (inherited by fork, handed over a unix socket). So a look-up goes through
//! all of them, and an answer is kept only while it can be checked: the holders still hold the socket and still run the
//! same executable, and each process that was forked since has been looked at.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use procfs::process::{Process, all_processes};
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat_raw};

use crate::app::{ProcessId, Unknown};

const CACHED_SOCKETS: usize = 4096;
/// More new processes than this, and looking through all of them is as cheap.
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
    known: HashMap<u64, Known>,
}

#[derive(Debug)]
struct Known {
    holders: Vec<Holder>,
    /// The last pid that the kernel had given out when the holders were looked for.
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
    /// The program that holds a socket: the only one, or [`Unknown`] with the reason.
    pub(super) fn find(&mut self, inode: u64, cookie: Option<u64>) -> Result<Owner, Unknown> {
        let target = Target::new(inode);
        if let Some(known) = cookie.and_then(|cookie| self.known.get_mut(&cookie))
            && known.refresh(&target)
        {
            return only_program(&known.holders);
        }
        let looked_up_to = last_pid().unwrap_or(0);
        let holders = search(&target);
        let owner = only_program(&holders);
        if let Some(cookie) = cookie
            && !holders.is_empty()
        {
            if self.known.len() >= CACHED_SOCKETS {
                self.known.clear();
            }
            self.known.insert(cookie, Known { holders, looked_up_to });
        }
        owner
    }
}

impl Known {
    /// Whether the holders are still just these, after a look at what was forked since.
    fn refresh(&mut self, target: &Target) -> bool {
        if !self.holders.iter().all(|holder| holder.still_holds(target)) {
            return false;
        }
        let Some(last) = last_pid() else { return false };
        if last < self.looked_up_to || last - self.looked_up_to > CATCH_UP {
            return false;
        }
        for pid in self.looked_up_to + 1..=last {
            if let Ok(process) = Process::new(pid as i32) {
                self.holders.extend(holder_in(&process, target));
            }
        }
        self.looked_up_to = last;
        true
    }
}

impl Holder {
    /// The descriptor still is the socket, in a process that still runs the executable.
    fn still_holds(&self, target: &Target) -> bool {
        let pid = self.process.pid;
        let mut path = [0; 48];
        link_is(&mut path, format_args!("/proc/{pid}/fd/{}", self.descriptor), target.text())
            && executable(&format!("/proc/{pid}/exe")).is_some_and(|path| path == *self.path)
    }
}

/// All holders run one program, or it is not known which one sent.
fn only_program(holders: &[Holder]) -> Result<Owner, Unknown> {
    let (first, others) = holders.split_first().ok_or(Unknown::NoProcess)?;
    if others.iter().any(|other| other.path != first.path) {
        return Err(Unknown::Shared);
    }
    Ok(Owner { path: first.path.clone(), process: others.is_empty().then_some(first.process), script: None })
}

/// Looks through every process.
fn search(target: &Target) -> Vec<Holder> {
    let Ok(processes) = all_processes() else { return Vec::new() };
    processes.flatten().filter_map(|process| holder_in(&process, target)).collect()
}

/// The process's descriptor of the socket, if it holds one.
fn holder_in(process: &Process, target: &Target) -> Option<Holder> {
    let descriptor = descriptor_of(process.pid, target)?;
    let path = executable(&format!("/proc/{}/exe", process.pid))?;
    // Read last, through the directory opened first: had the pid been used again in between, this would fail.
    let start_time = process.stat().ok()?.starttime;
    Some(Holder { process: ProcessId { pid: process.pid as u32, start_time }, descriptor, path: path.into() })
}

fn descriptor_of(pid: i32, target: &Target) -> Option<u32> {
    let directory: OwnedFd =
        openat(CWD, format!("/proc/{pid}/fd"), OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .ok()?;
    let mut entries = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(&directory, &mut entries);
    while let Some(Ok(entry)) = entries.next() {
        let mut link = [MaybeUninit::uninit(); Target::CAPACITY];
        if let Ok((link, _)) = readlinkat_raw(&directory, entry.file_name(), &mut link)
            && *link == *target.text()
        {
            return entry.file_name().to_str().ok()?.parse().ok();
        }
    }
    None
}

/// The path of an executable. One that was replaced or deleted since still names the path that it was started from.
pub(super) fn executable(link: &str) -> Option<String> {
    let path = std::fs::read_link(link).ok()?.into_os_string().into_string().ok()?;
    match path.strip_suffix(DELETED) {
        Some(started_from) if !std::path::Path::new(&path).exists() => Some(started_from.to_owned()),
        _ => Some(path),
    }
}

fn link_is(buffer: &mut [u8; 48], path: std::fmt::Arguments<'_>, wanted: &[u8]) -> bool {
    let mut rest = &mut buffer[..];
    if rest.write_fmt(path).is_err() {
        return false;
    }
    let length = 48 - rest.len();
    let mut link = [MaybeUninit::uninit(); Target::CAPACITY];
    readlinkat_raw(CWD, OsStr::from_bytes(&buffer[..length]), &mut link).is_ok_and(|(link, _)| *link == *wanted)
}

/// The last pid given out, in this pid namespace: the fifth field of /proc/loadavg (proc(5)).
fn last_pid() -> Option<u32> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_ascii_whitespace().nth(4)?.parse().ok()
}

/// What a descriptor of the socket links to: `socket:[INODE]`.
#[derive(Debug)]
struct Target {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Target {
    /// Longer than any inode's text, so that a longer link is never cut to an equal one.
    const CAPACITY: usize = 40;

    fn new(inode: u64) -> Self {
        let mut bytes = [0; Self::CAPACITY];
        let mut rest = &mut bytes[..];
        // 20 digits at most: it always fits.
        let _ = write!(rest, "socket:[{inode}]");
        let length = Self::CAPACITY - rest.len();
        Self { bytes, length }
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
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
            let owner = owners.find(inode, Some(1)).unwrap();
            assert_eq!(*owner.path, *std::env::current_exe().unwrap().to_str().unwrap());
            assert_eq!(owner.process.unwrap().pid, std::process::id());
        }
        drop(listener);
        assert_eq!(owners.find(inode, Some(1)), Err(Unknown::NoProcess));
    }

    #[test]
    fn a_socket_that_a_child_of_another_program_inherits_is_shared() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = std::fs::metadata(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap().ino();
        let mut owners = SocketOwners::default();
        assert!(owners.find(inode, Some(1)).is_ok());
        rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).unwrap();
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        assert_eq!(owners.find(inode, Some(1)), Err(Unknown::Shared));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(owners.find(inode, Some(1)).is_ok());
    }
}
