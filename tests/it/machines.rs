//! What is known of the machines, changed while readings come: live, after a kill and in a backtest the rows are the same.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use crate::parts::kafka::{Kafka, Message};
use crate::parts::process::Process;
use crate::parts::wait;
use crate::serving::get;
use crate::worker::{Store, Worker};

/// How long anything here may take.
const LONG: Duration = Duration::from_secs(120);
const PARTITIONS: i32 = 2;
const MACHINES: u32 = 8;

/// Rows, windows with a join before them, windows with one behind them.
const QUERIES: [(&str, &str); 3] = [
    (
        "joined",
        "SELECT r.timestamp, r.machine_id, r.kafka_partition, r.kafka_offset, m.known, m.site, m.rated_current
         FROM readings r JOIN machines m ON m.machine_id = r.machine_id",
    ),
    (
        "loads",
        "SELECT r.machine_id, m.site, window_end, window_time, count(*) AS n, avg(r.compressor_current / m.rated_current) AS load
         FROM readings r JOIN machines m USING (machine_id)
         GROUP BY r.machine_id, m.site, hop(r.timestamp, INTERVAL '5 seconds', INTERVAL '20 seconds')",
    ),
    (
        "minutes",
        "SELECT w.machine_id, w.window_time, w.n, m.site, m.pressure_high_max
         FROM (SELECT machine_id, window_time, count(*) AS n FROM readings
               GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')) w
         LEFT JOIN machines m USING (machine_id)",
    ),
];

/// A Coldstream with these queries and a file of machines.
struct Plant {
    worker: Worker,
    /// Event time of the next readings, seconds.
    at: u32,
}

impl Plant {
    fn new() -> Self {
        let worker = Worker::new(
            "machines",
            PARTITIONS,
            Store::Folder,
            "idle_timeout = \"1h\"\n[machines]\nfile = \"machines.toml\"",
        );
        let queries = worker.dir.path().join("queries");
        fs::create_dir(&queries).unwrap();
        for (name, sql) in QUERIES {
            fs::write(queries.join(format!("{name}.sql")), sql).unwrap();
        }
        let config = fs::read_to_string(worker.config()).unwrap();
        let lines = config
            .lines()
            .map(|line| if line.starts_with("queries") { "queries = \"queries\"" } else { line });
        fs::write(worker.config(), lines.collect::<Vec<_>>().join("\n")).unwrap();
        Self { worker, at: 0 }
    }

    /// Writes the file: the machines with ids below `known`, at `site`.
    fn say(&self, site: &str, known: u32) {
        let entries = (0..known).map(|id| {
            format!(
                "[[machines]]\nid = {id}\nsite = \"{site}\"\nrefrigerant = \"R134a\"\nrated_current = {}\n",
                7 + id
            )
        });
        let text = format!("[defaults]\nsite = \"near {site}\"\n{}", entries.collect::<String>());
        fs::write(self.worker.dir.path().join("machines.toml"), text).unwrap();
    }

    /// Readings of so many seconds, every fifth second sent 3 seconds late.
    fn send(&mut self, seconds: u32) {
        let mut messages = Vec::new();
        for second in self.at..self.at + seconds {
            let sent = if second % 5 == 4 && second > 8 { second - 3 } else { second };
            for machine in 0..MACHINES {
                let payload = format!(
                    r#"{{"timestamp":"2024-01-01T00:{:02}:{:02}.{machine:03}Z","machine_id":{machine},"compressor_current":{}}}"#,
                    sent / 60,
                    sent % 60,
                    f64::from(5 + (sent * machine) % 7) / 2.0,
                );
                let key = machine.to_string().into_bytes();
                messages.push(Message {
                    partition: (machine as i32) % PARTITIONS,
                    key,
                    payload: payload.into_bytes(),
                });
            }
        }
        self.at += seconds;
        Kafka::shared().send(&self.worker.topic, messages);
    }

    /// Sends readings until `done`.
    #[track_caller]
    fn send_until(&mut self, what: &str, mut done: impl FnMut(&Worker) -> bool) {
        wait::until(what, LONG, || {
            self.send(1);
            if done(&self.worker) { Ok(()) } else { Err(get(self.worker.port, "/metrics")) }
        });
    }

    fn metric(worker: &Worker, name: &str) -> f64 {
        let answer = get(worker.port, "/metrics");
        let value = answer.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        value.unwrap_or_default()
    }

    fn sent(&self) -> u64 {
        u64::from(self.at * MACHINES)
    }

    /// Waits until everything that was sent is in the tables.
    #[track_caller]
    fn settle(&self, process: &mut Process) {
        self.worker.wait_for_rows(process, "readings", self.sent(), LONG);
    }
}

#[test]
fn a_file_of_machines_that_changes_under_load_is_reproduced_by_a_backtest() {
    let taken = "coldstream_machines_file_changes_total{outcome=\"taken\"}";
    let refused = "coldstream_machines_file_refused";
    let mut plant = Plant::new();
    plant.say("first", 5);
    let mut process = plant.worker.start();
    plant.send(60);
    plant.settle(&mut process);
    assert_eq!(Plant::metric(&plant.worker, "coldstream_unknown_machines"), 3.0);

    // It changes while readings come, and again.
    plant.say("second", 6);
    plant.send_until("the second file", |worker| Plant::metric(worker, taken) >= 1.0);
    plant.send(20);
    plant.say("third", 8);
    plant.send_until("the third file", |worker| Plant::metric(worker, taken) >= 2.0);
    plant.send_until("all machines known", |worker| {
        Plant::metric(worker, "coldstream_unknown_machines") == 0.0
    });
    plant.send(5);
    plant.settle(&mut process);

    // A mistake changes nothing, and is seen.
    fs::write(
        plant.worker.dir.path().join("machines.toml"),
        "[[machines]]\nid = 3\nrefrigerant = \"R999\"\n",
    )
    .unwrap();
    plant.send_until("the file is refused", |worker| Plant::metric(worker, refused) == 1.0);
    assert!(process.stderr().contains("machine `3`: refrigerant: `R999`"), "{}", process.tail());

    // The process is killed with the next file taken or not, in its tables or not, and starts with yet another.
    plant.say("fourth", 8);
    plant.send_until("the fourth file", |worker| Plant::metric(worker, taken) >= 3.0);
    plant.send(2);
    process.kill();
    plant.say("fifth", 4);
    plant.send(10);
    let mut process = plant.worker.start();
    plant.settle(&mut process);
    plant.send(30);
    plant.settle(&mut process);

    // The server says what is true now, of what is committed and what is not.
    let url = format!("http://127.0.0.1:{}", plant.worker.port);
    let sql = "SELECT machine_id, known, site FROM machines ORDER BY machine_id";
    let now = plant.worker.output(&["query", sql, "--server", &url, "--format", "csv"]);
    let expected: Vec<String> = (0..8)
        .map(|id| if id < 4 { format!("{id},true,fifth") } else { format!("{id},false,near fifth") })
        .collect();
    assert_eq!(now.lines().skip(1).collect::<Vec<_>>(), expected);
    let status = get(plant.worker.port, "/api/machines/5");
    assert!(status.contains("\"site\":\"near fifth\""), "{status}");
    assert!(process.terminate().success(), "{}", process.tail());

    let worker = &plant.worker;
    assert_eq!(worker.number("SELECT count(*) FROM readings"), plant.sent() as i64);
    assert_eq!(worker.number("SELECT count(*) FROM joined"), plant.sent() as i64);
    assert_eq!(worker.number("SELECT count(*) FROM late_readings"), 0);
    let sites = worker.sql("SELECT DISTINCT site FROM joined WHERE machine_id = '1'");
    let sites: BTreeSet<&str> = sites.column(0).as_string::<i32>().iter().flatten().collect();
    assert!(sites.is_superset(&["first", "second", "third", "fifth"].into()), "{sites:?}");
    // Each row met what the table of the machines says for its time: by plain SQL, which knows nothing of batches.
    let wrong = "SELECT count(*) FROM (
                     SELECT j.site, m.site AS said, row_number() OVER (PARTITION BY j.kafka_partition, j.kafka_offset
                            ORDER BY m.valid_from DESC NULLS LAST, m.version DESC) AS place
                     FROM joined j JOIN machines m ON m.machine_id = j.machine_id AND m.kafka_partition = j.kafka_partition
                          AND (m.valid_from IS NULL OR m.valid_from <= j.timestamp))
                 WHERE place = 1 AND site <> said";
    assert_eq!(worker.number(wrong), 0);

    let out = worker.dir.path().join("backtest");
    let queries = worker.dir.path().join("queries").display().to_string();
    let out_arg = out.display().to_string();
    worker.output(&["backtest", "--input", &worker.url, "--queries", &queries, "--out", &out_arg]);
    for (table, time) in [("joined", "timestamp"), ("loads", "window_time"), ("minutes", "window_time")] {
        // A backtest closes its last windows; the stream has not.
        let both = format!(
            "WITH live AS (SELECT * EXCLUDE (date) FROM {table}),
                  ends AS (SELECT machine_id, max({time}) AS last FROM live GROUP BY machine_id),
                  past AS (SELECT a.* FROM again a JOIN ends e ON e.machine_id = a.machine_id AND a.{time} <= e.last)
             SELECT count(*) FROM ((SELECT * FROM live EXCEPT ALL SELECT * FROM past) UNION ALL
                                   (SELECT * FROM past EXCEPT ALL SELECT * FROM live))"
        );
        let differing = worker.sql_with(&[("again", &out.join(table))], &both);
        assert_eq!(differing.column(0).as_primitive::<Int64Type>().value(0), 0, "{table}");
        assert!(worker.number(&format!("SELECT count(*) FROM {table}")) > 50, "{table}");
    }

    // Another file for all time: what would have been.
    plant.say("always", 8);
    let (file, again) = (worker.dir.path().join("machines.toml"), worker.dir.path().join("again"));
    let (file, again_arg) = (file.display().to_string(), again.display().to_string());
    let args =
        ["backtest", "--input", &worker.url, "--queries", &queries, "--machines", &file, "--out", &again_arg];
    worker.output(&args);
    let sites = worker.sql_with(&[("again", &again.join("joined"))], "SELECT DISTINCT site FROM again");
    assert_eq!(sites.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["always"]);
}
