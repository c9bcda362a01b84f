//! Who may use whom: a module uses lower floors only, and modules of one floor never each other.

#![allow(clippy::unwrap_used, reason = "a source that cannot be read fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Floors from the ground up, each with what lives there.
const FLOORS: &[&[&str]] = &[
    &["flow", "verdict", "app", "counters", "monotonic", "scheduling"],
    &["packet", "netlink"],
    &["ports"],
    &["clock", "conntrack", "events", "flows", "interfaces", "pending", "process", "queue", "rules"],
    &["agenda"],
    &["shared"],
    &["engine"],
    &["housekeeping", "worker"],
    &["firewall"],
];

/// Why an arrow up or across is forbidden, by the module that it would start from.
fn reason(from: &str) -> &'static str {
    match from {
        "flow" | "verdict" | "app" => "the words of the house know nothing of it",
        "packet" => "parsing is bytes to words: it must be usable without a kernel",
        "ports" => "a trait that knows its implementation is none",
        "engine" => "the packet's way must not know what threads or kernels it runs on",
        _ => "siblings meet one floor up, so that each can be read and tested alone",
    }
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// `crate::NAME` in a line of code.
fn uses(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| {
        line.match_indices("crate::").map(move |(at, prefix)| {
            let rest = &line[at + prefix.len()..];
            &rest[..rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())]
        })
    })
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

#[test]
fn a_module_uses_lower_floors_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut broken = Vec::new();
    for path in sources(&root) {
        let relative = path.strip_prefix(&root).unwrap();
        let module = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some(floor) = floor_of(module) else {
            broken.push(format!("{module} stands on no floor: give it one"));
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        // Test modules may build what they need of the ground floors' words, but keep the same arrows.
        for used in uses(&text).filter(|used| *used != module) {
            match floor_of(used) {
                Some(other) if other < floor => {}
                Some(_) => broken.push(format!("{} uses {used}: {}", relative.display(), reason(module))),
                None => broken.push(format!("{} uses {used}, which stands on no floor", relative.display())),
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_core_knows_nothing_of_node() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("napi"), "fwcore must run without Node: the binding depends on it, never the other way");
}

#[test]
fn a_forbidden_arrow_is_seen() {
    assert_eq!(
        uses("use crate::flow::{A, B};\n// use crate::engine::X;\nlet x = crate::rules::Y;").collect::<Vec<_>>(),
        ["flow", "rules"]
    );
    assert!(floor_of("engine") < floor_of("firewall"));
}
