//! How long a look-up and a compilation take as rules grow: `cargo bench --bench matcher`.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fwcore::app::App;
use fwcore::flow::{Direction, Flow, FlowKey, InterfaceName, Protocol};
use fwcore::rules::{BoundRule, Endpoint, ProgramMatch, Rule, RuleSet, Subject, Usage};
use fwcore::verdict::Action;

/// Rules as administrators write them: a tenth for any program, the others for a thousand programs, by network and port.
fn rules(count: u32) -> Vec<BoundRule> {
    let rule = |id: u32| {
        let [_, a, b, c] = id.to_be_bytes();
        let prefix = [8, 16, 24, 32][id as usize % 4];
        let network = format!("10.{a}.{b}.{c}/{prefix}").parse().ok();
        let port = 1 + (id % 60_000) as u16;
        Rule {
            id,
            action: Action::Accept,
            direction: Some(if id.is_multiple_of(7) { Direction::Incoming } else { Direction::Outgoing }),
            interface: None,
            protocol: Some(if id.is_multiple_of(5) { Protocol::UDP } else { Protocol::TCP }),
            source: Endpoint::default(),
            destination: Endpoint { network, ports: Some(port..=port) },
            program: if id.is_multiple_of(10) {
                ProgramMatch::Any
            } else {
                ProgramMatch::Path(format!("/usr/bin/program-{}", id % 1000).into())
            },
            process: None,
            idle_limit: None,
            expires_at: None,
        }
    };
    (1..=count).map(|id| BoundRule { rule: rule(id), usage: Arc::new(Usage::new(0)) }).collect()
}

/// A flow that no rule matches: every table is looked into.
fn flow() -> Flow {
    let key = FlowKey {
        protocol: Protocol::TCP,
        source: [10, 0, 0, 1].into(),
        source_port: 50_000,
        destination: [10, 1, 2, 3].into(),
        destination_port: 65_000,
    };
    Flow { direction: Direction::Outgoing, interface: InterfaceName::new("eth0"), key }
}

fn look_up(criterion: &mut Criterion) {
    let app = App::named("/usr/bin/program-7");
    let flow = flow();
    let mut group = criterion.benchmark_group("look-up");
    for count in [1, 10, 1_000, 10_000, 100_000, 1_000_000] {
        let set = RuleSet::compile(rules(count));
        group.bench_with_input(BenchmarkId::from_parameter(count), &set, |bencher, set| {
            bencher.iter(|| set.first_match(black_box(Subject { flow: &flow, app: &app }), 5).is_some());
        });
    }
    group.finish();
}

fn compile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10);
    for count in [10_000, 1_000_000] {
        let rules = rules(count);
        group.bench_with_input(BenchmarkId::from_parameter(count), &rules, |bencher, rules| {
            bencher.iter_batched(|| rules.clone(), RuleSet::compile, criterion::BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, look_up, compile);
criterion_main!(benches);
