//! Calls whose results are known, and functions that a user brings.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::{Accumulator, AggregateUDF, EmitTo, Volatility, create_udaf};

use super::support::{Cuts, by_key, compile, fill, finish, rows, same};
use crate::dataflow::accumulate::AggregateTable;
use crate::dataflow::aggregate::float::least_or_greatest;
use crate::dataflow::sql::{Extensions, logical_plan, session};

/// What a call gives for the key 0, cut and put away on the way.
fn result(call: &str, batch: &RecordBatch) -> ArrayRef {
    let call = compile(call, &[]).unwrap();
    let columns = finish(fill(&call, batch, Cuts { lengths: &[7, 1, 30], reopen: true }).unwrap()).unwrap();
    by_key(&columns)[1].slice(0, 1)
}

/// The rows of the key 0, as `(o, id, s)`, in order of arrival.
fn of_key_0(batch: &RecordBatch) -> Vec<(Option<i64>, i64, Option<String>)> {
    let integers = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().clone();
    let (keys, orders, ids) = (integers("k"), integers("o"), integers("id"));
    let texts = batch.column_by_name("s").unwrap().as_string::<i32>();
    (0..batch.num_rows())
        .filter(|&row| keys.value(row) == 0)
        .map(|row| {
            let order = orders.is_valid(row).then(|| orders.value(row));
            (order, ids.value(row), texts.is_valid(row).then(|| texts.value(row).to_string()))
        })
        .collect()
}

fn integers(list: &ArrayRef) -> Vec<i64> {
    list.as_list::<i32>().value(0).as_primitive::<Int64Type>().values().to_vec()
}

fn integer(value: &ArrayRef) -> i64 {
    value.as_primitive::<Int64Type>().value(0)
}

/// Rows with the same sort key stay in order of arrival.
#[test]
fn an_order_by_is_stable() {
    let batch = rows(5, 300, false);
    let mut expected = of_key_0(&batch);
    // Ascending, and NULL after all that is known.
    expected.sort_by_key(|row| row.0.map_or((true, 0), |o| (false, o)));
    let ids: Vec<i64> = expected.iter().map(|row| row.1).collect();
    assert_eq!(integers(&result("array_agg(id ORDER BY o)", &batch)), ids);
    assert_eq!(integer(&result("first_value(id ORDER BY o)", &batch)), ids[0]);
    assert_eq!(integer(&result("last_value(id ORDER BY o)", &batch)), ids[ids.len() - 1]);
    assert_eq!(integer(&result("nth_value(id, 5 ORDER BY o)", &batch)), ids[4]);
    // Descending, and NULL before all that is known.
    expected.sort_by_key(|row| (row.0.map_or((false, 0), |o| (true, -o)), row.1));
    let ids: Vec<i64> = expected.iter().map(|row| row.1).collect();
    assert_eq!(integers(&result("array_agg(id ORDER BY o DESC)", &batch)), ids);
    assert_eq!(integer(&result("first_value(id ORDER BY o DESC)", &batch)), ids[0]);
    assert_eq!(integer(&result("last_value(id ORDER BY o DESC)", &batch)), ids[ids.len() - 1]);
}

/// Without an ORDER BY the order is that of arrival.
#[test]
fn without_an_order_rows_count_as_they_come() {
    let batch = rows(6, 300, false);
    let rows = of_key_0(&batch);
    let ids: Vec<i64> = rows.iter().map(|row| row.1).collect();
    assert_eq!(integer(&result("first_value(id)", &batch)), ids[0]);
    assert_eq!(integer(&result("last_value(id)", &batch)), ids[ids.len() - 1]);
    assert_eq!(integer(&result("nth_value(id, 3)", &batch)), ids[2]);
    assert_eq!(integer(&result("nth_value(id, -3)", &batch)), ids[ids.len() - 3]);
    let mut distinct: Vec<Option<String>> = Vec::new();
    for (_, _, text) in rows {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    let list = result("array_agg(DISTINCT s)", &batch).as_list::<i32>().value(0);
    let list: Vec<Option<String>> = list.as_string::<i32>().iter().map(|s| s.map(String::from)).collect();
    assert_eq!(list, distinct);
    let known: Vec<String> = distinct.into_iter().flatten().collect();
    assert_eq!(result("string_agg(DISTINCT s, ' ')", &batch).as_string::<i64>().value(0), known.join(" "));
    assert_eq!(integer(&result("count(DISTINCT s)", &batch)), known.len() as i64);
    // Both zeros are one, as in GROUP BY.
    assert_eq!(integer(&result("count(DISTINCT CASE WHEN id % 2 = 0 THEN 0.0 ELSE -0.0 END)", &batch)), 1);
}

/// NaN comes after every number, infinity is one, and the order of the rows does not matter.
#[test]
fn the_least_and_the_greatest_float_know_infinity_and_nan() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    let cases: [(&[f64], f64, f64); 6] = [
        (&[INF, NAN], INF, NAN),
        (&[NAN, INF], INF, NAN),
        (&[1.0, -INF, 2.0], -INF, 2.0),
        (&[-INF], -INF, -INF),
        (&[5.0, NAN, 3.0], 3.0, NAN),
        (&[-NAN], NAN, NAN),
    ];
    for (values, least, greatest) in cases {
        let values: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
        for (greatest, expected) in [(false, least), (true, greatest)] {
            let mut accumulator = least_or_greatest(values.data_type(), greatest).unwrap();
            accumulator.update_batch(&[Arc::clone(&values)], &vec![0; values.len()], None, 1).unwrap();
            let result = accumulator.evaluate(EmitTo::All).unwrap().as_primitive::<Float64Type>().value(0);
            assert_eq!(result.to_bits(), expected.to_bits(), "{values:?}");
        }
    }
}

/// Panes are merged in order of time, so the last row of the last pane that has one is the last of all.
#[test]
fn the_first_and_the_last_row_are_found_across_panes() {
    let batch = rows(7, 200, false);
    let ids: Vec<i64> = of_key_0(&batch).iter().map(|row| row.1).collect();
    for (call, expected) in [("first_value(id)", ids[0]), ("last_value(id)", ids[ids.len() - 1])] {
        let call = compile(call, &[]).unwrap();
        let mut window = AggregateTable::new(&call.plan.grouping.shape).unwrap();
        for pane in (Cuts { lengths: &[33], reopen: false }).pieces(&batch) {
            let pane = fill(&call, &pane, Cuts { lengths: &[5], reopen: true }).unwrap();
            window.merge(&pane.seal().unwrap()).unwrap();
        }
        assert_eq!(integer(&by_key(&finish(window).unwrap())[1]), expected, "{}", call.sql);
    }
}

/// The planner answers it: with one grouping, every key is grouped by.
#[test]
fn grouping_is_zero() {
    let context = session(&Extensions::default(), 1);
    let batch = rows(8, 20, false);
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
    context.register_table("rows", Arc::new(table)).unwrap();
    let sql = "SELECT k, grouping(k) AS g FROM rows GROUP BY k, tumble(t, INTERVAL '1 hour')";
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let batches = runtime.block_on(async {
        let plan = logical_plan(&context.state(), sql).await.unwrap();
        context.execute_logical_plan(plan).await.unwrap().collect().await.unwrap()
    });
    let of =
        |batch: &RecordBatch| batch.column(1).as_primitive::<arrow::datatypes::Int32Type>().values().to_vec();
    let answers: Vec<i32> = batches.iter().flat_map(of).collect();
    assert!(!answers.is_empty() && answers.iter().all(|&g| g == 0), "{answers:?}");
}

/// What a function cannot do is said when the query is planned.
#[test]
fn a_refusal_comes_with_the_plan() {
    let refused = |call: &str| compile(call, &[]).map(|_| ()).unwrap_err().to_string();
    assert!(refused("approx_distinct(f)").contains("approx_distinct"));
    // Not refused: it lets nothing pass.
    assert!(result("sum(f) FILTER (WHERE NULL)", &rows(11, 20, false)).is_null(0));
    assert!(refused("nth_value(f, i)").contains("nth_value"));
    assert!(refused("approx_percentile_cont(g) WITHIN GROUP (ORDER BY f)").contains("literal"));
}

/// A sum that leaves its mark each time it is handed a batch, merged or asked for its state.
#[derive(Debug, Default)]
struct Sloppy {
    sum: f64,
}

impl Accumulator for Sloppy {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sum = self.sum * 1.01 + values[0].as_primitive::<Float64Type>().iter().flatten().sum::<f64>();
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::from(self.sum))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.sum *= 1.001;
        Ok(vec![ScalarValue::from(self.sum)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let states: &Float64Array = states[0].as_primitive();
        self.sum += states.iter().flatten().map(|sum| sum * 1.1).sum::<f64>();
        Ok(())
    }
}

fn sloppy(name: &str) -> Arc<AggregateUDF> {
    let float = DataType::Float64;
    Arc::new(create_udaf(
        name,
        vec![float.clone()],
        Arc::new(float.clone()),
        Volatility::Immutable,
        Arc::new(|_| Ok(Box::<Sloppy>::default())),
        Arc::new(vec![float]),
    ))
}

/// Also where it has the name of a function that is known to be exact.
#[test]
fn a_users_function_is_exact_whatever_its_state_does() {
    let batch = rows(9, 1_500, false);
    for call in
        ["sloppy(f)", "sloppy(f) FILTER (WHERE keep)", "sloppy(DISTINCT f)", "sloppy(f ORDER BY o)", "sum(f)"]
    {
        let call = compile(call, &[sloppy("sloppy"), sloppy("sum")]).unwrap();
        let run = |lengths: &[usize], reopen| {
            finish(fill(&call, &batch, Cuts { lengths, reopen }).unwrap()).unwrap()
        };
        let whole = run(&[1_500], false);
        for lengths in [&[1][..], &[100], &[256], &[3, 500]] {
            assert!(same(&whole, &run(lengths, false)), "{}", call.sql);
            assert!(same(&whole, &run(lengths, true)), "{}", call.sql);
        }
    }
    // And it is as sloppy as it is said to be.
    let column = batch.column_by_name("f").unwrap();
    let (mut whole, mut halves) = (Sloppy::default(), Sloppy::default());
    whole.update_batch(&[Arc::clone(column)]).unwrap();
    halves.update_batch(&[column.slice(0, 700)]).unwrap();
    halves.update_batch(&[column.slice(700, 800)]).unwrap();
    assert_ne!(whole.evaluate().unwrap(), halves.evaluate().unwrap());
}

/// What is put aside is counted.
#[test]
fn memory_grows_with_the_rows() {
    for call in ["count(DISTINCT id)", "array_agg(id ORDER BY o)", "corr(f, g)", "array_agg(id)"] {
        let call = compile(call, &[]).unwrap();
        let table =
            |count| fill(&call, &rows(10, count, false), Cuts { lengths: &[50], reopen: false }).unwrap();
        let (few, many) = (table(10), table(600));
        assert!(many.memory() > few.memory() + 500 * size_of::<i64>(), "{}", call.sql);
        assert!(many.seal().unwrap().memory() > few.seal().unwrap().memory(), "{}", call.sql);
    }
}
