use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::util::pretty::pretty_format_batches;
use proptest::prelude::*;

use crate::dataflow::checkpoint::stored;
use crate::dataflow::testing::{Row, SECOND, batch, graph_of, rows};
use crate::dataflow::{Graph, Outputs, Partition, Timing};
use crate::machine::{Machine, Machines, Quantity, columns};

/// Joins before, after and without a window, in the ways to write them.
const QUERIES: [(&str, &str); 4] = [
    (
        "plain",
        "SELECT r.timestamp, r.machine_id, r.kafka_offset, r.x, m.known, m.site, m.rated_current
         FROM readings r JOIN machines m ON m.machine_id = r.machine_id",
    ),
    (
        "after",
        "SELECT w.machine_id, w.window_time, w.n, m.site, m.altitude
         FROM (SELECT machine_id, window_time, count(*) AS n FROM readings
               GROUP BY machine_id, hop(timestamp, INTERVAL '5 seconds', INTERVAL '15 seconds')) w
         LEFT JOIN machines m USING (machine_id)",
    ),
    (
        "before",
        "SELECT r.machine_id, window_time, m.site, count(*) AS n, sum(r.x * m.rated_current) AS s
         FROM readings AS r INNER JOIN machines AS m ON r.machine_id = m.machine_id
         WHERE m.known OR r.x > -15
         GROUP BY r.machine_id, m.site, tumble(r.timestamp, INTERVAL '10 seconds')",
    ),
    (
        "twice",
        "SELECT p.timestamp, m.machine_id, p.site AS was, m.site FROM plain p JOIN machines m USING (machine_id)",
    ),
];

fn graph() -> Arc<Graph> {
    static GRAPH: LazyLock<Arc<Graph>> = LazyLock::new(|| Arc::new(graph_of(&QUERIES).unwrap()));
    Arc::clone(&GRAPH)
}

/// The file number `k`: what it says of each of three machines, of which it does not know all.
fn file(k: u8) -> Arc<Machines> {
    let knows = |machine: u8| (k >> machine) & 1 == 1;
    let entries = (0..3).filter(|m| knows(*m)).map(|m| {
        let machine = Machine { site: Some(format!("site {}", k / 2)), ..Machine::default() };
        (format!("m{m}"), machine.with(Quantity::RatedCurrent, f64::from(k) + 0.5))
    });
    let defaults = Machine { site: Some(format!("nowhere {}", k / 4)), ..Machine::default() };
    Arc::new(Machines::new(defaults, entries.collect()).unwrap())
}

/// What happens to a partition, besides that readings come.
#[derive(Debug, Clone)]
enum Event {
    Readings(usize),
    File(u8),
    Restore,
    /// All since the last checkpoint is lost and done again.
    Crash,
    /// The clock moves the watermark so far beyond the newest reading, seconds.
    Silence(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        5 => (1usize..15).prop_map(Event::Readings),
        3 => (0u8..16).prop_map(Event::File),
        2 => Just(Event::Restore),
        1 => Just(Event::Crash),
        1 => (1i64..60).prop_map(Event::Silence),
    ];
    prop::collection::vec(event, 1..40)
}

/// What a table holds in the end.
#[derive(Debug, Default, Clone)]
struct Given {
    streams: BTreeMap<usize, Vec<RecordBatch>>,
    machines: Vec<RecordBatch>,
}

impl Given {
    fn add(&mut self, outputs: Outputs) {
        outputs.streams.into_iter().for_each(|(i, rows)| self.streams.entry(i).or_default().push(rows));
        self.machines.extend(outputs.machines);
    }

    fn text(&self, graph: &Graph) -> Vec<String> {
        let text = |(i, stream): (usize, &crate::dataflow::graph::Stream)| {
            let rows = concat_batches(&stream.schema, self.streams.get(&i).into_iter().flatten()).unwrap();
            format!("{}\n{}", stream.name, pretty_format_batches(&[rows]).unwrap())
        };
        graph.streams().iter().enumerate().map(text).collect()
    }
}

/// The rows of `plain`, by a model that takes readings one by one and knows nothing of batches and columns.
#[derive(Default, Clone)]
struct Model {
    file: u8,
    newest: Option<i64>,
    watermark: Option<i64>,
    /// For each machine what was true of it from when on.
    held: BTreeMap<u8, Vec<(i64, Said)>>,
    rows: Vec<(usize, Said)>,
}

/// Whether a machine is known, its site, its rated current.
type Said = (bool, String, Option<f64>);

fn said(k: u8, machine: u8) -> Said {
    match (k >> machine) & 1 {
        1 => (true, format!("site {}", k / 2), Some(f64::from(k) + 0.5)),
        _ => (false, format!("nowhere {}", k / 4), None),
    }
}

impl Model {
    fn set(&mut self, file: u8) {
        self.file = file;
        let from = self.newest.max(self.watermark).map_or(i64::MIN, |now| now + 1);
        for (machine, held) in &mut self.held {
            if held.last().unwrap().1 != said(file, *machine) {
                held.retain(|(since, _)| *since != from);
                held.push((from, said(file, *machine)));
            }
        }
    }

    fn reading(&mut self, offset: usize, (ts, machine, _): Row, delay: i64) {
        let ts = ts * SECOND;
        let held = self.held.entry(machine).or_insert_with(|| vec![(i64::MIN, said(self.file, machine))]);
        let row = held.iter().rev().find(|(since, _)| ts >= *since).unwrap();
        self.rows.push((offset, row.1.clone()));
        self.newest = self.newest.max(Some(ts));
        self.watermark = self.watermark.max(Some(ts - delay));
    }
}

/// What is kept in a store between two crashes.
#[derive(Clone)]
struct Store {
    pieces: Vec<(String, bytes::Bytes)>,
    given: Given,
    model: Model,
    at: usize,
}

/// A partition that lives through the events; crashes lose what no checkpoint holds, and the file of a process that
/// starts is the newest.
fn live(graph: &Arc<Graph>, rows: &[Row], events: &[Event], timing: Timing) -> (Given, Model) {
    let mut partition = Partition::new(graph, timing).unwrap();
    let (mut given, mut model, mut at) = (Given::default(), Model::default(), 0);
    let mut current = 0;
    given.machines.extend(partition.set_machines(&file(current)).unwrap());
    let mut store: Option<Store> = None;
    let last = Event::Readings(rows.len());
    for event in events.iter().chain([&last]) {
        match event {
            Event::Readings(most) => {
                let to = rows.len().min(at + most);
                given.add(partition.process(&batch(&rows[at..to], at)).unwrap());
                (at..to).for_each(|i| model.reading(i, rows[i], timing.max_delay));
                at = to;
            }
            Event::File(k) => {
                current = *k;
                given.machines.extend(partition.set_machines(&file(current)).unwrap());
                model.set(current);
            }
            Event::Silence(seconds) => {
                if let Some(newest) = partition.newest() {
                    let watermark = newest + seconds * SECOND - timing.max_delay;
                    given.add(partition.advance(watermark).unwrap());
                    model.watermark = model.watermark.max(Some(watermark));
                }
            }
            Event::Restore => {
                let before = store.map(|store| store.pieces).unwrap_or_default();
                let pieces = stored(&before, partition.checkpoint().unwrap()).unwrap();
                partition = Partition::restore(graph, timing, &pieces).unwrap();
                assert!(partition.set_machines(&file(current)).unwrap().is_none(), "the file is the same");
                store = Some(Store { pieces, given: given.clone(), model: model.clone(), at });
            }
            Event::Crash => {
                let Some(store) = &store else { continue };
                partition = Partition::restore(graph, timing, &store.pieces).unwrap();
                (given, model, at) = (store.given.clone(), store.model.clone(), store.at);
                given.machines.extend(partition.set_machines(&file(current)).unwrap());
                model.set(current);
            }
        }
    }
    given.add(partition.finish().unwrap());
    (given, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_row_meets_what_was_true_at_its_time(rows in rows(), events in events(), delay in 0i64..30) {
        let graph = graph();
        let timing = Timing::new(delay * SECOND);
        let (given, model) = live(&graph, &rows, &events, timing);

        // Row by row as the model has it, in the order of the readings.
        let plain = concat_batches(&graph.streams()[2].schema, &given.streams[&2]).unwrap();
        prop_assert_eq!(&*graph.streams()[2].name, "plain");
        let text = |name: &str| plain.column_by_name(name).unwrap().as_string::<i32>().clone();
        let offsets = plain.column_by_name("kafka_offset").unwrap().as_primitive::<arrow::datatypes::Int64Type>();
        let rated = plain.column_by_name("rated_current").unwrap().as_primitive::<arrow::datatypes::Float64Type>();
        let known = plain.column_by_name("known").unwrap().as_boolean();
        let found: Vec<(usize, Said)> = (0..plain.num_rows())
            .map(|row| {
                let rated = rated.is_valid(row).then(|| rated.value(row));
                (offsets.value(row) as usize, (known.value(row), text("site").value(row).into(), rated))
            })
            .collect();
        prop_assert_eq!(found, model.rows);

        // A backtest that is told the rows of the table gives the same, whatever happened. What a silent clock did to
        // windows is not part of the readings.
        let mut past = Partition::new(&graph, timing).unwrap();
        past.take_machines(&given.machines).unwrap();
        let mut again = Given::default();
        again.add(past.process(&batch(&rows, 0)).unwrap());
        again.add(past.finish().unwrap());
        prop_assert!(again.machines.is_empty(), "every machine is known already");
        if events.iter().any(|event| matches!(event, Event::Silence(_))) {
            prop_assert_eq!(&given.text(&graph)[2..], &again.text(&graph)[2..]);
        } else {
            prop_assert_eq!(given.text(&graph), again.text(&graph));
        }
    }
}

#[test]
fn a_new_file_gives_rows_for_what_it_changes_and_for_nothing_else() {
    let mut partition = Partition::new(&graph(), Timing::new(0)).unwrap();
    assert!(partition.set_machines(&file(0b001)).unwrap().is_none(), "no machine is there yet");
    let met = partition.process(&batch(&[(10, 0, None), (11, 1, None), (12, 0, None)], 0)).unwrap();
    assert_eq!(met.unknown, 1);
    let met = met.machines.unwrap();
    assert_eq!(met.num_rows(), 2);
    assert_eq!(met.column_by_name(columns::VALID_FROM).unwrap().null_count(), 2, "they hold for all time");
    // The same of m0; m1 is known now.
    let mut entries = vec![("m0".to_string(), file(0b001).machine("m0").0.clone())];
    entries.push(("m1".into(), Machine::default()));
    entries.push(("never seen".into(), Machine::default()));
    let defaults = Machine { site: Some("nowhere 0".into()), ..Machine::default() };
    let changed =
        partition.set_machines(&Arc::new(Machines::new(defaults, entries).unwrap())).unwrap().unwrap();
    assert_eq!(changed.num_rows(), 1);
    assert_eq!(changed.column(0).as_string::<i32>().value(0), "m1");
    let from =
        changed.column_by_name(columns::VALID_FROM).unwrap().as_primitive::<TimestampMicrosecondType>();
    assert_eq!(from.value(0), 12 * SECOND + 1);
}

#[test]
fn a_checkpoint_writes_the_machines_only_when_they_have_changed() {
    let mut partition = Partition::new(&graph(), Timing::new(0)).unwrap();
    let written = |partition: &mut Partition| {
        let parts = partition.checkpoint().unwrap();
        let part = parts.into_iter().find(|part| part.name == "machines").unwrap();
        !matches!(part.content, crate::dataflow::checkpoint::Content::Kept)
    };
    assert!(written(&mut partition), "the first has nothing to keep");
    assert!(!written(&mut partition));
    partition.process(&batch(&[(1, 0, None)], 0)).unwrap();
    assert!(written(&mut partition));
    partition.process(&batch(&[(2, 0, None)], 1)).unwrap();
    assert!(!written(&mut partition));
    partition.set_machines(&file(7)).unwrap().unwrap();
    assert!(written(&mut partition));
    partition.set_machines(&file(7)).unwrap();
    assert!(!written(&mut partition));
}

#[test]
fn the_optimizer_leaves_the_columns_out_that_nobody_asks_for() {
    let graph = graph_of(&[(
        "q",
        "SELECT r.timestamp, r.machine_id, m.site FROM readings r JOIN machines m USING (machine_id)",
    )])
    .unwrap();
    let crate::dataflow::graph::Stage::Segment(plan) = &graph.streams()[0].stages[0] else { panic!() };
    let shown = datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string();
    assert!(shown.contains("MachineJoinExec: [site]"), "{shown}");
    assert!(!shown.contains("HashJoin") && !shown.contains("Repartition"), "{shown}");
}

#[test]
fn the_fingerprint_is_of_the_queries_and_not_of_the_machines() {
    let (one, other) = (graph(), graph_of(&QUERIES).unwrap());
    let mut partition = Partition::new(&one, Timing::new(0)).unwrap();
    partition.set_machines(&file(3)).unwrap();
    assert_eq!(partition.graph().fingerprint(), other.fingerprint());
}

#[test]
fn other_joins_are_refused_where_they_stand() {
    let cases = [
        ("SELECT r.machine_id, r.timestamp FROM readings r\nRIGHT JOIN machines m USING (machine_id)", 2),
        (
            "SELECT r.machine_id, r.timestamp FROM readings r\n JOIN machines m ON m.machine_id = r.machine_id AND m.known",
            2,
        ),
        ("SELECT r.machine_id, r.timestamp FROM readings r\n JOIN machines m ON m.site = r.machine_id", 2),
        ("SELECT r.machine_id, r.timestamp FROM readings r\n CROSS JOIN machines m", 2),
        ("SELECT m.machine_id\nFROM machines m", 2),
        ("SELECT r.machine_id, r.timestamp FROM\nmachines m JOIN readings r USING (machine_id)", 2),
        ("SELECT r.machine_id, r.timestamp FROM readings r, \n machines m", 2),
        ("SELECT r.machine_id, r.timestamp FROM readings r\n JOIN readings s USING (machine_id)", 2),
        (
            "SELECT r.machine_id, r.t AS timestamp FROM (SELECT machine_id, timestamp + INTERVAL '1 s' AS t FROM readings) r\n \
             JOIN machines m USING (machine_id)",
            2,
        ),
        (
            "SELECT r.machine_id, r.timestamp FROM (SELECT machine_id || '' AS machine_id, timestamp FROM readings) r\n \
             JOIN machines m USING (machine_id)",
            2,
        ),
    ];
    for (sql, line) in cases {
        let error = graph_of(&[("q", sql)]).expect_err(sql);
        assert!(error.to_string().starts_with(&format!("q.sql:{line}: ")), "{sql}\n{error}");
        assert!(error.hint().is_some(), "{sql}\n{error}");
    }
}

#[test]
fn machines_is_no_name_for_a_query() {
    for name in ["machines", "machine_versions"] {
        let error = graph_of(&[(name, "SELECT * FROM readings")]).unwrap_err();
        assert!(error.to_string().contains("is taken"), "{error}");
    }
}
