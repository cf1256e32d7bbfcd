//! Every registered function against stock DataFusion, which aggregates the same rows as a table.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use proptest::prelude::*;

use super::exact::registered;
use super::recipes::{Against, FILTER, Way, ways};
use super::support::{Cuts, by_key, compile, fill, finish, rows, same, shown};

/// A call, and what stock DataFusion is asked instead.
struct Question {
    call: String,
    sql: String,
    against: Against,
    /// The order of the elements is not given by the call.
    loose: bool,
}

fn questions(way: &Way) -> Vec<Question> {
    let ask = |call: String, stock: &str, from: &str, loose| Question {
        call,
        sql: format!("SELECT k, {stock} AS a FROM {from} GROUP BY k ORDER BY k"),
        against: way.against,
        loose,
    };
    let plain = |order: &str, filter: &str| {
        let call = way.filled("", order, filter);
        ask(call.clone(), &call, "rows", false)
    };
    let mut questions = vec![plain("", ""), plain("", FILTER)];
    if way.ordered {
        questions.extend([plain(" ORDER BY o, id", ""), plain(" ORDER BY o DESC, id", FILTER)]);
    }
    if way.nulls {
        questions.extend([plain("", " IGNORE NULLS"), plain(" ORDER BY id DESC", " IGNORE NULLS")]);
    }
    let first = way.columns.split(',').next().unwrap();
    let lists = way.call.starts_with("array_agg") || way.call.starts_with("string_agg");
    for (filter, kept) in [("", ""), (FILTER, " WHERE keep")] {
        // Stock DISTINCT is not what this is compared with: the rows are made distinct first.
        let from = format!("(SELECT DISTINCT k, {} FROM rows{kept})", way.columns);
        let sorted = format!(" ORDER BY {first}");
        if way.ordered {
            let call = way.filled("DISTINCT ", &sorted, filter);
            let mut question = ask(call, &way.filled("", &sorted, ""), &from, false);
            if first == "f" && !lists {
                // The rows that were made distinct there have only the one zero.
                question.against = Against::Close;
            }
            questions.push(question);
        }
        // Which of the distinct rows comes first is not defined there.
        let any = !lists && (way.ordered || way.call.starts_with("any_value"));
        if !any {
            questions.push(ask(way.filled("DISTINCT ", "", filter), &way.filled("", "", ""), &from, lists));
        }
    }
    questions
}

async fn stock(context: &SessionContext, sql: &str) -> Result<RecordBatch> {
    let frame = context.sql(sql).await?;
    // A filter may leave no row, and then there is no batch.
    let schema = Arc::new(frame.schema().as_arrow().clone());
    Ok(concat_batches(&schema, &frame.collect().await?)?)
}

/// Each value as text, with the elements of lists sorted.
fn loose(column: &ArrayRef) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let text = |array: &dyn Array| -> Vec<String> {
        let formatter = ArrayFormatter::try_new(array, &options).unwrap();
        (0..array.len()).map(|i| formatter.value(i).to_string()).collect()
    };
    let sorted = |mut elements: Vec<String>| {
        elements.sort();
        elements
    };
    match column.data_type() {
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            (0..list.len())
                .map(|i| if list.is_null(i) { vec![] } else { sorted(text(&list.value(i))) })
                .collect()
        }
        _ => text(column).iter().map(|v| sorted(v.split(", ").map(String::from).collect())).collect(),
    }
}

fn close(ours: &ArrayRef, theirs: &ArrayRef, tolerance: f64) -> bool {
    let floats = |array: &ArrayRef| cast(array, &DataType::Float64).unwrap();
    let (ours, theirs) = (floats(ours), floats(theirs));
    let (ours, theirs) = (ours.as_primitive::<Float64Type>(), theirs.as_primitive::<Float64Type>());
    ours.iter().zip(theirs).all(|pair| match pair {
        (Some(a), Some(b)) => (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * (1.0 + b.abs()),
        (a, b) => a == b,
    })
}

fn agrees(question: &Question, ours: &[ArrayRef], theirs: &[ArrayRef]) -> bool {
    let (ours_value, theirs_value) = (&ours[1], &theirs[1]);
    ours_value.data_type() == theirs_value.data_type()
        && same(&ours[..1], &theirs[..1])
        && match question.against {
            _ if question.loose => loose(ours_value) == loose(theirs_value),
            Against::Same => same(&ours[1..], &theirs[1..]),
            Against::Close => close(ours_value, theirs_value, 1e-9),
            Against::Near => close(ours_value, theirs_value, 0.2),
        }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_stock_datafusion(
        seed in any::<u64>(),
        count in prop_oneof![1usize..40, 700usize..1200],
        length in 1usize..300,
    ) {
        let batch = rows(seed, count, false);
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        let table = MemTable::try_new(batch.schema(), vec![vec![batch.clone()]]).unwrap();
        context.register_table("rows", Arc::new(table)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut failed = Vec::new();
        for question in registered().iter().flat_map(|name| ways(name).unwrap()).flat_map(|way| questions(&way)) {
            let theirs = match runtime.block_on(stock(&context, &question.sql)) {
                Ok(batch) => batch.columns().to_vec(),
                Err(error) => {
                    failed.push(format!("{}: {error}", question.sql));
                    continue;
                }
            };
            let call = compile(&question.call, &[]).unwrap();
            let ours = by_key(&finish(fill(&call, &batch, Cuts { lengths: &[length], reopen: true }).unwrap()).unwrap());
            // A key all of whose rows are filtered away is no key of the distinct rows.
            let known = ours[0].len() == theirs[0].len() || question.sql.contains("WHERE keep)");
            let ours = if known { among(&ours, &theirs[0]) } else { ours };
            if !agrees(&question, &ours, &theirs) {
                failed.push(format!("{}\n{}\n{}", question.call, shown(&ours), shown(&theirs)));
            }
        }
        prop_assert!(failed.is_empty(), "{} calls differ:\n{}", failed.len(), failed.join("\n"));
    }
}

/// The rows whose key is one of `keys`.
fn among(columns: &[ArrayRef], keys: &ArrayRef) -> Vec<ArrayRef> {
    use arrow::datatypes::Int64Type;
    let keys: Vec<i64> = keys.as_primitive::<Int64Type>().values().to_vec();
    let is_there = columns[0].as_primitive::<Int64Type>().values().iter().map(|k| Some(keys.contains(k)));
    let filter = is_there.collect::<arrow::array::BooleanArray>();
    columns.iter().map(|column| arrow::compute::filter(column, &filter).unwrap()).collect()
}
