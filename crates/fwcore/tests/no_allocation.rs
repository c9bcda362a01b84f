//! Parsing and matching allocate nothing: counted by the allocator itself, over the real functions.

#![allow(unsafe_code, reason = "an allocator cannot be written without")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use fwcore::app::App;
use fwcore::flow::{Direction, Flow, InterfaceName};
use fwcore::packet;
use fwcore::rules::{Subject, Unattended};
use fwcore::verdict::Action;
use support::{policy, rule, syn, udp};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands everything to the system's allocator as it came; the count is a plain cell without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    run();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_count_sees_an_allocation() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
}

#[test]
fn parsing_and_matching_allocate_nothing() {
    let packets = [syn(1, 50_000, 443, 7), udp(2, 50_000, 53)];
    let mut rules: Vec<_> = (1..=1000).map(|id| rule(id, Action::Drop, "/usr/bin/other")).collect();
    rules.extend(
        (1001..=2000)
            .map(|id| fwcore::rules::Rule { direction: Some(Direction::Incoming), ..rule(id, Action::Drop, "*") }),
    );
    rules.push(rule(2001, Action::Accept, "/usr/bin/curl"));
    let policy = policy(1, rules, Unattended::Accept);
    let app = App::named("/usr/bin/curl");
    let count = allocations(|| {
        for packet in &packets {
            let parsed = packet::parse(black_box(&packet.bytes)).unwrap();
            let flow = Flow { direction: Direction::Outgoing, interface: InterfaceName::new("eth0"), key: parsed.key };
            let decision = policy.decide(Subject { flow: &flow, app: &app }, 5);
            assert_eq!(decision.action, Action::Accept);
        }
    });
    assert_eq!(count, 0);
}
