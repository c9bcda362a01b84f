//! Puts the programs into the kernel, by the first way of seeing what is sent that the kernel has.

use std::ffi::OsStr;
use std::io::Read;

use libbpf_rs::{Iter, Link, NetfilterOpts, Object, ObjectBuilder, OpenObject, Result};

use super::ExactError;
use super::layout::Settings;

const NF_INET_LOCAL_OUT: i32 = 3;
const NFPROTO_IPV4: i32 = 2;
const NFPROTO_IPV6: i32 = 10;
/// Just before iptables' mangle table, which queues.
const PRIORITY: i32 = -151;
/// Run once, after the others keep the table of processes up to date.
const START: &str = "on_start";

/// How the programs get to see a packet before the queue does. One program of the object belongs to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A hook of this network namespace: from Linux 6.4 on. It costs nothing in other namespaces.
    Hook,
    /// The entry of the kernel's function that calls the hooks, where functions can be traced.
    Function,
}

impl Way {
    /// The better one first.
    const ALL: [Self; 2] = [Self::Hook, Self::Function];

    const fn program(self) -> &'static str {
        match self {
            Self::Hook => "on_output",
            Self::Function => "on_hooks",
        }
    }

    /// Whether this way has use for a program: all are needed but those of other ways.
    fn needs(self, program: &OsStr) -> bool {
        !Self::ALL.iter().any(|way| *way != self && program == way.program())
    }
}

/// Loads and attaches the programs.
///
/// # Errors
/// What the kernel said to each way, if it takes none.
pub(super) fn first_possible(
    object: &[u8],
    settings: &Settings,
) -> std::result::Result<(Object, Vec<Link>), ExactError> {
    let mut refusals = Vec::new();
    for way in Way::ALL {
        match load(object, way, settings) {
            Ok(loaded) => return Ok(loaded),
            Err(cause) => refusals.push(format!("{}: {cause}", way.program())),
        }
    }
    Err(ExactError::Kernel { step: "load the BPF programs", cause: refusals.join("; ") })
}

fn load(object: &[u8], way: Way, settings: &Settings) -> Result<(Object, Vec<Link>)> {
    let mut opened = ObjectBuilder::default().open_memory(object)?;
    for mut program in opened.progs_mut() {
        let needed = way.needs(program.name());
        program.set_autoload(needed);
    }
    set(&mut opened, settings);
    let loaded = opened.load()?;
    let links = attach(&loaded, way)?;
    Ok((loaded, links))
}

/// The settings are all that the programs' read-only data begins with.
fn set(object: &mut OpenObject, settings: &Settings) {
    for mut map in object.maps_mut().filter(|map| map.name().to_string_lossy().ends_with(".rodata")) {
        if let Some(bytes) = map.initial_value_mut().and_then(|constants| constants.first_chunk_mut()) {
            *bytes = settings.bytes();
        }
    }
}

fn attach(object: &Object, way: Way) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for program in object.progs_mut().filter(|program| way.needs(program.name()) && program.name() != START) {
        if program.name() == Way::Hook.program() {
            for protocol_family in [NFPROTO_IPV4, NFPROTO_IPV6] {
                links.push(program.attach_netfilter_with_opts(NetfilterOpts {
                    protocol_family,
                    hooknum: NF_INET_LOCAL_OUT,
                    priority: PRIORITY,
                    ..NetfilterOpts::default()
                })?);
            }
        } else {
            links.push(program.attach()?);
        }
    }
    for program in object.progs_mut().filter(|program| program.name() == START) {
        let link = program.attach()?;
        let mut nothing = Vec::new();
        // The iterator prints nothing; reading it to its end is what runs it.
        Iter::new(&link)?.read_to_end(&mut nothing).map_err(libbpf_rs::Error::from)?;
    }
    Ok(links)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_leaves_out_what_belongs_to_the_other_alone() {
        let needed = |way: Way| ["on_output", "on_hooks", "on_exec", START].map(|name| way.needs(OsStr::new(name)));
        assert_eq!(needed(Way::Hook), [true, false, true, true]);
        assert_eq!(needed(Way::Function), [false, true, true, true]);
    }
}
