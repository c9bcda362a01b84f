//! Which processes hold which sockets, as /proc shows it.
//!
//! Reading all descriptors of all processes takes tens of milliseconds on a busy machine. A process that has not run since
//! it was looked through holds what it held then: whatever adds a descriptor to a process (socket, accept, dup, receiving one
//! over a unix socket, io_uring) runs in it. So each process's CPU time, which the kernel counts in nanoseconds, is compared
//! first, and only those that ran are read again. A virtual machine whose host is busy does not count every run: if nobody is
//! found, all are read again, at most once a second.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::time::ClockId;
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat_raw};
use rustix::path::Arg;

/// Longer than the link of any socket: `socket:[` and 20 digits at most.
const LINK: usize = 40;
const PAUSE: Duration = Duration::from_secs(1);

/// The sockets of all processes.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    processes: HashMap<u32, Looked>,
    /// When all were read again because nobody was found.
    all_read_at: Option<Instant>,
}

/// What a process held when it was looked through.
#[derive(Debug, Default)]
struct Looked {
    /// The process's CPU time just before; `None` before the first look.
    cpu_time: Option<Duration>,
    /// Inode and descriptor, in the order of inodes.
    sockets: Vec<(u64, u32)>,
}

impl Descriptors {
    /// The processes that hold a socket now, each with its descriptors of it; not those of `except`, which are not looked at.
    pub(super) fn holders(&mut self, inode: u64, except: &[u32]) -> impl Iterator<Item = (u32, &[(u64, u32)])> {
        self.refresh(except);
        if except.is_empty()
            && self.holders_as_read(inode).next().is_none()
            && self.all_read_at.is_none_or(|at| at.elapsed() >= PAUSE)
        {
            self.processes.clear();
            self.refresh(except);
            self.all_read_at = Some(Instant::now());
        }
        self.holders_as_read(inode).filter(|(pid, _)| !except.contains(pid))
    }

    fn holders_as_read(&self, inode: u64) -> impl Iterator<Item = (u32, &[(u64, u32)])> {
        let each = self.processes.iter().map(move |(pid, looked)| (*pid, looked.descriptors_of(inode)));
        each.filter(|(_, descriptors)| !descriptors.is_empty())
    }

    fn refresh(&mut self, except: &[u32]) {
        self.processes.retain(|pid, looked| except.contains(pid) || looked.refresh(*pid));
        // Listed each time: a child that is just being made can be told by nothing else.
        let _ = for_each_name(c"/proc", |_, name| {
            if let Some(pid) = number(name)
                && !except.contains(&pid)
            {
                self.processes.entry(pid).or_insert_with(|| Looked::at(pid));
            }
        });
    }
}

impl Looked {
    fn at(pid: u32) -> Self {
        let mut looked = Self::default();
        looked.refresh(pid);
        looked
    }

    /// False if there is no such process (any more): a thread's id is none.
    fn refresh(&mut self, pid: u32) -> bool {
        let Some(cpu_time) = cpu_time(pid) else { return false };
        // The kernel refuses to take a thread for a process, unless it is the thread that asks.
        if self.cpu_time.is_none() && pid != std::process::id() && pid == thread_id() {
            return false;
        }
        if self.cpu_time != Some(cpu_time) {
            self.sockets.clear();
            // A process that ends meanwhile holds nothing.
            let _ = read_sockets(pid, &mut self.sockets);
            self.sockets.sort_unstable();
            self.cpu_time = Some(cpu_time);
        }
        true
    }

    fn descriptors_of(&self, inode: u64) -> &[(u64, u32)] {
        let from = self.sockets.partition_point(|(other, _)| *other < inode);
        let count = self.sockets[from..].partition_point(|(other, _)| *other == inode);
        &self.sockets[from..from + count]
    }
}

/// The descriptors at which a process holds a socket now; a thread's id is no process.
pub(super) fn descriptors_in(pid: u32, inode: u64) -> Vec<u32> {
    Looked::at(pid).descriptors_of(inode).iter().map(|(_, descriptor)| *descriptor).collect()
}

/// CPU time of all threads of a process, those that have ended included.
fn cpu_time(pid: u32) -> Option<Duration> {
    ClockId::from_raw(process_clock(pid)).now().ok().map(Duration::from)
}

/// The kernel's number of a process's CPU clock (CPUCLOCK_SCHED in linux/posix-timers.h). clock_getcpuclockid(3) gives the
/// same after a system call of its own.
const fn process_clock(pid: u32) -> i32 {
    !(pid as i32) << 3 | 2
}

fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get() as u32
}

/// The last pid given out, in this pid namespace: the fifth field of /proc/loadavg (proc(5)).
pub(super) fn last_pid() -> Option<u32> {
    fs::read_to_string("/proc/loadavg").ok()?.split_ascii_whitespace().nth(4)?.parse().ok()
}

fn read_sockets(pid: u32, sockets: &mut Vec<(u64, u32)>) -> rustix::io::Result<()> {
    for_each_name(format!("/proc/{pid}/fd"), |directory, name| {
        let mut link = [MaybeUninit::uninit(); LINK];
        // A descriptor that was closed meanwhile is none.
        if let Ok((link, _)) = readlinkat_raw(directory, name, &mut link)
            && let Some(inode) = socket_inode(link)
            && let Some(descriptor) = number(name)
        {
            sockets.push((inode, descriptor));
        }
    })
}

fn for_each_name(directory: impl Arg, mut each: impl FnMut(&OwnedFd, &CStr)) -> rustix::io::Result<()> {
    let directory = openat(CWD, directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut entries = [MaybeUninit::uninit(); 16 * 1024];
    let mut entries = RawDir::new(&directory, &mut entries);
    while let Some(entry) = entries.next() {
        each(&directory, entry?.file_name());
    }
    Ok(())
}

fn number(name: &CStr) -> Option<u32> {
    name.to_str().ok()?.parse().ok()
}

/// The inode in `socket:[INODE]`.
pub(super) fn socket_inode(link: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::os::fd::{AsRawFd, RawFd};
    use std::process::{Child, Command, Stdio};

    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

    use super::*;

    fn inode_of(descriptor: RawFd) -> u64 {
        socket_inode(fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap().as_os_str().as_encoded_bytes())
            .unwrap()
    }

    fn holders(descriptors: &mut Descriptors, inode: u64) -> Vec<u32> {
        descriptors.holders(inode, &[]).map(|(pid, _)| pid).collect()
    }

    /// A program that opens a socket for each line that it is sent, and answers with its inode.
    fn opener() -> Child {
        let program = "import os, socket, sys
held = []
for line in sys.stdin:
    held.append(socket.socket())
    print(os.fstat(held[-1].fileno()).st_ino, flush=True)";
        let mut command = Command::new("python3");
        command.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn a_socket_opened_after_the_first_look_is_found() {
        let mut descriptors = Descriptors::default();
        let mut child = opener();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..20 {
            child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
            let inode = answers.next().unwrap().unwrap().parse().unwrap();
            assert_eq!(holders(&mut descriptors, inode), [child.id()]);
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_closed_socket_and_one_of_a_process_that_has_ended_are_nobodys() {
        let mut descriptors = Descriptors::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = inode_of(listener.as_raw_fd());
        // Another test's child may hold it too, until it has become another program.
        assert!(holders(&mut descriptors, ours).contains(&std::process::id()));
        drop(listener);
        assert!(!holders(&mut descriptors, ours).contains(&std::process::id()));

        let mut child = opener();
        child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let theirs = line.trim().parse().unwrap();
        assert_eq!(holders(&mut descriptors, theirs), [child.id()]);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(holders(&mut descriptors, theirs), []);
    }

    #[test]
    fn a_process_that_did_not_run_is_not_read_again() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // It has answered, so it waits for more.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let mut descriptors = Descriptors::default();
        let marked = u64::MAX;
        let mut kept = false;
        // It may still be on its way back to sleep at the first look.
        for _ in 0..1000 {
            assert_eq!(holders(&mut descriptors, 0), []);
            kept = holders(&mut descriptors, marked) == [child.id()];
            if kept {
                break;
            }
            descriptors.processes.get_mut(&child.id()).unwrap().sockets = vec![(marked, 0)];
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(kept, "it was read again at every look");
    }

    #[test]
    fn a_process_whose_run_was_not_counted_is_found_all_the_same() {
        let mut child = opener();
        child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let inode = line.trim().parse().unwrap();
        let pid = Pid::from_child(&child);
        kill_process(pid, Signal::STOP).unwrap();
        waitpid(Some(pid), WaitOptions::UNTRACED).unwrap();
        let mut descriptors = Descriptors::default();
        let forget = |descriptors: &mut Descriptors| {
            descriptors.refresh(&[]);
            descriptors.processes.get_mut(&child.id()).unwrap().sockets.clear();
        };
        forget(&mut descriptors);
        assert_eq!(holders(&mut descriptors, inode), [child.id()]);
        forget(&mut descriptors);
        assert_eq!(holders(&mut descriptors, inode), [], "all are read again too often");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_thread_is_no_process_of_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = inode_of(listener.as_raw_fd());
        let thread = std::thread::spawn(move || {
            let thread = thread_id();
            (thread, descriptors_in(thread, inode), holders(&mut Descriptors::default(), inode))
        });
        let (thread, held_by_thread, holders) = thread.join().unwrap();
        assert_eq!(held_by_thread, []);
        assert!(holders.contains(&std::process::id()) && !holders.contains(&thread));
    }

    #[test]
    fn only_sockets_have_a_sockets_link() {
        let cases: [(&[u8], Option<u64>); 5] = [
            (b"socket:[123]", Some(123)),
            (b"socket:[]", None),
            (b"socket:[12", None),
            (b"pipe:[123]", None),
            (b"/tmp/socket:[1]", None),
        ];
        for (link, inode) in cases {
            assert_eq!(socket_inode(link), inode, "{}", String::from_utf8_lossy(link));
        }
    }
}
