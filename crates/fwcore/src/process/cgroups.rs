//! Paths of control groups, in the hierarchy of version 2.

mod handle;

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use procfs::process::Process;
use rustix::fs::{CWD, Mode, OFlags, fstatfs, openat};

use self::handle::open_cgroup;

/// CGROUP2_SUPER_MAGIC (linux/magic.h).
const CGROUP2: u64 = 0x6367_7270;
const KNOWN_GROUPS: usize = 1024;

/// Turns the ids of control groups into paths. A group cannot be renamed and no id is given twice: what was once found
/// stays right, also for a group that is gone.
#[derive(Debug)]
pub(super) struct Cgroups {
    hierarchy: Option<OwnedFd>,
    known: HashMap<u64, Arc<str>>,
}

impl Cgroups {
    /// Without a mounted hierarchy no id has a path.
    pub(super) fn open() -> Self {
        Self { hierarchy: hierarchy(), known: HashMap::new() }
    }

    /// The path of the group with this id; `None` for one that is gone.
    pub(super) fn path(&mut self, id: u64) -> Option<Arc<str>> {
        if let Some(known) = self.known.get(&id) {
            return Some(Arc::clone(known));
        }
        let hierarchy = self.hierarchy.as_ref()?;
        let group = place(&open_cgroup(hierarchy.as_fd(), id)?)?;
        let path: Arc<str> = below(&place(hierarchy)?, &group)?.into();
        if self.known.len() >= KNOWN_GROUPS {
            self.known.clear();
        }
        self.known.insert(id, Arc::clone(&path));
        Some(path)
    }
}

/// The group of a process, as /proc tells it.
pub(super) fn of_process(process: &Process) -> Option<Arc<str>> {
    let groups = process.cgroups().ok()?;
    groups.into_iter().find(|group| group.hierarchy == 0).map(|group| group.pathname.into())
}

/// A mount that shows the whole hierarchy.
fn hierarchy() -> Option<OwnedFd> {
    let mounts = Process::myself().ok()?.mountinfo().ok()?;
    mounts.into_iter().filter(|mount| mount.fs_type == "cgroup2" && mount.root == "/").find_map(|mount| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, &mount.mount_point, flags, Mode::empty()).ok()?;
        // Another file system may be mounted over it.
        (fstatfs(&directory).ok()?.f_type as u64 == CGROUP2).then_some(directory)
    })
}

/// Where an open directory is.
fn place(directory: &OwnedFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).ok()
}

/// The path of a group as seen from the top of its hierarchy.
fn below(top: &Path, group: &Path) -> Option<String> {
    // The kernel's word for a directory that was removed a moment ago.
    let removed = group.to_str().and_then(|text| text.strip_suffix(" (deleted)")).filter(|_| !group.exists());
    let path = removed.map_or(group, Path::new).strip_prefix(top).ok()?;
    Some(format!("/{}", path.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_group_is_named_from_the_top_of_its_hierarchy() {
        let below = |group| below(Path::new("/sys/fs/cgroup"), Path::new(group));
        assert_eq!(below("/sys/fs/cgroup").as_deref(), Some("/"));
        assert_eq!(below("/sys/fs/cgroup/a.slice/b").as_deref(), Some("/a.slice/b"));
        assert_eq!(below("/sys/fs/cgroup/gone (deleted)").as_deref(), Some("/gone"));
        assert_eq!(below("/elsewhere/a"), None);
    }

    #[test]
    fn the_id_of_our_own_group_has_the_path_that_proc_tells() {
        let mut groups = Cgroups::open();
        let Some(hierarchy) = &groups.hierarchy else {
            eprintln!("skipped: no hierarchy of version 2 is mounted");
            return;
        };
        let own = of_process(&Process::myself().unwrap()).unwrap();
        let directory = place(hierarchy).unwrap().join(own.trim_start_matches('/'));
        let id = directory.metadata().unwrap().ino();
        for _ in 0..2 {
            assert_eq!(groups.path(id).as_ref(), Some(&own));
        }
        assert_eq!(groups.path(u64::MAX), None);
    }
}
