//! Seeds, and what they show.

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::store::Trace;
use super::world::{Outcome, World};

/// Seeds of a run that is not told how many.
const SEEDS: u64 = 250;

/// Lives through one seed. An error says what is wrong.
fn live(seed: u64, trace: &Trace) -> Result<Outcome, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let live = || runtime.block_on(async { World::new(seed, trace).await.live().await });
    catch_unwind(AssertUnwindSafe(live)).unwrap_or_else(|_| Err("it panics".into()))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn fail(seed: u64, why: &str) -> ! {
    panic!(
        "seed {seed}: {why}\nreplay it with\n    COLDSTREAM_SEED={seed} cargo test --lib simulation -- --nocapture"
    )
}

/// Nothing is lost and nothing doubled, whatever fails, hangs or dies.
#[test]
fn every_row_is_in_its_table_once() {
    if let Some(seed) = number("COLDSTREAM_SEED") {
        match live(seed, &Trace { loud: true, ..Trace::default() }) {
            Ok(outcome) => println!("seed {seed} is in order: {:#?}", outcome.counts),
            Err(why) => fail(seed, &why),
        }
        return;
    }
    let seeds = number("COLDSTREAM_SEEDS").unwrap_or(SEEDS);
    let began = std::time::Instant::now();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..seeds {
        match live(seed, &Trace::default()) {
            Ok(outcome) => {
                for (what, count) in outcome.counts {
                    *counts.entry(what).or_default() += count;
                }
            }
            Err(why) => fail(seed, &why),
        }
        if (seed + 1).is_multiple_of(500) {
            let rate = (seed + 1) as f64 / began.elapsed().as_secs_f64();
            // Past the capture of the test's output: a long run tells that it goes on.
            let told = writeln!(std::io::stderr(), "{} of {seeds} seeds, {rate:.1} a second", seed + 1);
            told.unwrap();
        }
    }
    println!("{seeds} seeds: {counts:#?}");
    for must in ["fenced", "killed", "zombie", "sealed", "file"] {
        assert!(counts.get(must).is_some_and(|count| *count > 0), "no seed of {seeds} has `{must}`");
    }
}

/// What a failing seed shows can be looked at as often as one likes.
#[test]
fn a_seed_is_always_the_same() {
    for seed in 0..10 {
        let traces = [(); 2].map(|()| {
            let trace = Trace::default();
            let lived = live(seed, &trace).map(|outcome| outcome.counts);
            (lived, trace.lines())
        });
        assert_eq!(traces[0], traces[1], "seed {seed}");
    }
}
