//! Every refusal with its line, its reason and what to do instead.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};

use crate::dataflow::sql::Extensions;
use crate::dataflow::{DataflowError, Graph, Query};
use crate::schema::{MACHINE_ID, TIMESTAMP, timestamp_type};

fn plan(sql: &str) -> Result<Graph, DataflowError> {
    let schema = Arc::new(Schema::new(vec![
        Field::new(TIMESTAMP, timestamp_type(), false),
        Field::new(MACHINE_ID, DataType::Utf8, false),
        Field::new("x", DataType::Float64, true),
        Field::new("mode", DataType::Utf8, true),
    ]));
    let minute = "SELECT machine_id, window_start, window_end, window_time, count(*) AS n, avg(x) AS x FROM readings \
                  GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')";
    let query =
        |name: &str, sql: &str| Query { name: name.into(), file: format!("{name}.sql"), sql: sql.into() };
    Graph::plan(vec![query("minute", minute), query("q", sql)], &schema, &Extensions::default(), "")
}

/// `line: message | hint`
fn refusal(sql: &str) -> String {
    match plan(sql) {
        Ok(_) => "runs".into(),
        Err(error) => {
            let text = format!("{error} | {}", error.hint().unwrap_or_default());
            assert!(!text.contains('\n'), "one line: {text}");
            text.strip_prefix("q.sql:").unwrap_or(&text).to_string()
        }
    }
}

#[track_caller]
fn assert_refused(cases: &[(&str, u64, &str)]) {
    for (sql, line, expected) in cases {
        let found = refusal(sql);
        assert!(
            found.starts_with(&format!("{line}: {expected}")),
            "{sql}\n→ {found}\n, expected {line}: {expected}"
        );
    }
}

#[test]
fn what_needs_the_end_of_the_rows_is_refused_at_its_word() {
    let (order, limit) =
        ("ORDER BY is not possible on a stream", "LIMIT and OFFSET are not possible on a stream");
    assert_refused(&[
        (
            "-- ORDER BY in a comment\nSELECT machine_id, timestamp\nFROM readings\nORDER\n  BY timestamp",
            4,
            order,
        ),
        ("SELECT machine_id, timestamp FROM readings\nORDER BY ALL", 2, order),
        // Neither the aggregate's ORDER BY nor that of OVER is the query's.
        (
            "SELECT machine_id, window_time,\n array_agg(x ORDER BY timestamp) AS xs\nFROM readings\n\
             GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')\nORDER BY machine_id",
            5,
            order,
        ),
        ("SELECT machine_id, timestamp, 'ORDER BY' AS x\nFROM readings ORDER BY 1", 2, order),
        (
            "SELECT * FROM (\n SELECT machine_id, timestamp FROM readings\n ORDER BY timestamp LIMIT 3)",
            3,
            order,
        ),
        ("WITH w AS (SELECT * FROM readings\nORDER BY x) SELECT * FROM w", 2, order),
        ("SELECT machine_id, timestamp FROM readings\nLIMIT 3", 2, limit),
        ("SELECT machine_id, timestamp FROM readings\n\nOFFSET 3", 3, limit),
        ("SELECT machine_id, timestamp FROM readings\nFETCH FIRST 3 ROWS ONLY", 2, limit),
        ("SELECT\nTOP 3 machine_id, timestamp FROM readings", 2, limit),
        ("SELECT\n DISTINCT machine_id, timestamp FROM readings", 2, "SELECT DISTINCT on a stream"),
        (
            "SELECT DISTINCT ON (machine_id) machine_id, timestamp FROM readings",
            1,
            "SELECT DISTINCT on a stream",
        ),
        ("SELECT machine_id FROM readings\nEXCEPT SELECT machine_id FROM minute", 2, "EXCEPT and INTERSECT"),
        (
            "SELECT machine_id FROM readings INTERSECT\nSELECT machine_id FROM minute",
            1,
            "EXCEPT and INTERSECT",
        ),
        (
            "WITH RECURSIVE r AS (SELECT * FROM readings UNION ALL SELECT * FROM r)\nSELECT * FROM r",
            1,
            "WITH RECURSIVE is not possible",
        ),
    ]);
}

#[test]
fn joins_and_other_inputs_are_refused_where_they_begin() {
    let join = "a join is not possible on a stream";
    let from = "SELECT a.machine_id, a.timestamp\nFROM readings a\n";
    for (rest, line) in [
        ("JOIN readings b ON a.machine_id = b.machine_id", 3),
        ("LEFT JOIN minute b USING (machine_id)", 3),
        ("FULL OUTER\nJOIN readings b ON a.x = b.x", 4),
        ("CROSS JOIN readings b", 3),
        ("NATURAL JOIN readings b", 3),
        ("LEFT SEMI JOIN\n readings b ON a.x = b.x", 3),
        (",\n readings b", 4),
        (
            "WHERE a.x > 1 -- a JOIN\n AND a.machine_id IN ('JOIN')\n OR a.x IN (SELECT x FROM minute JOIN readings)",
            5,
        ),
    ] {
        let found = refusal(&format!("{from}{rest}"));
        let expected = if rest.starts_with("WHERE") { "a subquery in an expression" } else { join };
        assert!(found.starts_with(&format!("{line}: {expected}")), "{rest}\n→ {found}");
    }
    assert_refused(&[
        (
            "SELECT machine_id, timestamp, m.site\nFROM readings\nFULL JOIN machines m USING (machine_id)",
            3,
            "a stream is joined with `machines` by the machine alone",
        ),
        (
            "SELECT machine_id, timestamp FROM readings WHERE x > 1\nUNION ALL\nSELECT machine_id, timestamp FROM readings",
            2,
            "UNION is not possible on a stream: the order",
        ),
        (
            "SELECT machine_id, timestamp\nFROM (VALUES ('a', 1)) AS v (machine_id, timestamp)",
            2,
            "VALUES is not",
        ),
        ("VALUES (1, 2)", 1, "VALUES is not possible"),
        ("SELECT value\nFROM generate_series(1, 10)", 2, "a function in FROM"),
        ("SELECT u\nFROM unnest([1, 2]) AS u", 2, "a function in FROM"),
        ("SELECT machine_id, timestamp,\n unnest([1,2]) AS v FROM readings", 2, "unnest() is not possible"),
        ("SELECT r.*\nFROM LATERAL (SELECT * FROM readings) r", 2, "LATERAL is not possible"),
        ("SELECT * FROM readings\nTABLESAMPLE BERNOULLI (10)", 2, "TABLESAMPLE is not possible"),
        ("SELECT * FROM readings\nPIVOT (sum(x) FOR mode IN ('a', 'b'))", 2, "PIVOT is not possible"),
        ("SELECT machine_id, timestamp FROM readings\nFOR UPDATE", 2, "a stream's rows cannot be locked"),
        ("SELECT machine_id, timestamp\nINTO t FROM readings", 2, "INTO is not possible"),
        ("SELECT machine_id,\n timestamp\nFROM machines", 3, "`machines` is a table, not a stream"),
        ("SELECT machine_id, timestamp FROM\n dead_letters", 2, "`dead_letters` is a table, not a stream"),
        ("SELECT 1 AS timestamp", 1, "the query reads no stream"),
    ]);
}

#[test]
fn subqueries_in_expressions_are_refused() {
    let reason = "a subquery in an expression is not possible on a stream";
    assert_refused(&[
        ("SELECT machine_id, timestamp FROM readings\nWHERE x > (SELECT avg(x) FROM readings)", 2, reason),
        ("SELECT machine_id, timestamp FROM readings WHERE x\n IN (SELECT x FROM minute)", 2, reason),
        (
            "SELECT machine_id, timestamp FROM readings r\nWHERE NOT EXISTS\n (SELECT 1 FROM minute m WHERE m.x = r.x)",
            2,
            reason,
        ),
        ("SELECT machine_id, timestamp,\n (SELECT max(n) FROM minute) AS m\nFROM readings", 2, reason),
        ("SELECT machine_id, timestamp FROM readings\nWHERE x > ALL (SELECT x FROM minute)", 2, reason),
    ]);
}

#[test]
fn groupings_without_an_end_or_a_machine_are_refused() {
    let endless = "an aggregate without a window never ends on a stream";
    let lacks = "the grouping lacks `machine_id`";
    assert_refused(&[
        ("SELECT machine_id,\n count(*) FROM readings\nGROUP BY machine_id", 3, endless),
        ("SELECT\n max(timestamp) AS timestamp, min(machine_id) AS machine_id FROM readings", 2, endless),
        ("SELECT * FROM (SELECT machine_id, mode\nFROM readings\nGROUP\nBY machine_id, mode)", 3, endless),
        (
            "SELECT mode, window_time, count(*)\nFROM readings\nGROUP BY mode,\n tumble(timestamp, INTERVAL '1 minute')",
            3,
            lacks,
        ),
        ("SELECT window_time\nFROM readings\nGROUP BY session(timestamp, INTERVAL '1 minute')", 3, lacks),
        (
            "SELECT upper(machine_id) AS machine_id, window_time, count(*) FROM readings\n\
             GROUP BY upper(machine_id), tumble(timestamp, INTERVAL '1 minute')",
            2,
            lacks,
        ),
        // The name alone is not the machine.
        (
            "SELECT machine_id, window_time FROM (SELECT substr(machine_id, 1, 3) AS machine_id, timestamp FROM readings)\n\
             GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')",
            2,
            lacks,
        ),
        (
            "SELECT machine_id, count(*) FROM readings\nGROUP BY\n ROLLUP (machine_id, mode)",
            3,
            "GROUPING SETS, CUBE and ROLLUP are not possible",
        ),
        (
            "SELECT machine_id, window_time FROM readings\nGROUP BY GROUPING SETS \
             ((machine_id, tumble(timestamp, INTERVAL '1 minute')), (machine_id))",
            2,
            "GROUPING SETS, CUBE and ROLLUP are not possible",
        ),
    ]);
}

#[test]
fn windows_that_are_none_are_refused_at_their_call() {
    let group = |window: &str| {
        format!("SELECT machine_id, window_time FROM readings\nGROUP BY machine_id,\n {window}")
    };
    for (window, expected) in [
        ("tumble(timestamp, INTERVAL '1 month')", "tumble(): a month has no fixed length"),
        ("hop(timestamp, 10, 60)", "hop() wants intervals of whole microseconds, not 10"),
        ("tumble(timestamp, INTERVAL '0 seconds')", "tumble(): a window's size and slide must be positive"),
        ("tumble(x, INTERVAL '1 second')", "tumble() wants a timestamp as its first argument, not Float64"),
        ("tumble(timestamp)", "tumble() wants (timestamp, size[, offset])"),
        ("session(timestamp, INTERVAL '1 minute', INTERVAL '1 minute')", "session() wants (timestamp, gap)"),
        ("tumble(date_trunc('hour', timestamp), INTERVAL '1 minute')", "the window runs over date_trunc("),
        (
            "date_trunc('hour', get_field(tumble(timestamp, INTERVAL '1 minute'), 'window_start'))",
            "a window function stands by itself in GROUP BY",
        ),
        (
            "hop(timestamp, INTERVAL '1 s', INTERVAL '2 s'), tumble(timestamp, INTERVAL '1 s')",
            "a query has one window",
        ),
    ] {
        let found = refusal(&group(window));
        assert!(found.starts_with(&format!("3: {expected}")), "{window}\n→ {found}");
    }
    assert_refused(&[
        (
            "SELECT machine_id, window_time FROM readings\nGROUP BY machine_id, tumble(timestamp, INTERVAL '1 s'),\n\n \
             tumble(timestamp, INTERVAL '2 s')",
            4,
            "a query has one window: GROUP BY names two",
        ),
        (
            "SELECT machine_id, window_time FROM minute\nGROUP BY machine_id, tumble(window_end, INTERVAL '1 hour')",
            2,
            "the window runs over minute.window_end, which is not the stream's event time",
        ),
        (
            "SELECT machine_id, window_time FROM (\n\
             SELECT machine_id, timestamp - INTERVAL '1 hour' AS timestamp FROM readings)\n\
             GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')",
            3,
            "the window runs over timestamp, which is not the stream's event time",
        ),
        (
            "SELECT machine_id,\n tumble(timestamp, INTERVAL '1 minute') AS timestamp FROM readings",
            2,
            "a window function can only be used in GROUP BY",
        ),
        (
            "SELECT machine_id, window_time FROM readings\n\
             WHERE get_field(tumble(timestamp, INTERVAL '1 minute'), 'window_start') > timestamp\n\
             GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')",
            2,
            "a window function can only be used in GROUP BY",
        ),
    ]);
}

#[test]
fn what_changes_with_the_clock_is_refused_at_its_call() {
    assert_refused(&[
        (
            "SELECT machine_id,\n timestamp, random() AS r\nFROM readings",
            2,
            "random() gives another result each time",
        ),
        (
            "SELECT machine_id, timestamp FROM readings\nWHERE timestamp > now() - INTERVAL '1 day'",
            2,
            "now() gives",
        ),
        (
            "SELECT machine_id, timestamp FROM readings\nWHERE timestamp >\n CURRENT_TIMESTAMP",
            3,
            "now() gives",
        ),
        ("SELECT machine_id, timestamp,\n current_date AS d FROM readings", 2, "current_date() gives"),
        ("SELECT machine_id, timestamp,\n uuid() AS d FROM readings", 2, "uuid() gives"),
    ]);
}

#[test]
fn rows_must_tell_whose_they_are_and_of_when() {
    assert_refused(&[
        ("SELECT machine_id, x FROM readings", 1, "the rows of a stream need their event time"),
        ("-- why\nSELECT timestamp, x FROM readings", 2, "the rows of a stream need `machine_id`"),
        (
            "WITH w AS (SELECT * FROM minute)\nSELECT machine_id, window_end AS timestamp FROM w",
            2,
            "`timestamp` is computed",
        ),
        (
            "SELECT machine_id, timestamp + INTERVAL '1 hour' AS timestamp FROM readings",
            1,
            "`timestamp` is computed",
        ),
        ("SELECT machine_id, window_start AS window_time FROM minute", 1, "`window_time` is computed"),
        ("SELECT 'all' AS machine_id, timestamp FROM readings", 1, "`machine_id` is computed"),
    ]);
}

/// What looks like one of the refusals and is none.
#[test]
fn what_only_renames_or_filters_runs() {
    for sql in [
        "SELECT m AS machine_id, t AS timestamp FROM (SELECT machine_id AS m, timestamp AS t, x FROM readings) WHERE x > 1",
        "SELECT m AS machine_id, window_time, count(*) AS n FROM (SELECT machine_id AS m, timestamp AS t FROM readings)
         GROUP BY m, tumble(t, INTERVAL '1 minute')",
        "SELECT machine_id, w['window_time'] AS window_time, n FROM (
         SELECT machine_id, tumble(timestamp, INTERVAL '1 minute') AS w, count(*) AS n FROM readings GROUP BY 1, w) AS t",
        "FROM readings SELECT machine_id, timestamp, (x)",
        "SELECT r.*, concat('ORDER BY', mode) AS \"LIMIT\" FROM readings AS r -- JOIN",
        "SELECT machine_id, timestamp, date_trunc('hour', timestamp) AS hour, upper(machine_id) AS name FROM readings",
        "SELECT machine_id, window_time, timestamp_max FROM (SELECT machine_id, window_time, max(timestamp) AS timestamp_max
         FROM readings GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute') HAVING count(*) > 1)",
        "SELECT machine_id, window_time, sum(n) AS n FROM minute
         GROUP BY machine_id, hop(window_time, INTERVAL '1 minute', INTERVAL '1 hour', INTERVAL '10 seconds')",
    ] {
        if let Err(error) = plan(sql) {
            panic!("{sql}\n→ {error}");
        }
    }
}

/// The blocks of `docs/sql-streams.md`: those that are to run, named by their first comment, and those that are to be
/// refused, with the message that is quoted below.
fn documented() -> (Vec<Query>, Vec<(String, String)>) {
    let (mut runs, mut refused) = (Vec::new(), Vec::new());
    let mut lines = include_str!("../../../docs/sql-streams.md").lines();
    while let Some(line) = lines.next() {
        if line != "```sql" && line != "```sql refused" {
            continue;
        }
        let sql: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if line == "```sql" {
            let name = sql[0].strip_prefix("-- queries/").and_then(|rest| rest.strip_suffix(".sql")).unwrap();
            runs.push(Query { name: name.into(), file: format!("{name}.sql"), sql: sql.join("\n") });
        } else {
            let quoted = lines.next().unwrap().strip_prefix("> ").unwrap();
            refused.push((sql.join("\n"), quoted.to_string()));
        }
    }
    (runs, refused)
}

#[test]
fn the_documentation_runs_and_refuses_what_it_says() {
    let readings = crate::schema::ReadingSchema::default().arrow();
    let plan = |queries: Vec<Query>| Graph::plan(queries, &readings, &Extensions::default(), "");
    let (runs, refused) = documented();
    assert!(runs.len() >= 6 && refused.len() >= 25, "{} run, {} are refused", runs.len(), refused.len());
    plan(runs.clone()).unwrap();
    for (sql, message) in refused {
        let query = Query { name: "q".into(), file: "q.sql".into(), sql: sql.clone() };
        let error = plan(runs.iter().cloned().chain([query]).collect()).unwrap_err();
        assert_eq!(error.to_string(), message, "{sql}");
    }
}
