//! Facts of a process beyond its program, as /proc tells them: how it was called, by whom, in which control group.
//!
//! All of them are read through one open directory, and only if the process still runs the program that it was named by: a
//! later process with its id, or a program that it starts meanwhile, lends it nothing.

mod reader;

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use procfs::process::Process;

use self::reader::Reader;
use super::cgroups;
use super::owners::executable;
use crate::app::{App, Arguments, Facts, Parent, ProcessId, Program};

/// As many bytes of the arguments as the exact layer keeps.
pub(super) const KEPT_ARGUMENTS: usize = 256;
const MOST_PARENTS: usize = 8;
const KNOWN_PROCESSES: usize = 4096;
const FRESH: Duration = Duration::from_secs(1);

/// Reads facts of processes.
#[derive(Debug, Default)]
pub(super) struct ProcFacts {
    reader: Reader,
}

/// Facts of the processes that were named without the exact layer. They are kept for a second: a busy process costs no
/// reading for each packet, and /proc does not tell one exec of a program from the next.
#[derive(Debug, Default)]
pub(super) struct KnownFacts {
    proc: ProcFacts,
    known: HashMap<(ProcessId, Arc<str>), (Instant, Arc<Facts>)>,
}

/// A process above another.
pub(super) struct Above {
    pub(super) path: Option<Arc<str>>,
    /// Its own parent.
    pub(super) parent: u32,
}

impl KnownFacts {
    /// Of the one process that runs a program; `None` where that is not known, or it runs no more.
    pub(super) fn find(&mut self, app: &App) -> Option<Arc<Facts>> {
        let (Some(process), Program::Path(path)) = (app.process, &app.program) else { return None };
        let image = (process, Arc::clone(path));
        if let Some((read_at, known)) = self.known.get(&image)
            && read_at.elapsed() < FRESH
        {
            return Some(Arc::clone(known));
        }
        let read_at = Instant::now();
        let facts = Arc::new(self.proc.read(process, path)?);
        if self.known.len() >= KNOWN_PROCESSES {
            self.known.clear();
        }
        self.known.insert(image, (read_at, Arc::clone(&facts)));
        Some(facts)
    }
}

impl ProcFacts {
    /// All facts of a process while it runs the program of this path.
    pub(super) fn read(&mut self, process: ProcessId, path: &str) -> Option<Facts> {
        while_it_runs(process, path, |found| Facts {
            arguments: self.read_arguments(found),
            parents: parents_of(found),
            cgroup: cgroups::of_process(found),
            mount_namespace: foreign_mount_namespace(found),
        })
    }

    /// Its arguments alone.
    pub(super) fn arguments(&mut self, process: ProcessId, path: &str) -> Option<Arguments> {
        while_it_runs(process, path, |found| self.read_arguments(found))?
    }

    fn read_arguments(&mut self, process: &Process) -> Option<Arguments> {
        let bytes = self.reader.read(process.open_relative("cmdline").ok()?, KEPT_ARGUMENTS + 1)?;
        let kept = &bytes[..bytes.len().min(KEPT_ARGUMENTS)];
        // A process that writes its state over its arguments fills the rest with NULs.
        let length = kept.iter().rposition(|byte| *byte != 0)? + 1;
        let next = bytes.get(KEPT_ARGUMENTS);
        let cut = next.is_some_and(|next| *next != 0 || length == KEPT_ARGUMENTS);
        Some(Arguments { words: words(&kept[..length]), cut })
    }
}

/// Arguments that each end with NUL, the last one perhaps not. What is no UTF-8 becomes U+FFFD.
pub(super) fn words(bytes: &[u8]) -> Vec<Box<str>> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into()).collect()
}

/// The parents upwards from `parent`; without the first process of all, which is above everything.
pub(super) fn climb(mut parent: u32, mut look: impl FnMut(u32) -> Option<Above>) -> Vec<Parent> {
    let mut parents = Vec::new();
    while parent > 1
        && parents.len() < MOST_PARENTS
        && let Some(above) = look(parent)
    {
        parents.push(Parent { pid: parent, path: above.path });
        parent = above.parent;
    }
    parents
}

/// The executable of a process that still runs, unless its path is that of another file here.
pub(super) fn path_here(process: &Process) -> Option<Arc<str>> {
    let link = format!("/proc/{}/exe", process.pid);
    let path = executable(&link)?;
    let is_file_here = || {
        let (there, here) = (std::fs::metadata(&link).ok()?, std::fs::metadata(&path).ok()?);
        Some((there.dev(), there.ino()) == (here.dev(), here.ino()))
    };
    let is_ours = mount_namespace(&process.pid.to_string()) == mount_namespace("self");
    let known = is_ours || is_file_here() == Some(true);
    // Read last, through the directory opened first: it fails if the pid was used again in between.
    (known && process.stat().is_ok()).then(|| path.into())
}

/// What /proc has of a process that still runs. Reading it fails when the process has ended, also if its pid was used again.
pub(super) fn open(process: ProcessId) -> Option<Process> {
    let found = Process::new(process.pid as i32).ok()?;
    (found.stat().ok()?.starttime == process.start_time).then_some(found)
}

/// What is read of a process, if it ran the program of this path all the while.
fn while_it_runs<T>(process: ProcessId, path: &str, read: impl FnOnce(&Process) -> T) -> Option<T> {
    let found = open(process)?;
    let facts = read(&found);
    let runs = executable(&format!("/proc/{}/exe", process.pid)).is_some_and(|now| now == path);
    (runs && found.stat().is_ok()).then_some(facts)
}

fn parents_of(process: &Process) -> Vec<Parent> {
    let Ok(stat) = process.stat() else { return Vec::new() };
    let mut child = stat.pid;
    let mut start_time = stat.starttime;
    climb(stat.ppid as u32, |pid| {
        let parent = Process::new(pid as i32).ok()?;
        let stat = parent.stat().ok()?;
        let path = path_here(&parent);
        // Still the child's parent, so it was all the while: a parent that ends leaves its children to another.
        let holds = stat.starttime <= start_time && parent_of(child, start_time) == Some(pid);
        (child, start_time) = (stat.pid, stat.starttime);
        holds.then_some(Above { path, parent: stat.ppid as u32 })
    })
}

fn parent_of(pid: i32, start_time: u64) -> Option<u32> {
    let stat = Process::new(pid).ok()?.stat().ok()?;
    (stat.starttime == start_time).then_some(stat.ppid as u32)
}

fn foreign_mount_namespace(process: &Process) -> Option<u32> {
    mount_namespace(&process.pid.to_string()).filter(|its| Some(*its) != mount_namespace("self"))
}

fn mount_namespace(of: &str) -> Option<u32> {
    Some(std::fs::metadata(format!("/proc/{of}/ns/mnt")).ok()?.ino() as u32)
}

#[cfg(test)]
mod tests;
