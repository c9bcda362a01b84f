//! Who was made by whom, and what has ended lately.

use std::collections::{HashMap, VecDeque};

use super::message::Change;

/// What is remembered of the past. A burst that is longer counts as a time of which nothing is known.
const REMEMBERED: usize = 4096;
/// Ancestors that are kept for each process.
const DEPTH: usize = 16;

/// An ancestor, and whether another program was started on the way from it to the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ancestor {
    pid: u32,
    became_another: bool,
}

impl Ancestor {
    /// Whether it is the holder, and what descends from it another program.
    fn is_another_than(&self, holder: u32) -> bool {
        self.pid == holder && self.became_another
    }
}

/// An end, or the start of another program.
#[derive(Debug)]
struct Past {
    at: u64,
    pid: u32,
    /// Empty for the start of another program.
    ancestors: Vec<Ancestor>,
    ended: bool,
}

/// The processes that live, with their ancestors, and what happened lately. Times are nanoseconds on CLOCK_MONOTONIC.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    living: HashMap<u32, Vec<Ancestor>>,
    past: VecDeque<Past>,
    /// What happened before is not known.
    known_since: u64,
}

impl Lineage {
    /// Begins with processes that live at a time, each with its parent. What they have run before is not known: each counts as
    /// another program than its ancestors.
    pub(super) fn begin(known_since: u64, parents: &HashMap<u32, u32>) -> Self {
        let ancestors = |pid: &u32| {
            let line = std::iter::successors(parents.get(pid), |parent| parents.get(parent));
            line.take(DEPTH).map(|pid| Ancestor { pid: *pid, became_another: true }).collect()
        };
        let living = parents.keys().map(|pid| (*pid, ancestors(pid))).collect();
        Self { living, past: VecDeque::new(), known_since }
    }

    pub(super) fn apply(&mut self, at: u64, change: Change) {
        match change {
            Change::Fork { parent, child } => {
                let mut ancestors = vec![Ancestor { pid: parent, became_another: false }];
                ancestors.extend(self.living.get(&parent).into_iter().flatten());
                ancestors.truncate(DEPTH);
                self.living.insert(child, ancestors);
            }
            Change::Exec { pid } => {
                // A thread that execs takes the place of its process's first thread, which the kernel has told to have ended.
                let ended = self.past.iter().rev().find(|past| past.ended && past.pid == pid);
                let ended = ended.map(|past| past.ancestors.clone()).unwrap_or_default();
                let ancestors = self.living.entry(pid).or_insert(ended);
                for ancestor in ancestors {
                    ancestor.became_another = true;
                }
                self.remember(Past { at, pid, ancestors: Vec::new(), ended: false });
            }
            Change::Exit { pid } => {
                let ancestors = self.living.remove(&pid).unwrap_or_default();
                self.remember(Past { at, pid, ancestors, ended: true });
            }
        }
    }

    /// Whether all that happened from a time on is known.
    pub(super) fn knows_since(&self, time: u64) -> bool {
        time >= self.known_since
    }

    /// Whether something that happened from a time on leaves open who sent through a socket that a process holds: it runs
    /// another program since, or a descendant that ran another program, and may have had the socket from it, has ended.
    pub(super) fn leaves_open(&self, holder: u32, since: u64) -> bool {
        self.past.iter().rev().take_while(|past| past.at >= since).any(|past| {
            let descends = past.ancestors.iter().any(|ancestor| ancestor.is_another_than(holder));
            if past.ended { descends } else { past.pid == holder }
        })
    }

    /// The living descendants of a process that run, or ran on the way to them, another program.
    pub(super) fn other_programs_below(&self, holder: u32) -> impl Iterator<Item = u32> {
        self.living.iter().filter_map(move |(pid, ancestors)| {
            ancestors.iter().any(|ancestor| ancestor.is_another_than(holder)).then_some(*pid)
        })
    }

    fn remember(&mut self, past: Past) {
        if self.past.len() >= REMEMBERED
            && let Some(forgotten) = self.past.pop_front()
        {
            self.known_since = self.known_since.max(forgotten.at + 1);
        }
        self.past.push_back(past);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDER: u32 = 10;

    fn fork(parent: u32, child: u32) -> Change {
        Change::Fork { parent, child }
    }

    fn after(changes: &[Change]) -> Lineage {
        let mut lineage = Lineage::begin(0, &HashMap::from([(HOLDER, 1), (50, HOLDER), (60, 1)]));
        for (at, change) in (100..).zip(changes) {
            lineage.apply(at, *change);
        }
        lineage
    }

    #[test]
    fn a_descendant_that_ran_another_program_and_ended_may_have_sent() {
        let (exec, exit) = (|pid| Change::Exec { pid }, |pid| Change::Exit { pid });
        let cases: [(&str, &[Change], bool); 9] = [
            ("nothing happened", &[], false),
            ("a child of the same program", &[fork(HOLDER, 20), exit(20)], false),
            ("a child of another program", &[fork(HOLDER, 20), exec(20), exit(20)], true),
            ("one that still lives", &[fork(HOLDER, 20), exec(20)], false),
            ("a grandchild", &[fork(HOLDER, 20), exec(20), fork(20, 30), exit(30)], true),
            ("a child of before the start", &[exit(50)], true),
            ("somebody else's child", &[fork(60, 70), exec(70), exit(70), exit(60)], false),
            ("the holder itself became another program", &[exec(HOLDER)], true),
            ("a thread of a child started the program", &[fork(HOLDER, 20), exit(20), exec(20), exit(20)], true),
        ];
        for (what, changes, open) in cases {
            assert_eq!(after(changes).leaves_open(HOLDER, 100), open, "{what}");
            assert!(!after(changes).leaves_open(HOLDER, 110), "{what}, before the packet was sent");
        }
    }

    #[test]
    fn living_descendants_are_known_by_whether_they_run_another_program() {
        let lineage =
            after(&[fork(HOLDER, 20), fork(HOLDER, 21), Change::Exec { pid: 21 }, fork(21, 22), fork(60, 61)]);
        let mut below: Vec<u32> = lineage.other_programs_below(HOLDER).collect();
        below.sort_unstable();
        assert_eq!(below, [21, 22, 50]);
    }

    #[test]
    fn what_was_forgotten_is_not_known() {
        let mut lineage = Lineage::begin(5, &HashMap::new());
        assert!(!lineage.knows_since(4) && lineage.knows_since(5));
        for at in 0..REMEMBERED as u64 + 10 {
            lineage.apply(100 + at, Change::Exit { pid: 7 });
        }
        assert!(!lineage.knows_since(109) && lineage.knows_since(110));
        assert_eq!(lineage.past.len(), REMEMBERED);
    }
}
