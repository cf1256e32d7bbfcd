//! The cases as files: `cases/NAME.sql`, or `cases/NAME/*.sql` where streams are chained.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use coldstream::dataflow::sql::Extensions;
use coldstream::dataflow::{Graph, Query, Timing};
use coldstream::machine::Machines;
use coldstream::schema::{Column, ColumnType, LATE_READINGS, ReadingSchema};
use coldstream::simulate::parse_duration;

/// One case: its queries and the settings that their first comments name.
#[derive(Debug)]
pub struct Case {
    /// Name of the file or folder.
    pub name: String,
    /// Its queries.
    pub queries: Vec<Query>,
    /// From `-- max_delay: 5s`, `-- allowed_lateness: 1m` and `-- duplicates: drop` in a query.
    pub timing: Timing,
    /// Whether it has a folder of its own.
    folder: bool,
}

impl Case {
    /// All cases, by name.
    pub fn all() -> Vec<Self> {
        let mut cases: Vec<Self> = entries(&folder("cases")).iter().map(|path| Self::load(path)).collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        cases
    }

    fn load(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        let is_folder = path.is_dir();
        let queries =
            if is_folder { Query::load_dir(path).unwrap() } else { vec![query(&name, &read(path))] };
        let setting = |key: &str| {
            let mark = format!("-- {key}: ");
            queries.iter().flat_map(|q| q.sql.lines()).find_map(|line| line.strip_prefix(&mark))
        };
        let length = |key: &str| setting(key).map(|text| parse_duration(text.trim()).unwrap());
        let mut timing = Timing::new(length("max_delay").unwrap_or(5_000_000));
        timing.allowed_lateness = length("allowed_lateness").unwrap_or_default();
        timing.drop_duplicates = setting("duplicates").is_some_and(|text| text.trim() == "drop");
        Self { name, timing, folder: is_folder, queries }
    }

    /// A case of one query, which has no files.
    pub fn of(name: &str, sql: &str) -> Self {
        let timing = Timing::new(5_000_000);
        Self { name: name.into(), queries: vec![query(name, sql)], timing, folder: false }
    }

    /// The queries, planned afresh.
    pub fn plan(&self) -> Arc<Graph> {
        let planned = Graph::plan(self.queries.clone(), &schema().arrow(), &Extensions::default(), "");
        Arc::new(planned.unwrap_or_else(|error| panic!("{}: {error} ({:?})", self.name, error.hint())))
    }

    /// The file with the rows of one of its tables, `expected/CASE.csv` or `expected/CASE/STREAM.csv`. What a stream
    /// gave again is in `….revised.csv`, what was late for the case in `CASE.late.csv`.
    pub fn expected(&self, table: &str) -> PathBuf {
        let table = if table == LATE_READINGS { format!("{}.late", self.name) } else { table.to_string() };
        let folder = folder("expected");
        if self.folder { folder.join(&self.name) } else { folder }.join(format!("{table}.csv"))
    }
}

/// What is known of the machines of `readings.jsonl`.
pub fn machines() -> Arc<Machines> {
    Arc::new(Machines::load(&folder("machines.toml")).unwrap())
}

/// A query with the name of its stream.
pub fn query(name: &str, sql: &str) -> Query {
    Query { name: name.into(), file: format!("{name}.sql"), sql: sql.into() }
}

/// The columns of `readings.jsonl`: the built-in ones, a switch and a counter.
pub fn schema() -> ReadingSchema {
    let extra = [("defrost", ColumnType::Boolean), ("door_openings", ColumnType::Int64)];
    let extra = extra.map(|(name, kind)| Column { name: name.into(), kind, unit: String::new() });
    ReadingSchema::with_extra(&extra).unwrap()
}

/// The Arrow schema of [`schema`].
pub fn arrow_schema() -> SchemaRef {
    schema().arrow()
}

/// `tests/golden/NAME`.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A text file.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
