//! Every registered function, in every variant: the same bits however the rows come and however often the state is put away.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::recipes::ways;
use super::support::{Cuts, compile, fill, finish, reopen, rows, same, shown};
use crate::dataflow::accumulate::AggregateTable;
use crate::dataflow::sql::{Extensions, session};
use crate::dataflow::window::WindowPlan;

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
fn calls() -> &'static [(String, WindowPlan)] {
    static CALLS: OnceLock<Vec<(String, WindowPlan)>> = OnceLock::new();
    CALLS.get_or_init(|| {
        let variants = registered().into_iter().flat_map(|name| {
            let ways = ways(&name).unwrap_or_else(|| panic!("the tests do not know how to call {name}()"));
            ways.into_iter().flat_map(|way| way.variants())
        });
        variants
            .map(|call| {
                let plan = compile(&call, &[]).unwrap_or_else(|e| panic!("{call}: {e}"));
                (call, plan)
            })
            .collect()
    })
}

#[test]
fn every_registered_function_is_tested() {
    let unknown: Vec<String> = registered().into_iter().filter(|name| ways(name).is_none()).collect();
    assert!(unknown.is_empty(), "the tests do not know how to call {unknown:?}");
    assert!(calls().len() > 300, "{}", calls().len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 60, ..ProptestConfig::default() })]

    /// One batch, any cuts, and a checkpoint after each cut.
    #[test]
    fn cuts_and_checkpoints_change_no_bit(
        seed in any::<u64>(),
        count in prop_oneof![1usize..40, 400usize..900],
        wild in any::<bool>(),
        lengths in prop::collection::vec(1usize..120, 1..5),
    ) {
        let batch = rows(seed, count, wild);
        for (call, plan) in calls() {
            let run = |lengths: &[usize], reopen| {
                let table = fill(plan, &batch, Cuts { lengths, reopen }).and_then(finish);
                table.unwrap_or_else(|e| panic!("{call}: {e}"))
            };
            let whole = run(&[count], false);
            for (lengths, reopen) in [(lengths.as_slice(), false), (lengths.as_slice(), true)] {
                let cut = run(lengths, reopen);
                prop_assert!(
                    same(&whole, &cut),
                    "{call}, reopened: {reopen}\n{}\n{}", shown(&whole), shown(&cut)
                );
            }
        }
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
        for (call, plan) in calls() {
            let merged = |checkpoints: bool| {
                let mut window = AggregateTable::new(&plan.shape)?;
                for pane in &panes {
                    let lengths = if checkpoints { lengths.as_slice() } else { &[usize::MAX] };
                    let pane = fill(plan, pane, Cuts { lengths, reopen: checkpoints })?;
                    window.merge(&pane.seal()?)?;
                    if checkpoints {
                        window = reopen(plan, window)?;
                    }
                }
                finish(window)
            };
            let merged = |checkpoints| merged(checkpoints).unwrap_or_else(|e| panic!("{call}: {e}"));
            let (straight, restored) = (merged(false), merged(true));
            prop_assert!(same(&straight, &restored), "{call}\n{}\n{}", shown(&straight), shown(&restored));
        }
    }
}
