//! What a run gave: rows by table and Kafka partition, and how they are compared and written.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch, UInt32Array};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::Int32Type;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use coldstream::schema::{DEAD_LETTERS, KAFKA_OFFSET, KAFKA_PARTITION, LATE_READINGS, MACHINE_ID};

use super::input::partition_of;

/// Rows of every table, each Kafka partition's in the order in which they came out.
#[derive(Debug, Default)]
pub struct Tables(BTreeMap<String, BTreeMap<i32, Vec<RecordBatch>>>);

impl Tables {
    /// Appends rows of one partition.
    pub fn push(&mut self, table: &str, partition: i32, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            self.0.entry(table.into()).or_default().entry(partition).or_default().push(batch);
        }
    }

    /// Appends rows of several partitions, as a file has them: those that are given again among the others.
    pub fn push_mixed(&mut self, table: &str, batch: &RecordBatch) {
        let machines = batch.column_by_name(MACHINE_ID).unwrap().as_string::<i32>();
        let revisions = batch.column_by_name("revision").and_then(|c| c.as_primitive_opt::<Int32Type>());
        let mut rows: BTreeMap<(i32, bool), Vec<u32>> = BTreeMap::new();
        for (row, machine) in machines.iter().enumerate() {
            let again = revisions.is_some_and(|revisions| revisions.value(row) > 0);
            rows.entry((partition_of(machine.unwrap()), again)).or_default().push(row as u32);
        }
        for ((partition, again), rows) in rows {
            let table = if again { revised(table) } else { table.to_string() };
            self.push(&table, partition, take_record_batch(batch, &UInt32Array::from(rows)).unwrap());
        }
    }

    /// One batch for each table: partition after partition. Late readings and dead letters are noted beside the
    /// streams, so their order is that of Kafka.
    pub fn whole(&self) -> BTreeMap<String, RecordBatch> {
        let join = |(table, partitions): (&String, &BTreeMap<i32, Vec<RecordBatch>>)| {
            let batches: Vec<&RecordBatch> = partitions.values().flatten().collect();
            let mut whole = concat_batches(&batches[0].schema(), batches).unwrap();
            if [LATE_READINGS, DEAD_LETTERS].contains(&table.as_str()) {
                let keys = ["stream", KAFKA_PARTITION, KAFKA_OFFSET];
                let keys: Vec<_> = keys.iter().filter_map(|key| whole.column_by_name(key)).collect();
                let keys: Vec<_> =
                    keys.into_iter().map(|k| SortColumn { values: k.clone(), options: None }).collect();
                whole = take_record_batch(&whole, &lexsort_to_indices(&keys, None).unwrap()).unwrap();
            }
            (table.clone(), whole)
        };
        self.0.iter().map(join).collect()
    }
}

/// Under which name the rows are kept that a stream gave again.
pub fn revised(table: &str) -> String {
    format!("{table}.revised")
}

/// Both runs gave the same tables: types, bits of the floats, order of the rows.
#[track_caller]
pub fn assert_same(what: &str, left: &BTreeMap<String, RecordBatch>, right: &BTreeMap<String, RecordBatch>) {
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>(), "{what}: the tables");
    for (table, expected) in left {
        let found = &right[table];
        if expected == found {
            continue;
        }
        assert_eq!(expected.schema().fields(), found.schema().fields(), "{what}: {table}");
        let (expected, found) = (csv(expected), csv(found));
        let lines = expected.lines().zip(found.lines()).enumerate();
        let differing =
            lines.filter(|(_, (a, b))| a != b).take(3).map(|(i, (a, b))| format!("{i}: {a}\n   {b}"));
        panic!(
            "{what}: {table} differs: {} and {} rows\n{}",
            expected.lines().count() - 1,
            found.lines().count() - 1,
            differing.collect::<Vec<_>>().join("\n")
        );
    }
}

/// A table as text. Floats have the digits that tell them from any other, NULL is `NULL`.
pub fn csv(batch: &RecordBatch) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(batch.schema().fields().iter().map(|field| field.name())).unwrap();
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> =
        batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
    for row in 0..batch.num_rows() {
        out.write_record(columns.iter().map(|column| column.value(row).to_string())).unwrap();
    }
    String::from_utf8(out.into_inner().unwrap()).unwrap()
}

/// The rows of a table as sorted lines, below the line of their names.
pub fn sorted_lines(batch: &RecordBatch) -> Vec<String> {
    let text = csv(batch);
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    lines[1..].sort();
    lines
}

/// A batch without the columns that tell where a reading was read.
pub fn without_origin(batch: &RecordBatch) -> RecordBatch {
    let keep = |name: &str| ![KAFKA_PARTITION, KAFKA_OFFSET].contains(&name);
    let keep: Vec<usize> =
        (0..batch.num_columns()).filter(|&i| keep(batch.schema().field(i).name())).collect();
    batch.project(&keep).unwrap()
}
