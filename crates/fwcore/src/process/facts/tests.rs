use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use super::*;

/// A `cat` that has come to run: it has given back what it read. Its new executable alone is there before its arguments.
fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new("cat");
    let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    child
}

fn stop(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn id(pid: u32) -> ProcessId {
    ProcessId { pid, start_time: Process::new(pid as i32).unwrap().stat().unwrap().starttime }
}

fn path_of(child: &Child) -> String {
    executable(&format!("/proc/{}/exe", child.id())).unwrap()
}

#[test]
fn arguments_end_with_nul() {
    let words = |bytes: &[u8]| words(bytes).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(words(b"ls\0-l\0"), ["ls", "-l"]);
    assert_eq!(words(b"ls\0\0-l\0\0"), ["ls", "", "-l", ""]);
    assert_eq!(words(b"\0"), [""]);
    assert_eq!(words(b"ls\0cut her"), ["ls", "cut her"]);
    assert_eq!(words(b"a\xff\0b\x1b[2J\nc\0"), ["a\u{fffd}", "b\x1b[2J\nc"]);
    // Cut within a character.
    assert_eq!(words("ls\0ü".as_bytes().split_last().unwrap().1), ["ls", "\u{fffd}"]);
}

#[test]
fn parents_are_climbed_up_to_the_first_process() {
    let tree = |pid: u32| (pid != 40).then(|| Above { path: Some(format!("/{pid}").into()), parent: pid - 1 });
    let pids = |parent| climb(parent, tree).iter().map(|parent| parent.pid).collect::<Vec<_>>();
    assert_eq!(pids(4), [4, 3, 2]);
    assert_eq!(pids(1), []);
    assert_eq!(pids(0), []);
    assert_eq!(pids(30), [30, 29, 28, 27, 26, 25, 24, 23], "eight of them");
    assert_eq!(pids(42), [42, 41], "as far up as is known");
}

#[test]
fn a_process_is_described_while_it_runs_what_it_was_named_by() {
    let child = start(&["-", "two words", ""]);
    let (path, process) = (path_of(&child), id(child.id()));
    let mut facts = ProcFacts::default();
    let read = facts.read(process, &path).unwrap();
    let own = Parent { pid: std::process::id(), path: std::env::current_exe().unwrap().to_str().map(Into::into) };
    assert_eq!(read.parents.first(), Some(&own));
    // An empty last argument cannot be told from the padding of a process that writes over its arguments.
    let words = ["cat", "-", "two words"].map(Into::into).to_vec();
    assert_eq!(read.arguments, Some(Arguments { words, cut: false }));
    assert_eq!(read.mount_namespace, None);
    assert_eq!(facts.read(process, "/bin/another"), None);
    let later = ProcessId { start_time: process.start_time + 1, ..process };
    assert_eq!(facts.read(later, &path), None);
    assert_eq!(facts.arguments(later, &path), None);
    stop(child);
    assert_eq!(facts.read(process, &path), None);
}

#[test]
fn long_arguments_are_cut_and_marked() {
    let mut facts = ProcFacts::default();
    // `cat`, `-` and three NULs make seven bytes.
    let room = KEPT_ARGUMENTS - 7;
    let cases: [(usize, &[&str], bool, usize); 5] = [
        (room, &[], false, room),
        (room, &["more"], true, room),
        (room - 2, &["x"], false, 1),
        (room + 1, &[], true, room + 1),
        (4000, &["more"], true, room + 1),
    ];
    for (length, more, cut, last) in cases {
        let long = "x".repeat(length);
        let child = start(&[&["-", &long], more].concat());
        let arguments = facts.arguments(id(child.id()), &path_of(&child)).unwrap();
        let word = arguments.words.last().unwrap();
        assert_eq!((arguments.cut, word.len()), (cut, last), "{length} {more:?}");
        stop(child);
    }
}

#[test]
fn facts_are_not_read_for_each_packet() {
    let child = start(&[]);
    let app = App { process: Some(id(child.id())), ..App::named(path_of(&child)) };
    let mut known = KnownFacts::default();
    // Of two looks in a row one may come when the second is over.
    let same = || Arc::ptr_eq(&known.find(&app).unwrap(), &known.find(&app).unwrap());
    assert!(std::iter::repeat_with(same).take(10).any(|same| same));
    assert_eq!(known.find(&App { process: None, ..app }), None);
    stop(child);
}
