//! The exact layer: BPF programs that tie each new outgoing flow to its sender at the moment of sending.
//!
//! A program that sees what is sent before the queue does runs in the sender's own context and notes who that is; programs at
//! fork and exec keep what each process runs, so that it can be named after it has ended. See `attribution.bpf.c`.

mod attach;
mod facts;
mod layout;

use std::collections::HashMap;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use libbpf_rs::{Link, MapCore, MapFlags, MapHandle, Object, PrintLevel, set_print};
use procfs::process::Process;
use thiserror::Error;

use self::layout::{PROCESS_SIZE, ProcessRecord, SENDER_SIZE, Sender, Settings};
use super::cgroups::Cgroups;
use super::facts::ProcFacts;
use super::owned_by;
use super::owners::{Owner, executable};
use crate::app::{App, ProcessId, Unknown};
use crate::flow::FlowKey;

/// PROC_PID_INIT_INO: the namespace whose process ids the kernel counts in.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;
const KNOWN_PROCESSES: usize = 4096;

/// Why the exact layer is not at work.
#[derive(Debug, Error)]
pub enum ExactError {
    /// It was turned off.
    #[error("it is turned off")]
    NotWanted,
    /// It was not built in.
    #[error("it was built without clang")]
    NotBuilt,
    /// Process ids here are not those that the kernel tells.
    #[error("fwdaemon runs in a pid namespace of its own")]
    PidNamespace,
    /// The kernel refused it.
    #[error("the kernel refused to {step}: {cause}")]
    Kernel {
        /// What was tried.
        step: &'static str,
        /// What came back, in one line.
        cause: String,
    },
}

/// The loaded programs; they are gone from the kernel when this is dropped.
pub struct ExactLayer {
    senders: MapHandle,
    processes: MapHandle,
    mount_namespace: u32,
    _links: Vec<Link>,
}

impl fmt::Debug for ExactLayer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ExactLayer").field("mount_namespace", &self.mount_namespace).finish_non_exhaustive()
    }
}

#[cfg(bpf_object)]
fn object() -> Option<&'static [u8]> {
    Some(include_bytes!(concat!(env!("OUT_DIR"), "/attribution.bpf.o")))
}

#[cfg(not(bpf_object))]
fn object() -> Option<&'static [u8]> {
    None
}

impl ExactLayer {
    /// Loads and attaches the programs, in this network namespace, and takes in the processes that run already. `accepted`
    /// is the bit of connection marks whose flows pass without being judged, so without being noted.
    ///
    /// # Errors
    /// [`ExactError`]: the firewall works without it.
    pub fn load(accepted: u32) -> Result<Self, ExactError> {
        let object = object().ok_or(ExactError::NotBuilt)?;
        if namespace("pid") != Some(FIRST_PID_NAMESPACE) {
            return Err(ExactError::PidNamespace);
        }
        // Its own words about what it tries are not ours to print.
        set_print(None::<(PrintLevel, fn(PrintLevel, String))>);
        let kernel = |step| move |cause: libbpf_rs::Error| ExactError::Kernel { step, cause: cause.to_string() };
        let settings = Settings { accepted, network_namespace: namespace("net").unwrap_or(0) as u32 };
        let (loaded, links) = attach::first_possible(object, &settings)?;
        Ok(Self {
            senders: map(&loaded, "senders").map_err(kernel("open a BPF map"))?,
            processes: map(&loaded, "processes").map_err(kernel("open a BPF map"))?,
            mount_namespace: namespace("mnt").unwrap_or(0) as u32,
            _links: links,
        })
    }

    fn sender(&self, key: &FlowKey) -> Option<Sender> {
        let mut value = [0; SENDER_SIZE];
        let found = self.senders.lookup_into(&layout::ends(key), &mut value, MapFlags::ANY);
        found.is_ok_and(|found| found).then(|| Sender::read(&value))
    }

    fn process(&self, tgid: u32) -> Option<ProcessRecord> {
        let mut value = [0; PROCESS_SIZE];
        let found = self.processes.lookup_into(&tgid.to_ne_bytes(), &mut value, MapFlags::ANY);
        found.is_ok_and(|found| found).then(|| ProcessRecord::read(&value))
    }
}

/// What ran in a process between two execs, in which control group, and whose socket it used.
type Image = (Sender, Option<u32>);

/// Names senders; one for each packet thread.
#[derive(Debug)]
pub(super) struct Senders {
    layer: Arc<ExactLayer>,
    cgroups: Cgroups,
    proc: ProcFacts,
    known: HashMap<Image, Arc<App>>,
}

impl Senders {
    pub(super) fn new(layer: Arc<ExactLayer>) -> Self {
        Self { layer, cgroups: Cgroups::open(), proc: ProcFacts::default(), known: HashMap::new() }
    }

    /// Who sent the packet that opened an outgoing flow; `None` if that was not seen.
    pub(super) fn find(&mut self, key: &FlowKey, uid: Option<u32>) -> Option<Arc<App>> {
        let sender = self.layer.sender(key)?;
        if sender.shared {
            return Some(Arc::new(App::unknown(Unknown::Shared, uid)));
        }
        let image = (sender, uid);
        if let Some(known) = self.known.get(&image) {
            return Some(Arc::clone(known));
        }
        let app = Arc::new(self.describe(&sender, uid));
        if self.known.len() >= KNOWN_PROCESSES {
            self.known.clear();
        }
        self.known.insert(image, Arc::clone(&app));
        Some(app)
    }

    fn describe(&mut self, sender: &Sender, uid: Option<u32>) -> App {
        let process = ProcessId { pid: sender.tgid, start_time: layout::ticks(sender.start_time) };
        let record = self.layer.process(sender.tgid);
        let owner = self.name(sender, process, record.as_ref());
        let path = owner.as_ref().ok().map(|owner| Arc::clone(&owner.path));
        let facts = path.map(|path| Arc::new(self.facts(sender, process, &path, record)));
        App { facts, ..owned_by(owner, uid) }
    }

    fn name(&mut self, sender: &Sender, process: ProcessId, record: Option<&ProcessRecord>) -> Result<Owner, Unknown> {
        let Some(record) = record else { return Self::name_by_proc(process) };
        if !record.is_of(sender) {
            // The process has started another program since, or its id is another's by now.
            return Err(Unknown::NoProcess);
        }
        let Some(path) = record.path.as_deref() else { return Self::name_by_proc(process) };
        if record.mount_namespace != self.layer.mount_namespace && !is_file(path, record.device, record.inode) {
            return Err(Unknown::Elsewhere {
                path: path.into(),
                mount_namespace: record.mount_namespace,
                cgroup: self.cgroup(sender, process),
            });
        }
        Ok(Owner { path: path.into(), process: Some(process), script: record.script.as_deref().map(Into::into) })
    }

    /// A path too long for the table, or a process that the table has lost: /proc knows it while it runs.
    fn name_by_proc(process: ProcessId) -> Result<Owner, Unknown> {
        let found = Process::new(process.pid as i32).map_err(|_| Unknown::NoProcess)?;
        let path = executable(&format!("/proc/{}/exe", process.pid)).ok_or(Unknown::NoProcess)?;
        match found.stat() {
            Ok(stat) if stat.starttime == process.start_time => {
                Ok(Owner { path: path.into(), process: Some(process), script: None })
            }
            _ => Err(Unknown::NoProcess),
        }
    }
}

fn map(object: &Object, name: &str) -> libbpf_rs::Result<MapHandle> {
    let map = object.maps().find(|map| map.name() == name);
    map.map_or_else(|| Err(libbpf_rs::Error::from_raw_os_error(2)), |map| MapHandle::try_from(&map))
}

/// Inode number of one of this process's namespaces.
fn namespace(kind: &str) -> Option<u64> {
    Some(std::fs::metadata(format!("/proc/self/ns/{kind}")).ok()?.ino())
}

/// Whether a path here is the very file that runs there.
fn is_file(path: &str, device: u64, inode: u64) -> bool {
    std::fs::metadata(path).is_ok_and(|file| (file.dev(), file.ino()) == (device, inode))
}
