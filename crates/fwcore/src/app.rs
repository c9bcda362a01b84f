//! The program behind a flow.

use std::fmt;
use std::sync::Arc;

/// A process, told apart from a later one with the same pid by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessId {
    /// Thread group id, as seen in this process's pid namespace.
    pub pid: u32,
    /// Start time in clock ticks since boot (field 22 of /proc/PID/stat, proc(5)).
    pub start_time: u64,
}

/// The program behind a flow, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct App {
    /// Which program.
    pub program: Program,
    /// The script that it interprets, as it was named to exec(2); only the exact layer knows it.
    pub script: Option<Arc<str>>,
    /// One process that runs it; absent where the program is unknown or several processes share the socket.
    pub process: Option<ProcessId>,
    /// Owner of the socket.
    pub uid: Option<u32>,
    /// What else is known of the process.
    pub facts: Option<Arc<Facts>>,
}

/// A process as it was when it was named. All of it is for people to read: a program chooses its own arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    /// How it was called, if that is known.
    pub arguments: Option<Arguments>,
    /// Its parent first, then that one's, as far up as is known; without the first process of all.
    pub parents: Vec<Parent>,
    /// Path of its control group in the hierarchy of version 2.
    pub cgroup: Option<Arc<str>>,
    /// Inode number of its mount namespace, if that is not the firewall's own.
    pub mount_namespace: Option<u32>,
}

/// The arguments of a process, its own name among them. What is no UTF-8 stands there as U+FFFD.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Arguments {
    /// Each of them.
    pub words: Vec<Box<str>>,
    /// More followed: only the first 256 bytes are kept, and the last word may not be whole.
    pub cut: bool,
}

/// One of the processes above another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Parent {
    /// Thread group id.
    pub pid: u32,
    /// The executable that it runs, or ran last; absent where that is not known or is another file here.
    pub path: Option<Arc<str>>,
}

/// A program, or why it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Program {
    /// The path of the executable.
    Path(Arc<str>),
    /// It cannot be told for sure.
    Unknown(Unknown),
}

/// Why a program is not known. A fact that rules can name, never a guess.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// No socket of this machine matches the flow.
    NoSocket,
    /// The socket has no file any more: its process closed it or has ended.
    Closed,
    /// No process holds the socket (it is the kernel's own, or its process has just ended).
    NoProcess,
    /// Several programs hold the socket, and nothing says which one sent.
    Shared,
    /// A process that may have sent it has ended, or runs another program by now.
    Gone,
    /// Several sockets could have sent it.
    Ambiguous,
    /// The kernel does not tell who sends this protocol.
    Protocol,
    /// The kernel's answer could not be had.
    Failed,
    /// Its path is that of another file here: it runs in a container, or its file was replaced there.
    Elsewhere {
        /// The path as the program's own mount namespace has it.
        path: Arc<str>,
        /// That namespace's inode number.
        mount_namespace: u32,
        /// Its control group, as in [`Facts`].
        cgroup: Option<Arc<str>>,
    },
}

impl fmt::Display for Unknown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Elsewhere { path, mount_namespace, cgroup } => {
                let cgroup = cgroup.as_deref().map(|cgroup| format!(" (cgroup {cgroup})")).unwrap_or_default();
                return write!(formatter, "{path} of mount namespace {mount_namespace}{cgroup} is another file here");
            }
            Self::NoSocket => "no socket matches",
            Self::Closed => "the socket is already closed",
            Self::NoProcess => "no process holds the socket",
            Self::Shared => "several programs share the socket",
            Self::Gone => "a process that may have sent it has ended or become another program",
            Self::Ambiguous => "several sockets share the address",
            Self::Protocol => "the kernel does not tell who sends this protocol",
            Self::Failed => "the kernel did not answer the look-up",
        })
    }
}

impl App {
    /// A program of which no more than its path is known.
    pub fn named(path: impl Into<Arc<str>>) -> Self {
        Self { program: Program::Path(path.into()), script: None, process: None, uid: None, facts: None }
    }

    /// A program that is not known.
    pub fn unknown(why: Unknown, uid: Option<u32>) -> Self {
        Self { program: Program::Unknown(why), script: None, process: None, uid, facts: None }
    }

    /// The executable's path, if known.
    pub fn path(&self) -> Option<&str> {
        match &self.program {
            Program::Path(path) => Some(path),
            Program::Unknown(_) => None,
        }
    }
}
