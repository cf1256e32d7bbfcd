//! The example client in Python, generated from `proto/`, against the demo.

use std::process::Command;
use std::time::Duration;

use crate::parts::process::Process;
use crate::parts::{installed, wait};
use crate::worker::{Store, Worker, project, succeeded};

#[test]
fn the_python_client_lists_machines_and_watches_and_acknowledges_alarms() {
    let worker = Worker::new("unused", 1, Store::Folder, "");
    let server = format!("127.0.0.1:{}", worker.port);
    let python = |args: &[&str]| {
        let mut command = Command::new(installed("venv/bin/python"));
        command.arg(project().join("examples/python/client.py")).args(["--server", &server]).args(args);
        command
    };
    // Started first: a client must wait for a server that is not there yet.
    let mut watch = Process::spawn(&python(&["--language", "fr", "watch-alarms"]));
    watch.wait_for_line("trying again", Duration::from_secs(60));

    // A limit that every reading breaks, also that of a machine at rest: an alarm comes with the first of them.
    let rules = worker.dir.path().join("alarms.toml");
    let rule = "[[alarm]]\nname = \"every_reading\"\nstream = \"readings\"\nwhen = \"temp_evaporator > -100\"\n\
                severity = \"high\"\nvalue = \"temp_evaporator\"\nen = \"Evaporator {value} °C\"\nfr = \"Évaporateur {value} °C\"\n";
    std::fs::write(&rules, rule).unwrap();
    let (port, data) = (worker.port.to_string(), worker.dir.path().join("demo").display().to_string());
    let rules = rules.display().to_string();
    let demo = ["demo", "--machines", "3", "--port", &port, "--data", &data, "--alarms", &rules];
    let mut demo = Process::spawn(&worker.command(&demo));
    demo.wait_for_line("coldstream query", Duration::from_secs(60));

    let line = watch.wait_for_line("every_reading", Duration::from_secs(60));
    assert!(line.contains("  high     machine ") && line.contains(": Évaporateur "), "{line}");
    assert!(line.contains("(every_reading, open)"), "{line}");
    let episode = line.split_whitespace().last().unwrap();
    assert!(episode.contains("/every_reading/"), "{line}");

    let run = |args: &[&str]| succeeded(args, &python(args).output().unwrap());
    let machines = wait::until("three machines", Duration::from_secs(30), || {
        let text = run(&["machines"]);
        if text.lines().count() == 3 { Ok(text) } else { Err(text) }
    });
    for (line, id) in machines.lines().zip(["1", "2", "3"]) {
        assert_eq!(line.split_whitespace().next(), Some(id), "{machines}");
        assert!(line.contains("temp_evaporator -") && line.contains("compressor_current "), "{machines}");
    }

    let known = run(&["acknowledge", episode, "--who", "Zoé", "--comment", "seen"]);
    assert!(known.contains("acknowledged by Zoé"), "{known}");
    watch.wait_for_line("open, acknowledged by Zoé", Duration::from_secs(30));

    let refused = python(&["acknowledge", "1/no/1", "--who", "Zoé"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(error.contains("NOT_FOUND") && !error.contains("Traceback"), "{error}");
    assert!(demo.terminate().success(), "{}", demo.tail());
}
