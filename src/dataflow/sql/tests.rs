use arrow::util::pretty::pretty_format_batches;

use super::{Extensions, session};

/// DataFusion may drop a sort key that is constant in each branch, but not where the branches meet.
#[tokio::test]
async fn the_first_rows_of_a_union_are_those_of_the_whole() {
    let context = session(&Extensions::default(), 4);
    // All of 1 to 40, in no order that the planner knows; the branch that sorts last comes first.
    let branch = |name: &str, least: i64| {
        format!(
            "SELECT '{name}' AS branch, id FROM (SELECT value * 17 % 41 AS id FROM generate_series(1, 40)) WHERE id >= {least}"
        )
    };
    let union = format!("{} UNION ALL {} ORDER BY branch, id", branch("b", 1), branch("a", 30));
    let rows = async |sql: String| context.sql(&sql).await.unwrap().collect().await.unwrap();
    let text = |batches: &[arrow::array::RecordBatch]| pretty_format_batches(batches).unwrap().to_string();
    let whole =
        arrow::compute::concat_batches(&rows(union.clone()).await[0].schema(), &rows(union.clone()).await)
            .unwrap();
    for limit in [1, 5, 11, 12, 20] {
        let first = rows(format!("{union} LIMIT {limit}")).await;
        assert_eq!(text(&first), text(&[whole.slice(0, limit)]), "LIMIT {limit}");
    }
}
