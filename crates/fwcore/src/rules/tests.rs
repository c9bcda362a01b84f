use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::app::{App, ProcessId, Program, Unknown};
use crate::flow::{Direction, Flow, FlowKey, InterfaceName, Protocol};
use crate::ports::Expiry;
use crate::verdict::{Action, Reason, Verdict};

fn any_rule(id: u32, action: Action) -> Rule {
    Rule {
        id,
        action,
        direction: None,
        interface: None,
        protocol: None,
        source: Endpoint::default(),
        destination: Endpoint::default(),
        program: ProgramMatch::Any,
        process: None,
        idle_limit: None,
        expires_at: None,
    }
}

fn bound(rule: Rule) -> BoundRule {
    BoundRule { rule, usage: Arc::new(Usage::new(0)) }
}

fn app(path: &str) -> App {
    App { process: Some(ProcessId { pid: 7, start_time: 70 }), uid: Some(1000), ..App::named(path) }
}

fn flow() -> Flow {
    Flow {
        direction: Direction::Outgoing,
        interface: InterfaceName::new("eth0"),
        key: FlowKey {
            protocol: Protocol::TCP,
            source: [10, 0, 0, 1].into(),
            source_port: 50000,
            destination: [10, 0, 0, 2].into(),
            destination_port: 443,
        },
    }
}

fn network(text: &str) -> Endpoint {
    Endpoint { network: Some(text.parse().unwrap()), ports: None }
}

fn ports(range: RangeInclusive<u16>) -> Endpoint {
    Endpoint { network: None, ports: Some(range) }
}

#[test]
fn each_field_can_refuse_a_flow() {
    let rule = any_rule(1, Action::Accept);
    let v6 = Flow { key: FlowKey { destination: "fd00::1".parse::<IpAddr>().unwrap(), ..flow().key }, ..flow() };
    let ping6 =
        Flow { key: FlowKey { protocol: Protocol::ICMPV6, source_port: 9, destination_port: 0, ..v6.key }, ..v6 };
    let table = [
        ("any", rule.clone(), flow(), true),
        ("direction", Rule { direction: Some(Direction::Outgoing), ..rule.clone() }, flow(), true),
        ("other direction", Rule { direction: Some(Direction::Incoming), ..rule.clone() }, flow(), false),
        ("interface", Rule { interface: Some("eth0".into()), ..rule.clone() }, flow(), true),
        ("part of an interface", Rule { interface: Some("eth".into()), ..rule.clone() }, flow(), false),
        ("protocol", Rule { protocol: Some(Protocol::TCP), ..rule.clone() }, flow(), true),
        ("other protocol", Rule { protocol: Some(Protocol::UDP), ..rule.clone() }, flow(), false),
        ("icmp means ICMPv6 too", Rule { protocol: Some(Protocol::ICMP), ..rule.clone() }, ping6, true),
        ("icmpv6", Rule { protocol: Some(Protocol::ICMPV6), ..rule.clone() }, ping6, true),
        ("an echo's identifier is no port", Rule { source: ports(9..=9), ..rule.clone() }, ping6, false),
        ("network", Rule { destination: network("10.0.0.0/8"), ..rule.clone() }, flow(), true),
        ("other network", Rule { destination: network("10.0.1.0/24"), ..rule.clone() }, flow(), false),
        ("all of IPv4", Rule { destination: network("0.0.0.0/0"), ..rule.clone() }, v6, false),
        ("all of IPv6", Rule { destination: network("::/0"), ..rule.clone() }, v6, true),
        ("source network", Rule { source: network("10.0.0.1/32"), ..rule.clone() }, flow(), true),
        ("other source network", Rule { source: network("10.0.0.2/32"), ..rule.clone() }, flow(), false),
        ("port", Rule { destination: ports(443..=443), ..rule.clone() }, flow(), true),
        ("range", Rule { destination: ports(400..=443), ..rule.clone() }, flow(), true),
        ("beyond the range", Rule { destination: ports(444..=500), ..rule.clone() }, flow(), false),
        ("source port", Rule { source: ports(1..=1023), ..rule.clone() }, flow(), false),
        ("program", Rule { program: ProgramMatch::Path("/usr/bin/curl".into()), ..rule.clone() }, flow(), true),
        ("other program", Rule { program: ProgramMatch::Path("/usr/bin/cur".into()), ..rule.clone() }, flow(), false),
        ("unknown", Rule { program: ProgramMatch::Unknown, ..rule.clone() }, flow(), false),
        ("process", Rule { process: Some(ProcessId { pid: 7, start_time: 70 }), ..rule.clone() }, flow(), true),
        ("a reused pid", Rule { process: Some(ProcessId { pid: 7, start_time: 71 }), ..rule }, flow(), false),
    ];
    for (what, rule, flow, expected) in table {
        assert_eq!(rule.matches(Subject { flow: &flow, app: &app("/usr/bin/curl") }), expected, "{what}");
    }
}

#[test]
fn a_flow_of_no_known_program_matches_rules_for_any_and_for_unknown_only() {
    let unknown = App::unknown(Unknown::NoSocket, None);
    let flow = flow();
    for (program, expected) in
        [(ProgramMatch::Any, true), (ProgramMatch::Unknown, true), (ProgramMatch::Path("unknown".into()), false)]
    {
        let rule = Rule { program, ..any_rule(1, Action::Drop) };
        assert_eq!(rule.matches(Subject { flow: &flow, app: &unknown }), expected, "{:?}", rule.program);
    }
}

fn policy(rules: Vec<BoundRule>) -> Policy {
    Policy {
        generation: 1,
        rules: RuleSet::compile(rules),
        defaults: Defaults { incoming: Action::Drop, outgoing: Action::Ask },
        unattended: Unattended::Accept,
        query_timeout: 60_000,
        overflow: Verdict::Drop,
        changed: ChangedApps::default(),
    }
}

#[test]
fn the_first_match_wins_then_the_default_of_the_direction() {
    let curl = |id, action| bound(Rule { program: ProgramMatch::Path("/usr/bin/curl".into()), ..any_rule(id, action) });
    let any = |id, action| bound(any_rule(id, action));
    let (flow, app) = (flow(), app("/usr/bin/curl"));
    let incoming = Flow { direction: Direction::Incoming, ..flow };
    let table = [
        (vec![curl(1, Action::Drop), any(2, Action::Accept)], flow, Action::Drop, Reason::Rule(1)),
        (vec![any(1, Action::Accept), curl(2, Action::Drop)], flow, Action::Accept, Reason::Rule(1)),
        (vec![], flow, Action::Ask, Reason::Default),
        (vec![], incoming, Action::Drop, Reason::Default),
    ];
    for (rules, flow, action, reason) in table {
        assert_eq!(policy(rules).decide(Subject { flow: &flow, app: &app }, 5), Decision { action, reason });
    }
}

#[test]
fn a_session_rule_lives_by_its_use_and_a_timed_one_to_its_hour() {
    let (flow, app) = (flow(), app("/usr/bin/curl"));
    let subject = Subject { flow: &flow, app: &app };
    let session = policy(vec![bound(Rule { idle_limit: Some(60), ..any_rule(1, Action::Accept) })]);
    assert_eq!(session.decide(subject, 59).reason, Reason::Rule(1));
    assert_eq!(session.decide(subject, 118).reason, Reason::Rule(1));
    assert_eq!(session.decide(subject, 178).reason, Reason::Default);
    let timed = policy(vec![bound(Rule { expires_at: Some(100), ..any_rule(1, Action::Accept) })]);
    assert_eq!(timed.rules.rules()[0].ends_at(), Some((100, Expiry::Expired)));
    assert_eq!(timed.decide(subject, 99).reason, Reason::Rule(1));
    assert_eq!(timed.decide(subject, 100).reason, Reason::Default);
}

#[test]
fn a_use_is_counted_by_a_decision_and_not_by_a_preview() {
    let (flow, app) = (flow(), app("/usr/bin/curl"));
    let subject = Subject { flow: &flow, app: &app };
    let policy = policy(vec![bound(any_rule(1, Action::Accept))]);
    policy.preview(subject, 5);
    assert_eq!((policy.rules.rules()[0].usage.hits(), policy.rules.rules()[0].usage.last_used()), (0, None));
    policy.decide(subject, 6);
    assert_eq!((policy.rules.rules()[0].usage.hits(), policy.rules.rules()[0].usage.last_used()), (1, Some(6)));
}

#[test]
fn a_changed_program_is_not_allowed_by_what_allowed_the_old_one() {
    let (flow, app) = (flow(), app("/usr/bin/curl"));
    let subject = Subject { flow: &flow, app: &app };
    let changed = |since| ChangedApps { action: Action::Ask, since_rule: [("/usr/bin/curl".into(), since)].into() };
    let with = |rules, since| Policy { changed: changed(since), ..policy(rules) };
    let asked = Decision { action: Action::Ask, reason: Reason::Changed };
    let old = with(vec![bound(any_rule(1, Action::Accept))], 2);
    assert_eq!(old.decide(subject, 5), asked);
    assert_eq!(old.rules.rules()[0].usage.hits(), 0);
    let accepting = Defaults { incoming: Action::Accept, outgoing: Action::Accept };
    assert_eq!(Policy { defaults: accepting, ..with(vec![], 1) }.decide(subject, 5), asked);
    assert_eq!(with(vec![bound(any_rule(2, Action::Accept))], 2).decide(subject, 5).reason, Reason::Rule(2));
    let behind = vec![bound(any_rule(1, Action::Accept)), bound(any_rule(3, Action::Accept))];
    assert_eq!(with(behind, 2).decide(subject, 5).reason, Reason::Rule(3));
    assert_eq!(with(vec![bound(any_rule(1, Action::Drop))], 2).decide(subject, 5).reason, Reason::Rule(1));
    let other = App { program: Program::Path("/usr/bin/wget".into()), script: None, ..app.clone() };
    assert_eq!(old.decide(Subject { flow: &flow, app: &other }, 5).reason, Reason::Rule(1));
}

#[test]
fn only_a_change_that_can_forbid_something_looks_at_live_flows() {
    let rule = |id, action| bound(any_rule(id, action));
    let (accept, drop) = (|id| rule(id, Action::Accept), |id| rule(id, Action::Drop));
    let table = [
        ("nothing changed", vec![accept(1), drop(2)], vec![accept(1), drop(2)], false),
        ("a permission in front", vec![accept(1), drop(2)], vec![accept(3), accept(1), drop(2)], false),
        ("a permission at the end", vec![accept(1)], vec![accept(1), accept(2)], false),
        ("a prohibition gone", vec![accept(1), drop(2)], vec![accept(1)], false),
        ("a prohibition more", vec![accept(1)], vec![drop(2), accept(1)], true),
        ("a permission gone", vec![accept(1), drop(2)], vec![drop(2)], true),
        ("the last permission gone", vec![accept(1)], vec![], true),
        ("another order", vec![accept(1), drop(2)], vec![drop(2), accept(1)], true),
        ("a permission turned", vec![accept(1)], vec![drop(1)], true),
    ];
    for (what, old, new, expected) in table {
        assert_eq!(policy(new).may_forbid_more_than(&policy(old)), expected, "{what}");
    }
    let closed = Policy { defaults: Defaults { incoming: Action::Drop, outgoing: Action::Reject }, ..policy(vec![]) };
    assert!(closed.may_forbid_more_than(&policy(vec![])));
    assert!(!policy(vec![]).may_forbid_more_than(&closed));
}

/// Few values for each field, so that rules and flows often meet.
fn some_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![Just("10.0.0.1"), Just("10.0.1.1"), Just("192.168.0.1"), Just("fd00::1"), Just("fd01::1")]
        .prop_map(|text| text.parse().unwrap())
}

fn some_endpoint() -> impl Strategy<Value = Endpoint> {
    let network =
        prop_oneof![Just("10.0.0.0/24"), Just("10.0.0.0/8"), Just("0.0.0.0/0"), Just("::/0"), Just("fd00::/16")];
    let ports = prop_oneof![Just(80..=80), Just(1..=1023), Just(443..=500)];
    (proptest::option::of(network), proptest::option::of(ports))
        .prop_map(|(network, ports)| Endpoint { network: network.map(|text| text.parse().unwrap()), ports })
}

fn some_direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Incoming), Just(Direction::Outgoing)]
}

fn some_protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![Just(Protocol::TCP), Just(Protocol::UDP), Just(Protocol::ICMP), Just(Protocol::ICMPV6)]
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let program = prop_oneof![
        Just(ProgramMatch::Any),
        Just(ProgramMatch::Unknown),
        Just(ProgramMatch::Path("/a".into())),
        Just(ProgramMatch::Path("/b".into()))
    ];
    let action = prop_oneof![Just(Action::Accept), Just(Action::Drop), Just(Action::Reject), Just(Action::Ask)];
    (
        action,
        proptest::option::of(some_direction()),
        proptest::option::of(prop_oneof![Just("eth0"), Just("wlan0")]),
        proptest::option::of(some_protocol()),
        some_endpoint(),
        some_endpoint(),
        program,
        proptest::option::of(0u64..10),
    )
        .prop_map(|(action, direction, interface, protocol, source, destination, program, expires_at)| Rule {
            direction,
            interface: interface.map(Into::into),
            protocol,
            source,
            destination,
            program,
            expires_at,
            ..any_rule(0, action)
        })
}

fn some_subject() -> impl Strategy<Value = (Flow, App)> {
    let app = prop_oneof![Just(app("/a")), Just(app("/b")), Just(app("/c")), Just(App::unknown(Unknown::Closed, None))];
    let port = || prop_oneof![Just(80u16), Just(443), Just(50000)];
    (some_direction(), some_protocol(), some_address(), some_address(), port(), port(), app).prop_map(
        |(direction, protocol, source, destination, source_port, destination_port, app)| {
            let key = FlowKey { protocol, source, source_port, destination, destination_port };
            (Flow { direction, interface: InterfaceName::new("eth0"), key }, app)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_set_decides_as_a_plain_list_does(mut rules in proptest::collection::vec(some_rule(), 0..120), (flow, app) in some_subject(), now in 0u64..12) {
        for (id, rule) in (1..).zip(&mut rules) {
            rule.id = id;
        }
        let subject = Subject { flow: &flow, app: &app };
        let oracle = rules.iter().find(|rule| rule.matches(subject) && rule.expires_at.is_none_or(|at| now < at)).map(|rule| rule.id);
        let set = RuleSet::compile(rules.into_iter().map(bound).collect());
        prop_assert_eq!(set.first_match(subject, now).map(|bound| bound.rule.id), oracle);
    }
}
