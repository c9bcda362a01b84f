//! Facts of a sender: what BPF kept at its start, and /proc for a process that ran before.

use std::sync::Arc;

use procfs::process::Process;

use super::super::cgroups::of_process;
use super::super::facts::{Above, climb, open, path_here};
use super::layout::{ProcessRecord, Sender, nanoseconds, ticks};
use super::{ExactLayer, Senders, is_file};
use crate::app::{Arguments, Facts, Parent, ProcessId};

impl Senders {
    /// Facts of the process that sent, which was named by this path. `record` is what the table has of it.
    pub(super) fn facts(
        &mut self,
        sender: &Sender,
        process: ProcessId,
        path: &str,
        record: Option<ProcessRecord>,
    ) -> Facts {
        let cgroup = self.cgroup(sender, process);
        let Some(record) = record else {
            return Facts { cgroup, ..self.proc.read(process, path).unwrap_or_default() };
        };
        let namespace = record.mount_namespace;
        Facts {
            parents: self.layer.parents(&record),
            arguments: record.arguments.or_else(|| self.arguments(sender, process, path)),
            cgroup,
            mount_namespace: (namespace != self.layer.mount_namespace).then_some(namespace),
        }
    }

    /// The control group that it sent from.
    pub(super) fn cgroup(&mut self, sender: &Sender, process: ProcessId) -> Option<Arc<str>> {
        self.cgroups.path(sender.cgroup).or_else(|| of_process(&open(process)?))
    }

    fn arguments(&mut self, sender: &Sender, process: ProcessId, path: &str) -> Option<Arguments> {
        let arguments = self.proc.arguments(process, path)?;
        // It may have started the same program again, with others.
        self.layer.process(sender.tgid).is_some_and(|now| now.is_of(sender)).then_some(arguments)
    }
}

impl ExactLayer {
    fn parents(&self, of: &ProcessRecord) -> Vec<Parent> {
        let mut child = of.start_time;
        climb(of.parent, |pid| match self.process(pid) {
            Some(record) => parent(record, &mut child, |record| self.path_of(pid, record)),
            None => lost_parent(pid, &mut child),
        })
    }

    fn path_of(&self, pid: u32, record: &ProcessRecord) -> Option<Arc<str>> {
        let Some(path) = &record.path else {
            return path_here(&open(ProcessId { pid, start_time: ticks(record.start_time) })?);
        };
        let is_ours = record.mount_namespace == self.mount_namespace;
        (is_ours || is_file(path, record.device, record.inode)).then(|| path.as_str().into())
    }
}

/// A process that started after the child is not its parent: the parent's id was given out again.
fn parent(
    record: ProcessRecord,
    child: &mut u64,
    path: impl FnOnce(&ProcessRecord) -> Option<Arc<str>>,
) -> Option<Above> {
    if record.start_time > *child {
        return None;
    }
    *child = record.start_time;
    Some(Above { path: path(&record), parent: record.parent })
}

/// The table keeps what was used lately; a parent that started long ago may still run.
fn lost_parent(pid: u32, child: &mut u64) -> Option<Above> {
    let found = Process::new(pid as i32).ok()?;
    let stat = found.stat().ok()?;
    // In the same hundredth of a second its id may have been given out again.
    if stat.starttime >= ticks(*child) {
        return None;
    }
    *child = nanoseconds(stat.starttime);
    Some(Above { path: path_here(&found), parent: stat.ppid as u32 })
}

#[cfg(test)]
mod tests {
    use super::super::layout::PROCESS_SIZE;
    use super::*;

    fn record(start_time: u64, parent: u32) -> ProcessRecord {
        ProcessRecord { start_time, parent, ..ProcessRecord::read(&[0; PROCESS_SIZE]) }
    }

    #[test]
    fn a_process_that_has_the_id_of_a_parent_but_started_after_the_child_is_none() {
        // Started at 90 by 30, which was started by 20, which was started by 10.
        let climbed = |table: &[(u32, u64, u32)]| {
            let mut child = 90;
            let look = |pid| {
                let (_, start_time, above) = *table.iter().find(|(id, ..)| *id == pid)?;
                parent(record(start_time, above), &mut child, |_| None)
            };
            climb(30, look).iter().map(|parent| parent.pid).collect::<Vec<_>>()
        };
        assert_eq!(climbed(&[(30, 80, 20), (20, 70, 10), (10, 60, 1)]), [30, 20, 10]);
        assert_eq!(climbed(&[(30, 90, 20), (20, 90, 10), (10, 90, 1)]), [30, 20, 10], "forked at the same time");
        assert_eq!(climbed(&[(30, 91, 20), (20, 70, 10), (10, 60, 1)]), []);
        // 20 started after 30, its child, though before the first.
        assert_eq!(climbed(&[(30, 80, 20), (20, 81, 10), (10, 60, 1)]), [30]);
    }

    #[test]
    fn a_parent_that_the_table_has_lost_is_told_by_proc_if_it_is_older() {
        let own = Process::myself().unwrap().stat().unwrap();
        let pid = std::process::id();
        let mut child = nanoseconds(own.starttime + 1);
        assert_eq!(lost_parent(pid, &mut child).unwrap().parent, own.ppid as u32);
        assert_eq!(child, nanoseconds(own.starttime));
        assert!(lost_parent(pid, &mut child).is_none());
    }
}
