//! The lives of a query: on one worker or several, with and without checkpoints, as a backtest, as ad-hoc SQL.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use coldstream::alarm::{AlarmPlan, RuleFile, StreamRows, WatchedOutputs, WatchedPartition};
use coldstream::dataflow::Graph;
use coldstream::dataflow::sql::{self, Extensions};
use coldstream::history::backtest::{Backtest, Input};
use coldstream::schema::{DEAD_LETTERS, LATE_READINGS, READINGS};
use coldstream::source::decode::Decoder;
use datafusion::datasource::MemTable;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::case::{Case, arrow_schema, folder, schema};
use super::input::{PARTITIONS, Piece, decoder, pieces};
use super::tables::Tables;

/// A worker: it has planned the queries itself and has some of the partitions.
struct Worker {
    graph: Arc<Graph>,
    rules: Arc<AlarmPlan>,
    decoder: Decoder,
    max_delay: i64,
    partitions: BTreeMap<i32, WatchedPartition>,
}

impl Worker {
    fn new(case: &Case, max_delay: i64) -> Self {
        let graph = case.plan();
        let streams = StreamRows::of(&graph);
        let rules = AlarmPlan::compile(&RuleFile::none(), &streams, &Extensions::default()).unwrap();
        let (rules, decoder, partitions) = (Arc::new(rules), decoder(), BTreeMap::new());
        Self { graph, rules, decoder, max_delay, partitions }
    }

    fn process(&mut self, piece: &Piece, tables: &mut Tables) {
        let decoded = self.decoder.decode(piece.partition, &piece.messages).unwrap();
        if let Some(dead) = decoded.dead {
            tables.push(DEAD_LETTERS, piece.partition, dead);
        }
        let partition = self
            .partitions
            .entry(piece.partition)
            .or_insert_with(|| WatchedPartition::new(&self.graph, &self.rules, self.max_delay).unwrap());
        let outputs = partition.process(&decoded.readings).unwrap();
        collect(&self.graph, piece.partition, outputs, tables);
    }

    /// The partition's state as a checkpoint stores it; the worker forgets it.
    fn give(&mut self, partition: i32) -> Option<Vec<(String, bytes::Bytes)>> {
        self.partitions.remove(&partition).map(|mut p| p.encode().unwrap())
    }

    fn take(&mut self, partition: i32, state: &[(String, bytes::Bytes)]) {
        let restored = WatchedPartition::restore(&self.graph, &self.rules, self.max_delay, state, true);
        self.partitions.insert(partition, restored.unwrap());
    }

    fn finish(mut self, tables: &mut Tables) {
        for (number, mut partition) in std::mem::take(&mut self.partitions) {
            collect(&self.graph, number, partition.finish().unwrap(), tables);
        }
    }
}

fn collect(graph: &Graph, partition: i32, outputs: WatchedOutputs, tables: &mut Tables) {
    for (position, batch) in outputs.streams.streams {
        tables.push(&graph.streams()[position].name, partition, batch);
    }
    if let Some(late) = outputs.streams.late {
        tables.push(LATE_READINGS, partition, late);
    }
}

/// One batch for each partition.
pub fn straight(case: &Case) -> BTreeMap<String, RecordBatch> {
    cut(case, &[usize::MAX], case.max_delay)
}

/// Batches of these lengths in turn.
pub fn cut(case: &Case, lengths: &[usize], max_delay: i64) -> BTreeMap<String, RecordBatch> {
    let mut tables = Tables::default();
    let mut worker = Worker::new(case, max_delay);
    for piece in pieces(lengths) {
        worker.process(&piece, &mut tables);
    }
    worker.finish(&mut tables);
    tables.whole()
}

/// Batches of these lengths; after each, the partition's state is put away and taken out again by a worker that
/// has planned the queries anew.
pub fn restored(case: &Case, lengths: &[usize]) -> BTreeMap<String, RecordBatch> {
    let mut tables = Tables::default();
    let mut workers = [Worker::new(case, case.max_delay), Worker::new(case, case.max_delay)];
    let mut owner = 0;
    for piece in pieces(lengths) {
        workers[owner].process(&piece, &mut tables);
        for partition in 0..PARTITIONS {
            if let Some(state) = workers[owner].give(partition) {
                workers[1 - owner].take(partition, &state);
            }
        }
        owner = 1 - owner;
    }
    workers.into_iter().for_each(|worker| worker.finish(&mut tables));
    tables.whole()
}

/// One worker for the first third of the batches, then three, then two. A partition moves with its state.
pub fn rescaled(case: &Case, lengths: &[usize]) -> BTreeMap<String, RecordBatch> {
    let mut tables = Tables::default();
    let pieces = pieces(lengths);
    let mut workers = vec![Worker::new(case, case.max_delay)];
    for (number, piece) in pieces.iter().enumerate() {
        let scale = if number == pieces.len() / 3 {
            Some(3)
        } else if number == pieces.len() * 2 / 3 {
            Some(2)
        } else {
            None
        };
        if let Some(scale) = scale {
            let mut old = std::mem::take(&mut workers);
            workers = (0..scale).map(|_| Worker::new(case, case.max_delay)).collect();
            for partition in 0..PARTITIONS {
                let state = old.iter_mut().find_map(|worker| worker.give(partition));
                if let Some(state) = state {
                    workers[partition as usize % scale].take(partition, &state);
                }
            }
        }
        let scale = workers.len();
        workers[piece.partition as usize % scale].process(piece, &mut tables);
    }
    workers.into_iter().for_each(|worker| worker.finish(&mut tables));
    tables.whole()
}

/// The accepted readings of all partitions, partition after partition.
pub fn readings() -> RecordBatch {
    let mut decoder = decoder();
    let mut pieces = pieces(&[usize::MAX]);
    pieces.sort_by_key(|piece| piece.partition);
    let batches: Vec<RecordBatch> =
        pieces.iter().map(|p| decoder.decode(p.partition, &p.messages).unwrap().readings).collect();
    concat_batches(&arrow_schema(), &batches).unwrap()
}

/// Writes readings as the archive's files have them.
pub fn write_parquet(path: &std::path::Path, batch: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// `coldstream backtest` over a Parquet file of the readings.
pub fn backtest(case: &Case) -> BTreeMap<String, RecordBatch> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("readings.parquet");
    write_parquet(&path, &readings());
    run_backtest(case, &Input::Parquet(path), case.max_delay)
}

/// `coldstream backtest` over the JSON lines, which are one partition, with all the patience it takes for no reading to
/// be late.
pub fn backtest_of_lines(case: &Case, max_delay: i64) -> BTreeMap<String, RecordBatch> {
    run_backtest(case, &Input::Jsonl(folder("readings.jsonl")), max_delay)
}

fn run_backtest(case: &Case, input: &Input, max_delay: i64) -> BTreeMap<String, RecordBatch> {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let graph = case.plan();
    let rules = AlarmPlan::compile(&RuleFile::none(), &StreamRows::of(&graph), &Extensions::default());
    let plans = (Arc::clone(&graph), Arc::new(rules.unwrap()));
    let backtest = Backtest::new(plans, schema(), (max_delay, 600_000_000), &out, &|_| {}).unwrap();
    let summary = block_on(backtest.run(input)).unwrap();
    let mut tables = Tables::default();
    for (table, rows) in &summary.rows {
        let file = File::open(out.join(table).join("part-0.parquet")).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(|b| b.num_rows() as u64).sum::<u64>(), *rows, "{table}");
        if table != DEAD_LETTERS {
            batches.iter().for_each(|batch| tables.push_mixed(table, batch));
        }
    }
    tables.whole()
}

/// The queries as ad-hoc SQL: over a table of the readings, or of the rows of the stream that is read.
pub fn ad_hoc(case: &Case, finished: &BTreeMap<String, RecordBatch>) -> BTreeMap<String, RecordBatch> {
    let session = sql::session(&Extensions::default(), 1);
    let register = |name: &str, batch: RecordBatch| {
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
        session.register_table(name, Arc::new(table)).unwrap();
    };
    register(READINGS, readings());
    for (name, batch) in finished {
        register(name, batch.clone());
    }
    let rows = |sql: &str| {
        block_on(async {
            let plan = sql::logical_plan(&session.state(), sql).await.unwrap();
            let frame = session.execute_logical_plan(plan).await.unwrap();
            let schema = Arc::clone(frame.schema().inner());
            concat_batches(&schema, &frame.collect().await.unwrap()).unwrap()
        })
    };
    case.queries.iter().map(|query| (query.name.clone(), rows(&query.sql))).collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
