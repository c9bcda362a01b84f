//! The structures that the BPF programs share with us, byte for byte: see `attribution.bpf.c`.

use std::net::IpAddr;

use super::super::facts;
use crate::app::Arguments;
use crate::flow::FlowKey;
use crate::netlink::u32_at;

const SETTINGS_SIZE: usize = 8;
pub(super) const ENDS_SIZE: usize = 40;
pub(super) const SENDER_SIZE: usize = 40;
const NAMES: usize = 48;
const SCRIPT: usize = NAMES + 512 + 256;
const ARGUMENTS: usize = SCRIPT + 256;
pub(super) const PROCESS_SIZE: usize = ARGUMENTS + facts::KEPT_ARGUMENTS;
/// USER_HZ: /proc tells start times in hundredths of a second on every architecture that Linux runs on here.
const NANOSECONDS_PER_TICK: u64 = 10_000_000;

/// `struct settings`: the programs' constants.
pub(super) struct Settings {
    /// The bit of connection marks whose flows pass without being judged, so without being noted.
    pub(super) accepted: u32,
    /// The inode number of the network namespace whose packets are looked at.
    pub(super) network_namespace: u32,
}

impl Settings {
    pub(super) fn bytes(&self) -> [u8; SETTINGS_SIZE] {
        let mut bytes = [0; SETTINGS_SIZE];
        bytes[..4].copy_from_slice(&self.accepted.to_ne_bytes());
        bytes[4..].copy_from_slice(&self.network_namespace.to_ne_bytes());
        bytes
    }
}

/// `struct ends`: the key of the map of senders.
pub(super) fn ends(key: &FlowKey) -> [u8; ENDS_SIZE] {
    let mut bytes = [0; ENDS_SIZE];
    bytes[0] = key.protocol.0;
    bytes[1] = if key.source.is_ipv4() { 4 } else { 6 };
    bytes[2..4].copy_from_slice(&key.source_port.to_ne_bytes());
    bytes[4..6].copy_from_slice(&key.destination_port.to_ne_bytes());
    for (offset, address) in [(8, key.source), (24, key.destination)] {
        match address {
            IpAddr::V4(v4) => bytes[offset..offset + 4].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => bytes[offset..offset + 16].copy_from_slice(&v6.octets()),
        }
    }
    bytes
}

/// `struct sender`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sender {
    /// Nanoseconds since boot.
    pub(super) start_time: u64,
    pub(super) exec_id: u64,
    /// Id of the thread's control group at that moment.
    pub(super) cgroup: u64,
    pub(super) tgid: u32,
    pub(super) shared: bool,
}

impl Sender {
    pub(super) fn read(bytes: &[u8; SENDER_SIZE]) -> Self {
        Self {
            start_time: u64_at(bytes, 8),
            exec_id: u64_at(bytes, 16),
            cgroup: u64_at(bytes, 24),
            tgid: u32_at(bytes, 32).unwrap_or(0),
            shared: u32_at(bytes, 36) != Some(0),
        }
    }
}

/// `struct process`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProcessRecord {
    pub(super) start_time: u64,
    pub(super) exec_id: u64,
    pub(super) inode: u64,
    /// As stat(2) tells it.
    pub(super) device: u64,
    /// The process that forked it.
    pub(super) parent: u32,
    pub(super) mount_namespace: u32,
    /// `None` where it was too long to keep, or is no text.
    pub(super) path: Option<String>,
    /// What the file is the interpreter of, as it was named to exec.
    pub(super) script: Option<String>,
    /// `None` where it ran before us.
    pub(super) arguments: Option<Arguments>,
}

impl ProcessRecord {
    pub(super) fn read(bytes: &[u8; PROCESS_SIZE]) -> Self {
        let device = u32_at(bytes, 24).unwrap_or(0);
        let length = u32_at(bytes, 36).unwrap_or(0) as usize;
        Self {
            start_time: u64_at(bytes, 0),
            exec_id: u64_at(bytes, 8),
            inode: u64_at(bytes, 16),
            // The kernel's own form has 20 bits of minor number.
            device: rustix::fs::makedev(device >> 20, device & 0xf_ffff),
            parent: u32_at(bytes, 28).unwrap_or(0),
            mount_namespace: u32_at(bytes, 32).unwrap_or(0),
            path: bytes.get(NAMES..NAMES + length).and_then(path),
            script: text(&bytes[SCRIPT..]).filter(|script| !script.is_empty()),
            arguments: arguments(&bytes[ARGUMENTS..], u32_at(bytes, 40).unwrap_or(0) as usize),
        }
    }

    /// Whether it is about what ran when the sender sent, not a later program or process with its id.
    pub(super) fn is_of(&self, sender: &Sender) -> bool {
        (self.start_time, self.exec_id) == (sender.start_time, sender.exec_id)
    }
}

/// Components from the file up to the root, each ended by NUL, as a path.
fn path(names: &[u8]) -> Option<String> {
    let names = names.strip_suffix(&[0])?;
    let mut path = Vec::with_capacity(names.len() + 1);
    for name in names.rsplit(|byte| *byte == 0) {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    String::from_utf8(path).ok()
}

/// What was kept of `length` bytes of arguments.
fn arguments(kept: &[u8], length: usize) -> Option<Arguments> {
    let kept = &kept[..length.min(kept.len())];
    (length > 0).then(|| Arguments { words: facts::words(kept), cut: length > kept.len() })
}

/// Text up to NUL.
fn text(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next()?;
    String::from_utf8(text.to_vec()).ok()
}

/// A start time as /proc tells it.
pub(super) const fn ticks(nanoseconds: u64) -> u64 {
    nanoseconds / NANOSECONDS_PER_TICK
}

/// A start time that /proc tells, as the kernel counts it: at the beginning of that hundredth.
pub(super) const fn nanoseconds(ticks: u64) -> u64 {
    ticks * NANOSECONDS_PER_TICK
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    bytes.get(offset..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_become_a_path() {
        assert_eq!(path(b"curl\0bin\0usr\0").as_deref(), Some("/usr/bin/curl"));
        assert_eq!(path(b"memfd:x\0").as_deref(), Some("/memfd:x"));
        assert_eq!(path(b""), None);
        assert_eq!(path(b"\xff\0bin\0"), None);
    }

    #[test]
    fn a_record_whose_names_did_not_fit_has_no_path() {
        let mut bytes = [0; PROCESS_SIZE];
        assert_eq!((ProcessRecord::read(&bytes).path, ProcessRecord::read(&bytes).script), (None, None));
        bytes[36..40].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(ProcessRecord::read(&bytes).path, None);
        bytes[24..28].copy_from_slice(&(8u32 << 20 | 1).to_ne_bytes());
        assert_eq!(ProcessRecord::read(&bytes).device, rustix::fs::makedev(8, 1));
    }

    #[test]
    fn arguments_that_did_not_fit_are_marked_as_cut() {
        let record = |given: &[u8], length: usize| {
            let mut bytes = [0; PROCESS_SIZE];
            bytes[40..44].copy_from_slice(&(length as u32).to_ne_bytes());
            bytes[ARGUMENTS..ARGUMENTS + given.len()].copy_from_slice(given);
            ProcessRecord::read(&bytes).arguments
        };
        let arguments =
            |words: &[&str], cut| Some(Arguments { words: words.iter().map(|&word| word.into()).collect(), cut });
        let long = [b'x'; facts::KEPT_ARGUMENTS];
        let x = "x".repeat(facts::KEPT_ARGUMENTS);
        assert_eq!(record(b"", 0), None);
        // What an earlier process left behind is not this one's.
        assert_eq!(record(b"ls\0-l\0stale\0", 6), arguments(&["ls", "-l"], false));
        assert_eq!(record(&long, facts::KEPT_ARGUMENTS), arguments(&[&x], false));
        assert_eq!(record(&long, facts::KEPT_ARGUMENTS + 1), arguments(&[&x], true));
        assert_eq!(record(&long, u32::MAX as usize), arguments(&[&x], true));
    }
}
