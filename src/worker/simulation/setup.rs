//! What all seeds share: the queries, their plans, and an archive with empty tables to begin from.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

use super::broker::{MAX_DELAY, MAX_SKEW, SECOND};
use super::oracle::Windows;
use crate::alarm::AlarmPlan;
use crate::archive::{Archive, TableSpec};
use crate::config::OnQueryChange;
use crate::dataflow::sql::Extensions;
use crate::dataflow::{Graph, Query, Timing};
use crate::schema::{ALARMS, Column, ColumnType, GAPS, ReadingSchema};
use crate::source::input::Input;
use crate::source::kafka::KafkaSettings;
use crate::worker::{WorkerSettings, table_specs};

/// The folder of the archive in the store.
pub(super) const URL: &str = "memory:///archive/";
/// Silence after which event time goes on, microseconds.
pub(super) const IDLE: i64 = 30 * SECOND;

/// The query comes before, between or after the other tables in the order in which they are committed.
const QUERIES: [Windows; 3] = [
    Windows { table: "a_windows", slide: 10 * SECOND, size: 10 * SECOND },
    Windows { table: "features", slide: 5 * SECOND, size: 15 * SECOND },
    Windows { table: "z_windows", slide: 10 * SECOND, size: 20 * SECOND },
];

/// A set of queries, ready to run.
pub(super) struct Setup {
    pub(super) windows: Windows,
    pub(super) settings: Arc<WorkerSettings>,
    pub(super) graph: Arc<Graph>,
    pub(super) rules: Arc<AlarmPlan>,
    pub(super) specs: Vec<TableSpec>,
    /// The objects of empty tables.
    blank: OnceLock<Vec<(Path, Bytes)>>,
}

impl Setup {
    /// One of the sets; plans are made once.
    pub(super) fn of(which: usize) -> &'static Self {
        static SETUPS: [OnceLock<Setup>; QUERIES.len()] = [const { OnceLock::new() }; QUERIES.len()];
        let which = which % QUERIES.len();
        SETUPS[which].get_or_init(|| Self::new(QUERIES[which]))
    }

    fn new(windows: Windows) -> Self {
        let x = Column { name: "x".into(), kind: ColumnType::Float64, unit: String::new() };
        let schema = ReadingSchema::only(vec![x]);
        let sql = format!(
            "SELECT w.machine_id, w.window_end, w.window_time, w.n, w.s, m.rated_current AS rated FROM (
                 SELECT machine_id, window_end, window_time, count(*) AS n, sum(x) AS s FROM readings
                 GROUP BY machine_id, hop(timestamp, INTERVAL '{} seconds', INTERVAL '{} seconds')
             ) w JOIN machines m USING (machine_id)",
            windows.slide / SECOND,
            windows.size / SECOND,
        );
        let query = Query { name: windows.table.into(), file: format!("{}.sql", windows.table), sql };
        let graph = Graph::plan(vec![query], &schema.arrow(), &Extensions::default(), "").unwrap();
        // There are no rules and no gaps, so that nothing is ever written to these.
        let unused = |spec: &TableSpec| spec.name == ALARMS || spec.name == GAPS;
        let specs = table_specs(&graph).into_iter().filter(|spec| !unused(spec)).collect();
        let kafka = KafkaSettings {
            brokers: String::new(),
            topic: "readings".into(),
            group: String::new(),
            options: Default::default(),
        };
        let settings = WorkerSettings {
            kafka,
            input: Input::default(),
            schema,
            commit_interval: Duration::from_secs(10),
            timing: Timing::new(MAX_DELAY),
            max_skew: MAX_SKEW,
            idle_timeout: IDLE,
            max_buffered: usize::MAX,
            max_drift: None,
            on_query_change: OnQueryChange::Refuse,
            former_topics: Vec::new(),
        };
        Self {
            windows,
            settings: Arc::new(settings),
            graph: Arc::new(graph),
            rules: Arc::default(),
            specs,
            blank: OnceLock::new(),
        }
    }

    /// The tables, by name.
    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        self.specs.iter().map(|spec| spec.name.as_str())
    }

    /// Puts empty tables into a store. Their logs get a checkpoint at each `interval`-th version.
    pub(super) async fn make_tables(&self, memory: &InMemory, interval: usize) {
        if self.blank.get().is_none() {
            let made = Arc::new(InMemory::new());
            let archive = Archive::over(URL, made.clone()).unwrap();
            for spec in &self.specs {
                archive.ensure_table(spec).await.unwrap();
            }
            let mut blank = Vec::new();
            for object in made.list(None).try_collect::<Vec<_>>().await.unwrap() {
                let bytes = made.get(&object.location).await.unwrap().bytes().await.unwrap();
                blank.push((object.location, bytes));
            }
            self.blank.get_or_init(|| blank);
        }
        for (path, bytes) in self.blank.get().unwrap() {
            let text = std::str::from_utf8(bytes).unwrap();
            let configured = text.replace(
                r#""configuration":{}"#,
                &format!(r#""configuration":{{"delta.checkpointInterval":"{interval}"}}"#),
            );
            assert_ne!(configured, text, "the table's configuration is not where it was");
            memory.put(path, configured.into()).await.unwrap();
        }
    }
}
