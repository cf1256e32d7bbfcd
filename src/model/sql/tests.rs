use arrow::array::{ArrayRef, Float32Array, Float64Array, Int32Array, StringArray};
use arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;

use super::*;
use crate::model::fixture;

const SUPERHEAT: [Option<f64>; 5] = [Some(4.0), Some(8.0), Some(13.0), None, Some(9.0)];
const VIBRATION: [Option<f64>; 5] = [Some(0.01), Some(0.02), Some(0.03), Some(0.02), Some(0.021)];

/// A session with the models `failure`, `failure_forest` and `leak`, and the tables `features`, `other` and `mixed`.
fn session() -> SessionContext {
    let mut registry = Registry::default();
    registry.insert(fixture::failure());
    registry.insert(fixture::failure_forest());
    registry.insert_baseline(&fixture::superheat());
    registry.insert(fixture::model("leak", 0.5, &[("superheat_avg", 8.0, 2.0, 1.0)]));
    let builder = SessionStateBuilder::new().with_default_features();
    let context = SessionContext::new_with_state(register(builder, Arc::new(registry)).build());
    let machines: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d", "e"]));
    let vibration: ArrayRef = Arc::new(Float64Array::from(VIBRATION.to_vec()));
    let tables: [(&str, Vec<(&str, ArrayRef)>); 3] = [
        (
            "features",
            vec![
                ("machine_id", machines.clone()),
                // Not in the model's order, and with a column the model does not want.
                ("vibration_avg", vibration.clone()),
                ("noise", vibration.clone()),
                ("superheat_avg", Arc::new(Float64Array::from(SUPERHEAT.to_vec()))),
            ],
        ),
        ("other", vec![("machine_id", machines.clone()), ("vibration_avg", vibration)]),
        (
            "mixed",
            vec![
                ("superheat_avg", Arc::new(Int32Array::from(vec![4, 8])) as ArrayRef),
                ("vibration_avg", Arc::new(Float32Array::from(vec![0.25, 0.5]))),
            ],
        ),
    ];
    for (name, columns) in tables {
        context.register_batch(name, RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    }
    context
}

/// What the scorer itself says of the table `features`.
fn wanted() -> Vec<Option<f64>> {
    let model = CompiledModel::new(&fixture::failure());
    let columns = [Float64Array::from(SUPERHEAT.to_vec()), Float64Array::from(VIBRATION.to_vec())];
    model.score(&[&columns[0], &columns[1]]).unwrap().iter().collect()
}

/// The rows of a query as one batch.
async fn rows(sql: &str) -> RecordBatch {
    let batches = session().sql(sql).await.unwrap().collect().await.unwrap();
    let schema = batches[0].schema();
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

/// Column `column` of the query's rows as numbers.
async fn numbers(sql: &str, column: &str) -> Vec<Option<f64>> {
    let rows = rows(sql).await;
    rows.column_by_name(column).unwrap().as_primitive::<Float64Type>().iter().collect()
}

/// The column `machine_id` of the query's rows.
async fn machines(sql: &str) -> Vec<String> {
    let rows = rows(sql).await;
    let column = rows.column_by_name("machine_id").unwrap().as_string::<i32>().clone();
    column.iter().map(|machine| machine.unwrap().to_owned()).collect()
}

async fn bind_error(sql: &str) -> (String, Option<String>) {
    let error = session().sql(sql).await.unwrap().collect().await.unwrap_err();
    let cause = BindError::find(&error).unwrap_or_else(|| panic!("{error}"));
    (cause.to_string(), cause.hint())
}

#[tokio::test]
async fn score_is_bound_to_the_columns_of_its_input() {
    let sql = "SELECT score('failure') AS p FROM features ORDER BY machine_id";
    assert_eq!(numbers(sql, "p").await, wanted());
    // The row without superheat has no score, and only that row.
    assert_eq!(wanted().iter().map(Option::is_none).collect::<Vec<_>>(), [false, false, false, true, false]);
}

#[tokio::test]
async fn a_forest_scores_beside_a_regression() {
    let sql = "SELECT score('failure_forest') AS f, score('failure') AS p FROM features ORDER BY machine_id";
    // By hand, from the three trees of the fixture: superheat 4, 8, 13, NULL, 9.
    let votes = [Some(1.0 / 3.0), Some(0.0), Some(2.0 / 3.0), None, Some(1.0 / 3.0)];
    assert_eq!(numbers(sql, "f").await, votes);
    assert_eq!(numbers(sql, "p").await, wanted());
}

/// The shipped queries, over features that have the columns of a window too.
#[tokio::test]
async fn the_class_follows_the_probability() {
    for (file, model) in [("predictions", "failure"), ("predictions_forest", "failure_forest")] {
        let path = format!("{}/queries/{file}.sql", env!("CARGO_MANIFEST_DIR"));
        let query = std::fs::read_to_string(path).unwrap();
        let query = query.replace("FROM features", "FROM windows");
        let sql = format!(
            "WITH windows AS (SELECT *, 0 AS window_start, 0 AS window_end, 0 AS window_time, 0 AS revision
                              FROM features)
             SELECT machine_id, probability, predicted_class, model FROM ({query}) AS p ORDER BY machine_id"
        );
        let rows = rows(&sql).await;
        let text = |name: &str| rows.column_by_name(name).unwrap().as_string::<i32>().clone();
        let classes: Vec<Option<&str>> =
            vec![Some("normal"), Some("normal"), Some("failure"), None, Some("normal")];
        assert_eq!(text("predicted_class").iter().collect::<Vec<_>>(), classes, "{file}");
        assert!(text("model").iter().all(|name| name == Some(model)));
        assert_eq!(rows.column_by_name("probability").unwrap().null_count(), 1);
    }
}

#[tokio::test]
async fn the_output_keeps_the_name_the_query_gave_it() {
    let batch = rows("SELECT machine_id, score('failure'), score('failure') AS p FROM features").await;
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["machine_id", "score(Utf8(\"failure\"))", "p"]);
}

#[tokio::test]
async fn score_works_in_a_filter() {
    let sql = "SELECT machine_id FROM features WHERE score('failure') > 0.4 ORDER BY machine_id";
    let above = wanted().iter().map(|score| score.is_some_and(|score| score > 0.4)).collect::<Vec<_>>();
    assert_eq!(above, [false, false, true, false, false]);
    assert_eq!(machines(sql).await, ["c"]);
}

#[tokio::test]
async fn score_works_inside_expressions() {
    let sql = "SELECT CASE WHEN score('failure') IS NULL THEN -1 ELSE round(100 * score('failure'), 1) END AS p \
               FROM features ORDER BY machine_id";
    let wanted: Vec<_> = wanted()
        .into_iter()
        .map(|score| Some(score.map_or(-1.0, |score| (1000.0 * score).round() / 10.0)))
        .collect();
    assert_eq!(numbers(sql, "p").await, wanted);
}

#[tokio::test]
async fn score_works_through_ctes_and_subqueries() {
    let sql = "WITH scored AS (SELECT machine_id, score('failure') AS p FROM (SELECT * FROM features) AS f) \
               SELECT s.p FROM scored AS s JOIN other AS o ON o.machine_id = s.machine_id ORDER BY s.machine_id";
    assert_eq!(numbers(sql, "p").await, wanted());
    let sql = "SELECT machine_id FROM other WHERE machine_id IN \
               (SELECT machine_id FROM features WHERE score('failure') IS NULL)";
    assert_eq!(machines(sql).await, ["d"]);
}

#[tokio::test]
async fn score_works_in_and_over_aggregates() {
    let sum: f64 = wanted().into_iter().flatten().sum();
    let got = numbers("SELECT sum(score('failure')) AS p FROM features", "p").await;
    assert!((got[0].unwrap() - sum).abs() < 1e-12);

    let sql = "SELECT machine_id, score('failure') AS p FROM (SELECT machine_id, \
               avg(superheat_avg) AS superheat_avg, avg(vibration_avg) AS vibration_avg FROM features \
               GROUP BY machine_id) AS f ORDER BY machine_id";
    assert_eq!(numbers(sql, "p").await, wanted());

    let sql = "SELECT score('failure') > 0.4 AS high, count(*)::double AS n FROM features \
               GROUP BY score('failure') > 0.4 ORDER BY high NULLS LAST";
    assert_eq!(numbers(sql, "n").await, [Some(3.0), Some(1.0), Some(1.0)]);
}

#[tokio::test]
async fn score_works_in_a_window_function_and_a_sort() {
    let sql = "SELECT machine_id FROM features WHERE superheat_avg IS NOT NULL \
               ORDER BY rank() OVER (ORDER BY score('failure') DESC)";
    assert_eq!(machines(sql).await, ["c", "e", "b", "a"]);
    let sql = "SELECT machine_id, score('failure') AS p FROM features ORDER BY p DESC NULLS LAST";
    assert_eq!(machines(sql).await, ["c", "e", "b", "a", "d"]);
}

#[tokio::test]
async fn two_models_over_the_same_columns_stay_two() {
    let sql = "SELECT score('leak') - score('failure') AS d, score('leak') AS l, sum(score('leak')) OVER () AS s \
               FROM features WHERE machine_id = 'b'";
    let leak = 1.0 / (1.0 + (-0.5_f64).exp());
    assert_eq!(numbers(sql, "l").await, [Some(leak)]);
    assert_eq!(numbers(sql, "d").await, [Some(leak - wanted()[1].unwrap())]);
}

#[tokio::test]
async fn other_numbers_are_cast() {
    let model = CompiledModel::new(&fixture::failure());
    let (superheat, vibration) = (Float64Array::from(vec![4.0, 8.0]), Float64Array::from(vec![0.25, 0.5]));
    let wanted: Vec<_> = model.score(&[&superheat, &vibration]).unwrap().iter().collect();
    assert_eq!(numbers("SELECT score('failure') AS p FROM mixed", "p").await, wanted);
}

#[tokio::test]
async fn constant_features_are_scored_row_by_row() {
    let sql = "SELECT score('failure') AS p FROM (SELECT machine_id, 8.0 AS superheat_avg, \
               0.02 AS vibration_avg FROM features) AS f";
    assert_eq!(numbers(sql, "p").await, [wanted()[1]; 5]);
}

#[tokio::test]
async fn only_the_model_s_columns_are_read() {
    let frame = session().sql("SELECT score('failure') AS p FROM features").await.unwrap();
    let plan = frame.into_optimized_plan().unwrap().display_indent().to_string();
    assert!(plan.contains("projection=[vibration_avg, superheat_avg]"), "{plan}");
    assert!(plan.contains("score[failure@"), "{plan}");
}

#[tokio::test]
async fn model_version_is_the_version_of_the_file() {
    let rows = rows("SELECT model_version('failure') AS v FROM features LIMIT 1").await;
    let column = rows.column_by_name("v").unwrap().as_string::<i32>().clone();
    assert_eq!(column.value(0), fixture::failure().version());
}

#[tokio::test]
async fn an_input_without_the_features_is_an_error_that_lists_them() {
    let (error, hint) = bind_error("SELECT score('failure') FROM other").await;
    assert_eq!(error, "score('failure') needs columns its input does not have: superheat_avg");
    assert!(hint.is_some());
    let (error, _) = bind_error("SELECT score('failure')").await;
    assert_eq!(error, "score('failure') needs columns its input does not have: superheat_avg, vibration_avg");
}

#[tokio::test]
async fn an_unknown_model_is_an_error_that_lists_the_known() {
    let wanted = "unknown model `filure`; known: failure, failure_forest, leak";
    for (call, further) in [("score('filure')", ""), ("model_version('filure')", ", superheat")] {
        let (error, hint) = bind_error(&format!("SELECT {call} FROM features")).await;
        assert_eq!(error, format!("{wanted}{further}"));
        assert!(hint.unwrap().contains("coldstream train"));
    }
    let unknown = BindError::UnknownModel { model: "x".into(), kind: "model", known: vec![] };
    assert_eq!(unknown.to_string(), "unknown model `x`; there is no model");
}

#[tokio::test]
async fn an_expectation_is_that_of_the_rows_machine() {
    let sql =
        "SELECT expected('superheat') AS e, expected_error('superheat') AS d, model_version('superheat') AS v
               FROM features ORDER BY machine_id";
    let rows = rows(sql).await;
    let column = |at: usize| rows.column(at).as_primitive::<Float64Type>().iter().collect::<Vec<_>>();
    // Vibrations of 0.01, 0.02, 0.03 and 0.02 are z = 0, 1, 2 and 1. Machines a and c have a baseline, and 0.03 is above what
    // the training saw.
    assert_eq!(column(0), [Some(8.0), None, None, None, None]);
    assert_eq!(column(1), [Some(0.25), None, Some(0.5), None, None]);
    let version = rows.column(2).as_string::<i32>();
    assert_eq!(version.value(0), fixture::superheat().version());
}

#[tokio::test]
async fn an_expectation_that_cannot_be_bound_says_why() {
    let (error, hint) = bind_error("SELECT expected('current') FROM features").await;
    assert_eq!(error, "unknown baseline `current`; known: superheat");
    assert!(hint.unwrap().contains("coldstream train"));
    let (error, _) = bind_error("SELECT expected('superheat') FROM mixed").await;
    assert_eq!(error, "expected('superheat') needs columns its input does not have: machine_id");
    let (error, _) = bind_error("SELECT expected('superheat') FROM (SELECT machine_id FROM features)").await;
    assert_eq!(error, "expected('superheat') needs columns its input does not have: vibration_avg");
    // A baseline is no model that scores.
    let (error, _) = bind_error("SELECT score('superheat') FROM features").await;
    assert_eq!(error, "unknown model `superheat`; known: failure, failure_forest, leak");
}

#[tokio::test]
async fn a_name_that_is_no_constant_is_an_error() {
    let (error, _) = bind_error("SELECT score(machine_id) FROM features").await;
    assert_eq!(error, "score() takes the name of a model in quotes, such as score('failure')");
}

#[tokio::test]
async fn a_feature_there_twice_is_ambiguous() {
    let sql = "SELECT score('failure') FROM features AS f JOIN other AS o ON o.machine_id = f.machine_id";
    let (error, _) = bind_error(sql).await;
    assert_eq!(error, "score('failure') cannot choose between several columns `vibration_avg` of its input");
}

#[tokio::test]
async fn a_feature_that_is_text_is_an_error() {
    let sql = "SELECT score('leak') FROM (SELECT machine_id AS superheat_avg FROM features) AS f";
    let (error, _) = bind_error(sql).await;
    assert_eq!(error, "score('leak') needs a number, but column `superheat_avg` has type Utf8");
}
