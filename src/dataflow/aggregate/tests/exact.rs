//! Every registered function, in every variant: the same bits however the rows come and however often the state is put away.

use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;

use arrow::array::ArrayRef;
use datafusion::common::Result;
use proptest::prelude::*;

use super::recipes::ways;
use super::support::{Call, Cuts, compile, fill, finish, reopen, rows, same, shown};
use crate::dataflow::accumulate::AggregateTable;
use crate::dataflow::sql::{Extensions, session};

/// Names of the functions of a session, without their aliases.
pub fn registered() -> Vec<String> {
    let state = session(&Extensions::default(), 1).state();
    let mut names: Vec<String> = state.aggregate_functions().values().map(|f| f.name().to_string()).collect();
    names.sort();
    names.dedup();
    // No aggregate but a question to the grouping, which the planner answers; `calls.rs` asks it.
    names.retain(|name| name != "grouping");
    names
}

/// Every call that the tests know, compiled.
fn calls() -> &'static [Call] {
    static CALLS: OnceLock<Vec<Call>> = OnceLock::new();
    CALLS.get_or_init(|| {
        let variants = registered().into_iter().flat_map(|name| {
            let ways = ways(&name).unwrap_or_else(|| panic!("the tests do not know how to call {name}()"));
            ways.into_iter().flat_map(|way| way.variants())
        });
        variants.map(|call| compile(&call, &[]).unwrap_or_else(|e| panic!("{call}: {e}"))).collect()
    })
}

#[test]
fn every_registered_function_is_tested() {
    let unknown: Vec<String> = registered().into_iter().filter(|name| ways(name).is_none()).collect();
    assert!(unknown.is_empty(), "the tests do not know how to call {unknown:?}");
    assert!(calls().len() > 300, "{}", calls().len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// One batch, any cuts, and a checkpoint after each cut.
    #[test]
    fn cuts_and_checkpoints_change_no_bit(
        seed in any::<u64>(),
        count in prop_oneof![1usize..40, 400usize..900],
        wild in any::<bool>(),
        lengths in prop::collection::vec(1usize..120, 1..5),
    ) {
        let batch = rows(seed, count, wild);
        all(|call| {
            let run = |lengths: &[usize], reopen| fill(call, &batch, Cuts { lengths, reopen }).and_then(finish);
            let whole = run(&[count], false)?;
            Ok([(whole.clone(), run(&lengths, false)?), (whole, run(&lengths, true)?)].into())
        })?;
    }

    /// Panes of any size, merged in order of time; with checkpoints in the panes and between the merges.
    #[test]
    fn panes_merge_to_the_same_bits(
        seed in any::<u64>(),
        count in prop_oneof![1usize..40, 400usize..900],
        wild in any::<bool>(),
        panes in prop::collection::vec(1usize..400, 1..6),
        lengths in prop::collection::vec(1usize..120, 1..5),
    ) {
        let batch = rows(seed, count, wild);
        let panes = Cuts { lengths: &panes, reopen: false }.pieces(&batch);
        all(|call| {
            let merged = |checkpoints: bool| {
                let mut window = AggregateTable::new(&call.plan.grouping.shape)?;
                for pane in &panes {
                    let lengths = if checkpoints { lengths.as_slice() } else { &[usize::MAX] };
                    let pane = fill(call, pane, Cuts { lengths, reopen: checkpoints })?;
                    window.merge(&pane.seal()?)?;
                    if checkpoints {
                        window = reopen(call, window)?;
                    }
                }
                finish(window)
            };
            Ok(vec![(merged(false)?, merged(true)?)])
        })?;
    }
}

type Pairs = Vec<(Vec<ArrayRef>, Vec<ArrayRef>)>;

/// Runs `pairs` for every call; each pair of results must be the same to the bit.
fn all(pairs: impl Fn(&Call) -> Result<Pairs>) -> Result<(), TestCaseError> {
    let mut failed = Vec::new();
    for call in calls() {
        // A panic would not say which call it was.
        match std::panic::catch_unwind(AssertUnwindSafe(|| pairs(call))) {
            Err(_) => failed.push(format!("{} panics", call.sql)),
            Ok(Err(error)) => failed.push(format!("{}: {error}", call.sql)),
            Ok(Ok(pairs)) => {
                let different = pairs.iter().find(|(a, b)| !same(a, b));
                failed.extend(different.map(|(a, b)| format!("{}\n{}\n{}", call.sql, shown(a), shown(b))));
            }
        }
    }
    prop_assert!(failed.is_empty(), "{} calls fail: {}", failed.len(), failed.join("\n"));
    Ok(())
}
