//! What windows of an hour take in memory, every 10 s, for 10,000 machines. It prints, it measures no time.
//!
//! One reading a machine and pane: what a window holds is the states of its panes, however many readings made them.

#![allow(clippy::expect_used)] // a bench may stop at once

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use coldstream::dataflow::sql::Extensions;
use coldstream::dataflow::{Graph, Partition, Query, Timing};
use coldstream::schema::{ReadingSchema, TIMESTAMP};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MACHINES: usize = 10_000;
const SLIDE: i64 = 10_000_000;
const HOURS: i64 = 3;

const QUERIES: [(&str, &str); 2] = [
    (
        "one sensor: count, avg, min, max",
        "count(*) AS n, avg(superheat) AS a, min(superheat) AS b, max(superheat) AS c",
    ),
    (
        "three sensors: avg, min, max, stddev, slope each",
        "avg(superheat) AS a1, min(superheat) AS b1, max(superheat) AS c1, stddev(superheat) AS d1,
         regr_slope(superheat, date_part('epoch', timestamp)) AS e1,
         avg(subcooling) AS a2, min(subcooling) AS b2, max(subcooling) AS c2, stddev(subcooling) AS d2,
         regr_slope(subcooling, date_part('epoch', timestamp)) AS e2,
         avg(vibration) AS a3, min(vibration) AS b3, max(vibration) AS c3, stddev(vibration) AS d3,
         regr_slope(vibration, date_part('epoch', timestamp)) AS e3",
    ),
];

/// A reading of each machine at `ts`.
fn readings(graph: &Graph, ts: i64, offset: i64) -> RecordBatch {
    let source = graph.source();
    let columns = source.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            TIMESTAMP => Arc::new(TimestampMicrosecondArray::from_value(ts, MACHINES).with_timezone("UTC")),
            "machine_id" => {
                Arc::new((0..MACHINES).map(|m| Some(format!("machine-{m}"))).collect::<StringArray>())
            }
            "kafka_partition" => Arc::new(Int32Array::from_value(0, MACHINES)),
            "kafka_offset" => Arc::new(Int64Array::from_iter_values(offset..offset + MACHINES as i64)),
            "operating_mode" => arrow::array::new_null_array(field.data_type(), MACHINES),
            _ => {
                Arc::new(Float64Array::from_iter_values((0..MACHINES).map(|m| (m as i64 ^ ts) as f64 % 40.0)))
            }
        }
    });
    RecordBatch::try_new(Arc::clone(source), columns.collect()).expect("a batch")
}

/// Resident memory of this process, bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size");
    let kilobytes: usize = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number");
    kilobytes * 1024
}

fn main() {
    println!("{MACHINES} machines in one partition, windows of 1 h every 10 s, {HOURS} h of readings");
    for (name, values) in QUERIES {
        let sql = format!(
            "SELECT machine_id, window_end, window_time, {values} FROM readings
             GROUP BY machine_id, hop(timestamp, INTERVAL '10 seconds', INTERVAL '1 hour')"
        );
        let query = Query { name: "w".into(), file: "w.sql".into(), sql };
        let source = ReadingSchema::default().arrow();
        let graph = Arc::new(Graph::plan(vec![query], &source, &Extensions::default(), "").expect("a plan"));
        let before = resident();
        let mut partition = Partition::new(&graph, Timing::new(5_000_000)).expect("a partition");
        let (mut most, mut most_resident) = (0, 0);
        let panes = HOURS * 360;
        for pane in 0..panes {
            let batch = readings(&graph, pane * SLIDE, pane * MACHINES as i64);
            partition.process(&batch).expect("rows");
            if pane % 10 == 9 {
                most = most.max(partition.memory());
                most_resident = most_resident.max(resident().saturating_sub(before));
            }
            if pane % 360 == 359 {
                println!(
                    "{name}: after {} h {:.0} MB by its own account, at most {:.0} MB; the process grew by {:.0} MB at most",
                    (pane + 1) / 360,
                    partition.memory() as f64 / 1e6,
                    most as f64 / 1e6,
                    most_resident as f64 / 1e6
                );
            }
        }
    }
}
