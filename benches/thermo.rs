//! What a look-up of a property costs: over columns, by single calls, and by CoolProp's own fastest tables. One core.
//!
//! `make bench` runs it; alone, `cargo bench --bench thermo`. On Linux before glibc 2.38, `scripts/coolprop.py` first.

#![allow(clippy::expect_used)] // a bench may stop at once

use std::hint::black_box;
use std::time::Instant;

use arrow::array::{Float64Array, StringArray};
use coldstream::thermo::{self, Line, Quantity, Refrigerant, Refrigerants};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rfluids::prelude::{AbstractState, FluidInputPair, FluidParam};

/// Rows of a batch, as the data path has them.
const BATCH: usize = 8_192;

/// Numbers that wander through a range without order, so that no look-up profits from the one before.
fn wandering(from: f64, to: f64) -> Float64Array {
    (0..BATCH).map(|n| Some(from + (to - from) * (n as f64 * 0.618_033_988_749_895).fract())).collect()
}

/// Batches over columns, in rows a second.
fn columns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("thermo");
    group.throughput(Throughput::Elements(BATCH as u64));
    let one = Refrigerants::One(Refrigerant::R134a);
    let (p, t) = (wandering(1.0, 16.0), wandering(-30.0, 60.0));
    group.bench_function("t_sat", |bench| bench.iter(|| thermo::t_sat(&one, black_box(&p), Line::Dew)));
    group.bench_function("p_sat", |bench| bench.iter(|| thermo::p_sat(&one, black_box(&t), Line::Dew)));

    let (low, high) = (wandering(1.0, 3.0), wandering(8.0, 16.0));
    let suction: Float64Array = wandering(10.0, 30.0);
    let discharge: Float64Array = wandering(70.0, 110.0);
    group.bench_function("enthalpy of vapour", |bench| {
        bench.iter(|| thermo::vapour(&one, Quantity::Enthalpy, black_box(&low), &suction));
    });
    group.bench_function("isentropic enthalpy", |bench| {
        bench.iter(|| thermo::isentropic_enthalpy(&one, black_box(&low), &suction, &high));
    });
    group.bench_function("isentropic efficiency", |bench| {
        bench.iter(|| {
            thermo::each(&one, [black_box(&low), &suction, &high, &discharge], |fluid, [p1, t1, p2, t2]| {
                thermo::isentropic_efficiency(fluid, p1, t1, p2, t2)
            })
        });
    });

    let names = ["R134a", "R404A", "R290", "R744"];
    for (what, kinds) in [("one refrigerant", 1), ("four refrigerants", 4)] {
        let column: StringArray = (0..BATCH).map(|n| names.get(n % kinds)).collect();
        group.bench_function(BenchmarkId::new("t_sat with names", what), |bench| {
            bench.iter(|| {
                let each = Refrigerants::of(black_box(&column)).expect("names");
                thermo::t_sat(&each, &p, Line::Dew)
            });
        });
    }
    group.finish();
}

/// Seconds that a look-up takes, the best of ten runs.
fn seconds(mut batch: impl FnMut()) -> f64 {
    let run = |_| {
        let start = Instant::now();
        batch();
        start.elapsed().as_secs_f64() / BATCH as f64
    };
    (0..10).map(run).fold(f64::INFINITY, f64::min)
}

/// The same look-ups by CoolProp: its tables and its equations of state, through its low-level interface, the state kept
/// from call to call. It has no call for a whole column of saturation states. The tables it builds at first, in ~/.CoolProp.
fn coolprop(criterion: &mut Criterion) {
    let p = wandering(1.0, 16.0);
    let one = Refrigerants::One(Refrigerant::R134a);
    let ours = seconds(|| {
        black_box(thermo::t_sat(&one, black_box(&p), Line::Dew));
    });
    println!("saturation temperature of R134a: {:.1} ns, {:.0} million a second", ours * 1e9, 1e-6 / ours);
    let mut group = criterion.benchmark_group("coolprop");
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(10);
    for backend in ["BICUBIC&HEOS", "TTSE&HEOS", "HEOS"] {
        let mut state = AbstractState::new(backend, "R134a").expect("CoolProp");
        let mut batch = || {
            for &p in p.values() {
                state.update(FluidInputPair::PQ, p * 1e5, 1.0).expect("saturation");
                black_box(state.keyed_output(FluidParam::T).expect("a temperature"));
            }
        };
        batch();
        let theirs = seconds(&mut batch);
        println!("CoolProp {backend}: {:.0} ns, {:.0} times as long", theirs * 1e9, theirs / ours);
        group.bench_function(BenchmarkId::new("t_sat", backend), |bench| bench.iter(&mut batch));
    }
    group.finish();
}

criterion_group!(benches, columns, coolprop);
criterion_main!(benches);
