//! The lives of a query: on one worker or several, with and without checkpoints, as a backtest, as ad-hoc SQL.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::TimestampMicrosecondType;
use bytes::Bytes;
use coldstream::alarm::{AlarmPlan, RuleFile, StreamRows, Take, WatchedOutputs, WatchedPartition};
use coldstream::dataflow::checkpoint::stored;
use coldstream::dataflow::sql::{self, Extensions};
use coldstream::dataflow::{Graph, Timing};
use coldstream::history::backtest::{Backtest, Input};
use coldstream::schema::{DEAD_LETTERS, LATE_READINGS, MACHINE_ID, MACHINES, READINGS, TIMESTAMP};
use coldstream::source::decode::Decoder;
use datafusion::datasource::MemTable;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::case::{Case, arrow_schema, folder, machines, schema};
use super::input::{PARTITIONS, Piece, decoder, pieces};
use super::tables::{Tables, revised};

/// A partition's checkpoint as a store has it.
type Stored = Vec<(String, Bytes)>;

/// A worker: it has planned the queries itself and has some of the partitions.
struct Worker {
    graph: Arc<Graph>,
    rules: Arc<AlarmPlan>,
    decoder: Decoder,
    timing: Timing,
    partitions: BTreeMap<i32, WatchedPartition>,
}

impl Worker {
    fn new(case: &Case, timing: Timing) -> Self {
        let graph = case.plan();
        let streams = StreamRows::of(&graph);
        let rules = AlarmPlan::compile(&RuleFile::none(), &streams, &Extensions::default()).unwrap();
        let (rules, decoder, partitions) = (Arc::new(rules), decoder(), BTreeMap::new());
        Self { graph, rules, decoder, timing, partitions }
    }

    fn process(&mut self, piece: &Piece, tables: &mut Tables) {
        let decoded = self.decoder.decode(piece.partition, &piece.messages).unwrap();
        if let Some(dead) = decoded.dead {
            tables.push(DEAD_LETTERS, piece.partition, dead);
        }
        let partition = self.partitions.entry(piece.partition).or_insert_with(|| {
            let new = WatchedPartition::new(&self.graph, &self.rules, self.timing);
            knowing(new.unwrap())
        });
        let outputs = partition.process(&decoded.readings).unwrap();
        collect(&self.graph, piece.partition, outputs, tables);
    }

    /// Puts what has changed of a partition's state over what the store has of it.
    fn checkpoint(&mut self, partition: i32, store: &mut BTreeMap<i32, Stored>) {
        if let Some(core) = self.partitions.get_mut(&partition) {
            let before = store.remove(&partition).unwrap_or_default();
            store.insert(partition, stored(&before, core.checkpoint().unwrap()).unwrap());
        }
    }

    /// Takes a partition up from the store.
    fn take(&mut self, partition: i32, state: &Stored) {
        let restored = WatchedPartition::restore(&self.graph, &self.rules, self.timing, state, Take::All);
        self.partitions.insert(partition, knowing(restored.unwrap()));
    }

    fn finish(mut self, tables: &mut Tables) {
        for (number, mut partition) in std::mem::take(&mut self.partitions) {
            collect(&self.graph, number, partition.finish().unwrap(), tables);
        }
    }
}

/// A partition that knows of the machines what is known of them.
fn knowing(mut partition: WatchedPartition) -> WatchedPartition {
    let news = partition.set_machines(&machines()).unwrap();
    assert!(
        news.is_none(),
        "to a partition without readings, or one that has been told before, nothing is new"
    );
    partition
}

fn collect(graph: &Graph, partition: i32, outputs: WatchedOutputs, tables: &mut Tables) {
    for (position, batch) in outputs.streams.streams {
        tables.push(&graph.streams()[position].name, partition, batch);
    }
    for (position, batch) in outputs.streams.revised {
        tables.push(&revised(&graph.streams()[position].name), partition, batch);
    }
    if let Some(late) = outputs.streams.late {
        tables.push(LATE_READINGS, partition, late);
    }
}

/// One batch for each partition.
pub fn straight(case: &Case) -> BTreeMap<String, RecordBatch> {
    cut(case, &[usize::MAX], case.timing)
}

/// Batches of these lengths in turn.
pub fn cut(case: &Case, lengths: &[usize], timing: Timing) -> BTreeMap<String, RecordBatch> {
    run(case, &pieces(lengths), timing)
}

/// These messages on one worker.
pub fn run(case: &Case, pieces: &[Piece], timing: Timing) -> BTreeMap<String, RecordBatch> {
    let mut tables = Tables::default();
    let mut worker = Worker::new(case, timing);
    for piece in pieces {
        worker.process(piece, &mut tables);
    }
    worker.finish(&mut tables);
    tables.whole()
}

/// Batches of these lengths; after each, the partition's state is put away and taken out again by a worker that
/// has planned the queries itself.
pub fn restored(case: &Case, lengths: &[usize]) -> BTreeMap<String, RecordBatch> {
    let mut tables = Tables::default();
    let mut store = BTreeMap::new();
    let mut workers = [Worker::new(case, case.timing), Worker::new(case, case.timing)];
    let mut owner = [0usize; PARTITIONS as usize];
    for piece in pieces(lengths) {
        let owner = &mut owner[piece.partition as usize];
        workers[*owner].process(&piece, &mut tables);
        workers[*owner].checkpoint(piece.partition, &mut store);
        workers[*owner].partitions.remove(&piece.partition);
        *owner = 1 - *owner;
        workers[*owner].take(piece.partition, &store[&piece.partition]);
    }
    workers.into_iter().for_each(|worker| worker.finish(&mut tables));
    tables.whole()
}

/// One worker for the first third of the batches, then three, then two. After each batch the partition's state is
/// written, and it moves with what the store has of it.
pub fn rescaled(case: &Case, lengths: &[usize]) -> BTreeMap<String, RecordBatch> {
    let mut tables = Tables::default();
    let mut store = BTreeMap::new();
    let pieces = pieces(lengths);
    let scales = BTreeMap::from([(0, 1), (pieces.len() / 3, 3), (pieces.len() * 2 / 3, 2)]);
    let mut workers: Vec<Worker> = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        if let Some(&scale) = scales.get(&number) {
            workers = (0..scale).map(|_| Worker::new(case, case.timing)).collect();
            for (partition, state) in &store {
                workers[*partition as usize % scale].take(*partition, state);
            }
        }
        let scale = workers.len();
        let worker = &mut workers[piece.partition as usize % scale];
        worker.process(piece, &mut tables);
        worker.checkpoint(piece.partition, &mut store);
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
    run_backtest(case, &Input::Parquet(path), case.timing)
}

/// `coldstream backtest` over the JSON lines, which are one partition, with all the patience it takes for no reading to
/// be late.
pub fn backtest_of_lines(case: &Case, timing: Timing) -> BTreeMap<String, RecordBatch> {
    run_backtest(case, &Input::Jsonl(folder("readings.jsonl")), timing)
}

fn run_backtest(case: &Case, input: &Input, timing: Timing) -> BTreeMap<String, RecordBatch> {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let graph = case.plan();
    let rules = AlarmPlan::compile(&RuleFile::none(), &StreamRows::of(&graph), &Extensions::default());
    let plans = (Arc::clone(&graph), Arc::new(rules.unwrap()));
    let backtest = Backtest::new(plans, schema(), (timing, 600_000_000), &out, &|_| {}).unwrap();
    let backtest = backtest.with_machines(Arc::unwrap_or_clone(machines()));
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
    register(READINGS, if case.timing.drop_duplicates { first_of_each(&readings()) } else { readings() });
    let senders = readings().column_by_name(MACHINE_ID).unwrap().as_string::<i32>().clone();
    let senders: BTreeSet<&str> = senders.iter().flatten().collect();
    register(MACHINES, machines().rows(&senders.into_iter().collect::<Vec<_>>()).unwrap());
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

/// Readings without those whose machine and instant have come before.
fn first_of_each(readings: &RecordBatch) -> RecordBatch {
    let machines = readings.column_by_name(MACHINE_ID).unwrap().as_string::<i32>();
    let times = readings.column_by_name(TIMESTAMP).unwrap().as_primitive::<TimestampMicrosecondType>();
    let mut seen = HashSet::new();
    let first = |(machine, ts)| Some(seen.insert((machine, ts)));
    let mask: BooleanArray = machines.iter().zip(times.iter()).map(first).collect();
    filter_record_batch(readings, &mask).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
