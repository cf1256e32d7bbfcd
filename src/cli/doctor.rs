//! `coldstream doctor`: the system test.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;

use super::failure::Failure;
use crate::doctor;

/// Check that everything a configuration names is reachable and sane
///
/// Looks at brokers, topic, newest messages, consumer group, archive, tables, models, queries, alarm rules, checkpoints,
/// port, clocks and disk, and says what to do about what is wrong. Changes nothing; ends with 1 if anything failed.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  coldstream doctor --config coldstream.toml\n  \
    coldstream doctor --json | jq '.checks[] | select(.level != \"ok\")'")]
pub struct DoctorArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "coldstream.toml")]
    pub config: PathBuf,
    /// Print the findings as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs the checks and prints what they found.
pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::new(format!("the runtime cannot be started: {e}"), None))?;
    // Draws nothing where standard error is no terminal.
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    let examined = doctor::examine(&args.config, |running| {
        bar.set_message(format!("looking at: {}", running.join(", ")));
    });
    let report = runtime.block_on(examined);
    bar.finish_and_clear();
    // A folder of a dead file server may hold a thread for ever.
    runtime.shutdown_background();
    let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = if args.json { json(&report)? } else { report.text(coloured) };
    // A reader that goes away, as `| head` does, changes nothing about the result.
    if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
        tracing::debug!(%error, "the report cannot be printed");
    }
    match report.failures {
        0 => Ok(()),
        1 => Err(failed("1 check failed", args.json)),
        more => Err(failed(&format!("{more} checks failed"), args.json)),
    }
}

fn failed(cause: &str, json: bool) -> Failure {
    let hint = if json { "each has its `cure`" } else { "each has its hint above" };
    Failure::new(cause, Some(hint.into()))
}

fn json(report: &doctor::Report) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(report);
    text.map(|text| text + "\n").map_err(|e| Failure::new(format!("the report is no JSON: {e}"), None))
}
