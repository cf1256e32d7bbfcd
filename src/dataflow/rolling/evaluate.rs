//! The results of released rows.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{filter, interleave};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::scalar::ScalarValue;

use super::frame::Frame;
use super::plan::{Arg, Function, Pick, RollingPlan};
use super::tail::{Machine, Tails};

/// Rows of one machine that are released now.
#[derive(Debug)]
pub struct Group {
    /// Where the machine is.
    pub slot: usize,
    /// Their places among all rows that are released, ascending.
    pub rows: Vec<u32>,
}

impl Group {
    /// The machine's rows by number, with the place of each among all that are released.
    fn places<'a>(&'a self, machine: &Machine) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        let tail = machine.times.len() - self.rows.len();
        self.rows.iter().enumerate().map(move |(i, &place)| (tail + i, place as usize))
    }
}

/// The columns of all functions for `rows` rows, which are those of `groups`. The tails already end with these rows.
pub fn evaluate(plan: &RollingPlan, tails: &Tails, groups: &[Group], rows: usize) -> Result<Vec<ArrayRef>> {
    let longest = groups.iter().map(|group| tails.machine(group.slot).times.len()).max().unwrap_or_default();
    plan.functions
        .iter()
        .map(|function| match function {
            Function::Aggregate { expr, args, filter, frame } => {
                let constants = args
                    .iter()
                    .map(|arg| match arg {
                        Arg::Constant(value) => value.to_array_of_size(longest).map(Some),
                        Arg::Input(_) => Ok(None),
                    })
                    .collect::<Result<Vec<_>>>()?;
                let call = AggregateCall { expr, args, constants, filter: *filter, frame: *frame };
                call.results(tails, groups, rows)
            }
            Function::Pick { arg, pick, otherwise } => picked(tails, groups, rows, arg, *pick, otherwise),
        })
        .collect()
}

struct AggregateCall<'a> {
    expr: &'a Arc<AggregateFunctionExpr>,
    args: &'a [Arg],
    /// Of each argument that is constant an array, as long as a frame can be.
    constants: Vec<Option<ArrayRef>>,
    filter: Option<usize>,
    frame: Frame,
}

impl AggregateCall<'_> {
    fn results(&self, tails: &Tails, groups: &[Group], rows: usize) -> Result<ArrayRef> {
        let mut results = vec![ScalarValue::Null; rows];
        for group in groups {
            let machine = tails.machine(group.slot);
            for (row, place) in group.places(machine) {
                results[place] = self.of(machine, self.frame.at(&machine.times, row))?;
            }
        }
        ScalarValue::iter_to_array(results)
    }

    fn of(&self, machine: &Machine, frame: Range<usize>) -> Result<ScalarValue> {
        if frame.is_empty() {
            return self.expr.default_value(self.expr.field().data_type());
        }
        let mut values = Vec::with_capacity(self.args.len());
        for (arg, constant) in self.args.iter().zip(&self.constants) {
            values.push(match (arg, constant) {
                (Arg::Input(at), _) => machine.inputs[*at].slice(frame.start, frame.len()),
                (Arg::Constant(_), Some(array)) => array.slice(0, frame.len()),
                (Arg::Constant(value), None) => value.to_array_of_size(frame.len())?,
            });
        }
        if let Some(at) = self.filter {
            let mask = machine.inputs[at].slice(frame.start, frame.len());
            for value in &mut values {
                *value = filter(value, mask.as_boolean())?;
            }
        }
        let mut accumulator = self.expr.create_accumulator()?;
        accumulator.update_batch(&values)?;
        accumulator.evaluate()
    }
}

/// The values of the rows that are picked, and `otherwise` where there is none.
fn picked(
    tails: &Tails,
    groups: &[Group],
    rows: usize,
    arg: &Arg,
    pick: Pick,
    otherwise: &ScalarValue,
) -> Result<ArrayRef> {
    let otherwise = otherwise.to_array_of_size(1)?;
    let mut sources: Vec<ArrayRef> = vec![otherwise];
    let mut places = vec![(0usize, 0usize); rows];
    if let Arg::Constant(value) = arg {
        sources.push(value.to_array_of_size(1)?);
    }
    for group in groups {
        let machine = tails.machine(group.slot);
        let values = match arg {
            Arg::Constant(_) => None,
            Arg::Input(at) => {
                sources.push(Arc::clone(&machine.inputs[*at]));
                Some(&machine.inputs[*at])
            }
        };
        let source = sources.len() - 1;
        for (row, place) in group.places(machine) {
            let found = match pick {
                Pick::Lag(back) => row.checked_sub(back),
                Pick::Nth { n, frame, ignore_nulls } => {
                    let frame = frame.at(&machine.times, row);
                    let is_null = |row: &usize| match (arg, values) {
                        (Arg::Constant(value), _) => value.is_null(),
                        (_, Some(values)) => values.data_type() == &DataType::Null || values.is_null(*row),
                        (_, None) => true,
                    };
                    nth(frame, n, |row| !ignore_nulls || !is_null(row))
                }
            };
            if let Some(row) = found {
                places[place] = (source, if values.is_some() { row } else { 0 });
            }
        }
    }
    let sources: Vec<&dyn Array> = sources.iter().map(AsRef::as_ref).collect();
    Ok(interleave(&sources, &places)?)
}

/// The row with number `n` among those of the frame that count: from 1, or from −1 backwards.
fn nth(frame: Range<usize>, n: i64, counts: impl Fn(&usize) -> bool) -> Option<usize> {
    let skip = usize::try_from(n.unsigned_abs()).ok()?.checked_sub(1)?;
    if n > 0 { frame.filter(counts).nth(skip) } else { frame.rev().filter(counts).nth(skip) }
}
