//! What the simulator costs: machine-seconds a second on one core, by the number of machines. One step is one second of one machine, its
//! reading included; JSON is not.
//!
//! `cargo bench --bench plant`. The plants are the fleets of `coldstream simulate`: a fifth of the machines has a fault.

#![allow(clippy::expect_used, reason = "a bench that cannot start should say so and stop")]
#![allow(missing_docs, reason = "the group is made by a macro")]

use coldstream::simulate::{Application, Dirt, Fleet, FleetConfig, Soiler};
use coldstream::thermo::Refrigerant;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Seconds of simulated time in one measurement.
const SECONDS: u64 = 100;

fn fleet(machines: u32, mixed: bool) -> Fleet {
    let mut config = FleetConfig { machines, ..FleetConfig::default() };
    if mixed {
        config.applications = Application::ALL.to_vec();
        config.refrigerants = Refrigerant::ALL.to_vec();
    }
    Fleet::new(&config).expect("a valid fleet")
}

fn plants(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plants");
    for (name, machines, mixed) in [
        ("one", 1, false),
        ("hundred", 100, false),
        ("ten_thousand", 10_000, false),
        ("hundred_mixed", 100, true),
    ] {
        let mut fleet = fleet(machines, mixed);
        group.throughput(Throughput::Elements(u64::from(machines) * SECONDS));
        group.sample_size(if machines > 1_000 { 10 } else { 50 });
        group.bench_function(name, |bencher| {
            bencher.iter(|| (0..SECONDS).map(|_| fleet.step().map_or(0, <[_]>::len)).sum::<usize>());
        });
    }
    let mut dirty = fleet(100, false);
    let mut soiler = Soiler::new(&dirty, 1, &"all=0.5".parse::<Dirt>().expect("dirt"));
    let mut out = Vec::new();
    group.throughput(Throughput::Elements(100 * SECONDS));
    group.bench_function("hundred_dirty", |bencher| {
        bencher.iter(|| {
            for _ in 0..SECONDS {
                out.clear();
                soiler.pass(dirty.step().expect("an endless run"), &mut out);
            }
            out.len()
        });
    });
    group.finish();
}

criterion_group!(benches, plants);
criterion_main!(benches);
