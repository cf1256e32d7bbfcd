use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use super::*;

fn batch(rows: &[(Option<f64>, Option<f64>, bool)]) -> RecordBatch {
    RecordBatch::try_from_iter(vec![
        ("g", Arc::new((0..rows.len()).map(|i| Some((i % 3) as f64)).collect::<Float64Array>()) as ArrayRef),
        ("y", Arc::new(rows.iter().map(|r| r.0).collect::<Float64Array>()) as ArrayRef),
        ("x", Arc::new(rows.iter().map(|r| r.1).collect::<Float64Array>()) as ArrayRef),
        ("keep", Arc::new(rows.iter().map(|r| Some(r.2)).collect::<BooleanArray>()) as ArrayRef),
    ])
    .unwrap()
}

fn results(rows: &[(Option<f64>, Option<f64>, bool)], exact: bool) -> RecordBatch {
    let context = SessionContext::new();
    if exact {
        exact_aggregates().into_iter().for_each(|f| context.register_udaf(f));
    }
    let data = batch(rows);
    let table = MemTable::try_new(data.schema(), vec![vec![data]]).unwrap();
    context.register_table("t", Arc::new(table)).unwrap();
    let sql = "SELECT g, stddev(y) a, stddev_pop(y) b, var_samp(y) c, var_pop(y) d, regr_slope(y, x) e,
                      stddev(y) FILTER (WHERE keep) f, regr_slope(y, x) FILTER (WHERE keep) h
               FROM t GROUP BY g ORDER BY g";
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let batches = runtime.block_on(async { context.sql(sql).await.unwrap().collect().await.unwrap() });
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn value() -> impl Strategy<Value = Option<f64>> {
    prop::option::weighted(0.9, -50.0f64..50.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The stock functions are the oracle.
    #[test]
    fn agrees_with_the_stock_functions(
        rows in prop::collection::vec((value(), value(), any::<bool>()), 1..60),
    ) {
        let (ours, stock) = (results(&rows, true), results(&rows, false));
        let shown = || format!("{}", pretty_format_batches(&[ours.clone(), stock.clone()]).unwrap());
        for column in 1..ours.num_columns() {
            let a = ours.column(column).as_primitive::<Float64Type>();
            let b = stock.column(column).as_primitive::<Float64Type>();
            for row in 0..a.len() {
                prop_assert_eq!(a.is_null(row), b.is_null(row), "{}", shown());
                if a.is_null(row) {
                    continue;
                }
                let (a, b) = (a.value(row), b.value(row));
                prop_assert!((a - b).abs() <= 1e-6 * (1.0 + b.abs()), "{a} {b}\n{}", shown());
            }
        }
    }

    /// State out, state in: not one bit may change, and adding goes on as if nothing had happened.
    #[test]
    fn a_state_put_away_and_taken_out_is_the_same_state(
        rows in prop::collection::vec((value(), value(), any::<bool>()), 2..60), cut in 1usize..59,
    ) {
        let data = batch(&rows);
        let cut = cut.min(rows.len() - 1);
        put_away::<Spread>(Moment::StddevSamp, &data, cut);
        put_away::<Line>(Moment::Slope, &data, cut);
    }
}

fn put_away<M: Moments>(moment: Moment, data: &RecordBatch, cut: usize) {
    let rows = data.num_rows();
    let columns = |from: usize, length: usize| -> Vec<ArrayRef> {
        vec![data.column(1).slice(from, length), data.column(2).slice(from, length)]
    };
    let groups: Vec<usize> = (0..rows).map(|i| i % 3).collect();
    let mut straight = MomentsAccumulator::<M>::new(moment);
    straight.update_batch(&columns(0, rows), &groups, None, 3).unwrap();
    let mut first = MomentsAccumulator::<M>::new(moment);
    first.update_batch(&columns(0, cut), &groups[..cut], None, 3).unwrap();
    let mut second = MomentsAccumulator::<M>::new(moment);
    second.merge_batch(&first.state(EmitTo::All).unwrap(), &[0, 1, 2], 3).unwrap();
    second.update_batch(&columns(cut, rows - cut), &groups[cut..], None, 3).unwrap();
    let straight = straight.state(EmitTo::All).unwrap();
    let restored = second.state(EmitTo::All).unwrap();
    for (a, b) in straight.iter().zip(&restored) {
        assert_eq!(a.to_data(), b.to_data());
    }
}

/// The exact slope of three points a second apart is known; seconds since 1970 must not blur it.
#[test]
fn a_slope_over_time_since_1970_keeps_its_digits() {
    let mut accumulator = MomentsAccumulator::<Line>::new(Moment::Slope);
    let x: ArrayRef = Arc::new(Float64Array::from(vec![1_704_067_200.1, 1_704_067_200.3, 1_704_067_200.6]));
    let y: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 4.0]));
    accumulator.update_batch(&[y, Arc::clone(&x)], &[0, 0, 0], None, 1).unwrap();
    let slope = accumulator.evaluate(EmitTo::All).unwrap().as_primitive::<Float64Type>().value(0);
    let x: Vec<f64> = x.as_primitive::<Float64Type>().values().iter().map(|x| x - 1_704_067_200.0).collect();
    let mean = x.iter().sum::<f64>() / 3.0;
    let expected = x.iter().zip([1.0, 2.0, 4.0]).map(|(x, y)| (x - mean) * (y - 7.0 / 3.0)).sum::<f64>()
        / x.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    assert!((slope - expected).abs() < 1e-12 * expected.abs(), "{slope} {expected}");
}
