//! The engine over replayed packets: no root, no kernel.

mod support;

use std::sync::atomic::Ordering;

use fwcore::flow::Direction;
use fwcore::ports::{Event, Orientation};
use fwcore::queue::ReplayPacket;
use fwcore::rules::Unattended;
use fwcore::verdict::{Action, Reason, Verdict};
use support::{policy, rule, syn, tcp, udp, world};

const CURL: &str = "/usr/bin/curl";
const ACK: u8 = 0x10;

#[test]
fn each_action_gives_its_verdict_and_is_counted() {
    let rules = vec![
        rule(1, Action::Accept, "/a"),
        rule(2, Action::Drop, "/d"),
        rule(3, Action::Reject, "/r"),
        rule(4, Action::Ask, "/q"),
    ];
    let mut world = world(rules, &[(1, "/a"), (2, "/d"), (3, "/r"), (4, "/q")], Orientation::New);
    let verdicts = world.replay((1..=4).map(|port| syn(port, port as u16, 80, 1)).collect());
    assert_eq!(verdicts, [(1, Verdict::Accept), (2, Verdict::Drop), (3, Verdict::Reject)]);
    let counts = [
        &world.counters.packets,
        &world.counters.accepted,
        &world.counters.dropped,
        &world.counters.rejected,
        &world.counters.asked,
    ];
    assert_eq!(counts.map(fwcore::counters::Counter::get), [4, 1, 1, 1, 1]);
}

#[test]
fn an_answer_lets_go_all_packets_of_the_query_and_others_wait_on() {
    let mut world = world(vec![], &[(1, CURL), (2, CURL), (3, "/other")], Orientation::New);
    assert_eq!(world.replay(vec![syn(1, 1, 80, 10), syn(2, 2, 80, 20), syn(3, 3, 80, 30)]), []);
    let views = world.shared.pending.views();
    assert_eq!(
        views.iter().map(|view| (view.app.path(), view.count)).collect::<Vec<_>>(),
        [(Some(CURL), 2), (Some("/other"), 1)]
    );
    let closed = world.shared.pending.close(views[0].id).unwrap();
    assert_eq!(world.shared.release(closed, Verdict::Accept, Reason::Answer), 2);
    assert_eq!(world.release(), [(1, Verdict::Accept), (2, Verdict::Accept)]);
    assert_eq!(world.shared.pending.len(), 1);
}

#[test]
fn a_new_policy_decides_what_is_parked() {
    let mut world = world(vec![], &[(1, CURL), (2, "/other")], Orientation::New);
    world.replay(vec![syn(1, 1, 80, 10), syn(2, 2, 80, 20)]);
    world.shared.replace_policy(policy(2, vec![rule(9, Action::Reject, CURL)], Unattended::Accept));
    assert_eq!(world.release(), [(1, Verdict::Reject)]);
    let closed = Event::QueryClosed { id: 1, verdict: Verdict::Reject, reason: Reason::Policy };
    assert!(world.recorder.events.lock().unwrap().contains(&closed));
}

#[test]
fn nobody_attached_means_that_the_policy_decides_at_once() {
    for (unattended, expected) in [
        (Unattended::Accept, vec![(1, Verdict::Accept)]),
        (Unattended::Drop, vec![(1, Verdict::Drop)]),
        (Unattended::Ask, vec![]),
    ] {
        let mut world = world(vec![], &[(1, CURL)], Orientation::New);
        world.shared.policy.store(policy(1, vec![], unattended).into());
        world.shared.attached.store(0, Ordering::Relaxed);
        assert_eq!(world.replay(vec![syn(1, 1, 80, 10)]), expected, "{unattended:?}");
    }
}

#[test]
fn a_syn_sent_again_is_the_same_flow_and_another_one_on_its_ports_is_not() {
    let mut world = world(vec![rule(1, Action::Drop, CURL)], &[(1, CURL)], Orientation::New);
    world.replay(vec![syn(1, 1, 80, 10), syn(2, 1, 80, 10)]);
    assert_eq!(world.lookups.load(Ordering::Relaxed), 1);
    world.replay(vec![syn(3, 1, 80, 11)]);
    assert_eq!(world.lookups.load(Ordering::Relaxed), 2);
    assert_eq!(world.engine.queue().verdicts.len(), 3);
}

#[test]
fn a_parked_syn_that_is_sent_again_is_held_in_place_of_the_older() {
    let mut world = world(vec![], &[(1, CURL)], Orientation::New);
    assert_eq!(world.replay(vec![syn(1, 1, 80, 10), syn(2, 1, 80, 10)]), [(1, Verdict::Drop)]);
    assert_eq!(world.shared.pending.views()[0].count, 1);
}

#[test]
fn a_datagram_is_attributed_each_time_since_another_socket_may_use_its_ports() {
    let mut world = world(vec![rule(1, Action::Drop, CURL)], &[(1, CURL)], Orientation::New);
    world.replay(vec![udp(1, 1, 53), udp(2, 1, 53)]);
    assert_eq!(world.lookups.load(Ordering::Relaxed), 2);
}

#[test]
fn a_live_connection_is_not_asked_about_but_a_rule_can_forbid_it() {
    for (rules, expected) in [(vec![], Verdict::Accept), (vec![rule(1, Action::Reject, CURL)], Verdict::Reject)] {
        let mut world = world(rules, &[(1, CURL)], Orientation::Original);
        assert_eq!(world.replay(vec![tcp(1, Direction::Outgoing, 1, 80, 5, ACK)]), [(1, expected)]);
    }
}

#[test]
fn a_reply_is_judged_as_the_flow_that_it_answers() {
    let mut rules = vec![rule(1, Action::Drop, "*"), rule(2, Action::Accept, CURL)];
    rules[0].direction = Some(Direction::Incoming);
    let mut world = world(rules, &[(1, CURL)], Orientation::Reply);
    assert_eq!(world.replay(vec![tcp(1, Direction::Incoming, 80, 1, 5, ACK)]), [(1, Verdict::Accept)]);
}

#[test]
fn a_rule_change_under_a_known_connection_decides_it_again_without_a_look_up() {
    let mut world = world(vec![rule(1, Action::Accept, CURL)], &[(1, CURL)], Orientation::New);
    world.replay(vec![syn(1, 1, 80, 10)]);
    world.shared.replace_policy(policy(2, vec![rule(2, Action::Drop, CURL)], Unattended::Accept));
    let verdicts =
        world.replay(vec![tcp(2, Direction::Outgoing, 1, 80, 11, ACK), tcp(3, Direction::Incoming, 80, 1, 11, ACK)]);
    assert_eq!(verdicts, [(1, Verdict::Accept), (2, Verdict::Drop), (3, Verdict::Drop)]);
    assert_eq!(world.lookups.load(Ordering::Relaxed), 1);
}

#[test]
fn a_change_that_can_forbid_asks_for_a_look_at_live_flows_and_a_permission_does_not() {
    let world = world(vec![rule(1, Action::Accept, CURL)], &[], Orientation::New);
    let accept = || rule(1, Action::Accept, CURL);
    world.shared.replace_policy(policy(2, vec![rule(2, Action::Accept, "/x"), accept()], Unattended::Accept));
    assert!(world.shared.agenda.take_sweep().is_none());
    world.shared.replace_policy(policy(3, vec![rule(3, Action::Drop, "/y"), accept()], Unattended::Accept));
    assert_eq!(world.shared.agenda.take_sweep().map(|old| old.generation), Some(2));
}

#[test]
fn a_malformed_packet_is_dropped_and_counted() {
    let mut world = world(vec![rule(1, Action::Accept, "*")], &[], Orientation::New);
    let torn = ReplayPacket { number: 1, bytes: vec![0x45, 0, 0], hook: Direction::Outgoing };
    assert_eq!(world.replay(vec![torn]), [(1, Verdict::Drop)]);
    assert_eq!(world.counters.malformed.get(), 1);
}

#[test]
fn a_panic_costs_one_packet_and_nothing_else() {
    let mut world = world(vec![rule(1, Action::Accept, "*")], &[], Orientation::New);
    assert_eq!(world.replay(vec![syn(1, 666, 80, 1), syn(2, 1, 80, 1)]), [(1, Verdict::Drop), (2, Verdict::Accept)]);
    assert_eq!(world.counters.panics.get(), 1);
}

#[test]
fn what_is_parked_at_the_end_is_dropped() {
    let mut world = world(vec![], &[(1, CURL)], Orientation::New);
    world.replay(vec![syn(1, 1, 80, 10)]);
    world.engine.drop_parked();
    assert_eq!(world.engine.queue().verdicts, [(1, Verdict::Drop)]);
}

#[test]
fn a_flow_without_a_program_is_counted_and_told_so() {
    let mut world = world(vec![rule(1, Action::Drop, "*")], &[], Orientation::New);
    world.replay(vec![syn(1, 1, 80, 10)]);
    assert_eq!(world.counters.unknown.get(), 1);
    let events = world.recorder.events.lock().unwrap();
    assert!(
        matches!(&events[..], [Event::Verdict { app, verdict: Verdict::Drop, reason: Reason::Rule(1), .. }] if app.path().is_none())
    );
}
