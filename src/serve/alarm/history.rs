//! Alarms of the past: the episodes of table `alarms`, put together by SQL.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::alarm::{Episode, Severity};
use crate::serve::sql::{SqlEngine, SqlError, SqlErrorKind};
use crate::serve::statement::{clause, instant, quote, quoted};

/// Which alarms; the empty filter is all.
#[derive(Debug, Clone, Default)]
pub(super) struct ListFilter {
    pub(super) machines: Vec<String>,
    pub(super) id_prefix: String,
    pub(super) rules: Vec<String>,
    pub(super) severities: Vec<Severity>,
    pub(super) open: Option<bool>,
    pub(super) acknowledged: Option<bool>,
    pub(super) raised_from: Option<i64>,
    pub(super) raised_before: Option<i64>,
}

/// The place of an alarm in the list: the newest raised first, those raised together by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) raised_at: i64,
    pub(super) episode: String,
}

impl Place {
    pub(super) fn of(episode: &Episode) -> Self {
        Self { raised_at: episode.raised_at, episode: episode.id.clone() }
    }
}

/// Up to `most` alarms after the place `after`.
pub(super) async fn list(
    sql: &dyn SqlEngine,
    filter: &ListFilter,
    after: Option<&Place>,
    most: usize,
) -> Result<Vec<Episode>, SqlError> {
    let rows = sql.query(&statement(filter, after, most)).await?;
    let batches: Vec<RecordBatch> = rows.try_collect().await.map_err(SqlError::from)?;
    let mut episodes = Vec::new();
    for batch in &batches {
        read(batch, &mut episodes).ok_or_else(|| SqlError {
            kind: SqlErrorKind::Internal,
            message: "the table of alarms does not have the columns it should".into(),
            hint: None,
        })?;
    }
    Ok(episodes)
}

/// The rank of a severity, and the place of a transition among those of one instant.
const RANKS: &str = "CASE severity WHEN 'low' THEN 0 WHEN 'medium' THEN 1 WHEN 'high' THEN 2 ELSE 3 END";
const ORDER: &str =
    "CASE transition WHEN 'raised' THEN 0 WHEN 'escalated' THEN 1 WHEN 'acknowledged' THEN 2 ELSE 3 END";

fn statement(filter: &ListFilter, after: Option<&Place>, most: usize) -> String {
    let mut rows = Vec::new();
    if !filter.machines.is_empty() {
        rows.push(format!("machine_id IN ({})", quoted(&filter.machines)));
    }
    if !filter.id_prefix.is_empty() {
        rows.push(format!("starts_with(machine_id, {})", quote(&filter.id_prefix)));
    }
    if !filter.rules.is_empty() {
        rows.push(format!("rule IN ({})", quoted(&filter.rules)));
    }
    let mut episodes = Vec::new();
    if !filter.severities.is_empty() {
        let ranks: Vec<String> = filter.severities.iter().map(|s| (*s as u8).to_string()).collect();
        episodes.push(format!("severity IN ({})", ranks.join(", ")));
    }
    let known = |column: &str, wanted: bool| format!("{column} IS {}NULL", if wanted { "NOT " } else { "" });
    episodes.extend(filter.open.map(|open| known("cleared_at", !open)));
    episodes.extend(filter.acknowledged.map(|acknowledged| known("acknowledged_at", acknowledged)));
    episodes.extend(filter.raised_from.map(|from| format!("raised_at >= {}", instant(from))));
    episodes.extend(filter.raised_before.map(|before| format!("raised_at < {}", instant(before))));
    if let Some(Place { raised_at, episode }) = after {
        let (raised_at, episode) = (instant(*raised_at), quote(episode));
        episodes
            .push(format!("(raised_at < {raised_at} OR (raised_at = {raised_at} AND episode > {episode}))"));
    }
    format!(
        "SELECT * FROM (
            SELECT episode, machine_id, rule, max({RANKS}) AS severity, min(timestamp) AS raised_at,
                max(timestamp) FILTER (WHERE transition = 'cleared') AS cleared_at,
                max(recorded_at) FILTER (WHERE transition = 'acknowledged') AS acknowledged_at,
                max(who) AS who, max(comment) AS comment,
                last_value(value ORDER BY timestamp, {ORDER}) AS value,
                last_value(text_en ORDER BY timestamp, {ORDER}) AS text_en,
                last_value(text_fr ORDER BY timestamp, {ORDER}) AS text_fr
            FROM alarms{} GROUP BY episode, machine_id, rule
        ){} ORDER BY raised_at DESC, episode LIMIT {most}",
        clause(&rows),
        clause(&episodes),
    )
}

/// Reads the rows of [`statement`]; `None` where a column is missing or of another type.
fn read(batch: &RecordBatch, episodes: &mut Vec<Episode>) -> Option<()> {
    let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
    let time = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>();
    let (ids, machines, rules) = (text("episode")?, text("machine_id")?, text("rule")?);
    let (who, comments) = (text("who")?, text("comment")?);
    let (english, french) = (text("text_en")?, text("text_fr")?);
    let (raised, cleared) = (time("raised_at")?, time("cleared_at")?);
    let acknowledged = time("acknowledged_at")?;
    let values = batch.column_by_name("value")?.as_primitive_opt::<Float64Type>()?;
    let severities = batch.column_by_name("severity")?;
    let severities = arrow::compute::cast(severities, &arrow::datatypes::DataType::UInt64).ok()?;
    let severities = severities.as_primitive_opt::<arrow::datatypes::UInt64Type>()?;
    for row in 0..batch.num_rows() {
        episodes.push(Episode {
            id: ids.value(row).into(),
            machine_id: machines.value(row).into(),
            rule: rules.value(row).into(),
            severity: *Severity::ALL.get(severities.value(row) as usize)?,
            raised_at: raised.value(row),
            cleared_at: cleared.is_valid(row).then(|| cleared.value(row)),
            acknowledged_at: acknowledged.is_valid(row).then(|| acknowledged.value(row)),
            acknowledged_by: if who.is_valid(row) { who.value(row).into() } else { String::new() },
            comment: if comments.is_valid(row) { comments.value(row).into() } else { String::new() },
            value: values.is_valid(row).then(|| values.value(row)),
            text_en: english.value(row).into(),
            text_fr: french.value(row).into(),
        });
    }
    Some(())
}
