//! `coldstream simulate`: readings of simulated plants to a file or a Kafka topic.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, Utc};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::simulate::{
    Application, Dirt, DirtError, Fleet, FleetConfig, FleetError, Growth, Soiler, fault_table,
    maintenance_table, parse_duration, write_timestamp,
};
use crate::source::produce::{ProduceError, ProducerOptions};
use crate::thermo::Refrigerant;

mod output;
#[cfg(test)]
mod tests;

use output::{Output, TableFile, write_text};

/// Where a finite run starts if nothing else is said: a fixed time, so that the same command gives the same
/// file.
const DEFAULT_START: &str = "2024-01-01T00:00:00Z";
/// Length of a finite run if nothing else is said: one day.
const DEFAULT_DURATION: i64 = 86_400_000_000;

/// Simulate plants and write their readings
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  coldstream simulate --machines 20 --duration 1h --out readings.parquet \
    --faults faults.parquet\n  coldstream simulate --machines 20 --realtime --out kafka://127.0.0.1:9092/readings\n  \
    coldstream simulate --refrigerants all --applications all --dirt stuck,dropouts=0.5 --out dirty.jsonl \
    --machines-out machines.toml")]
pub struct SimulateArgs {
    /// Number of machines; their ids are 1..=N
    #[arg(long, default_value_t = 20)]
    machines: u32,
    /// Time of the first readings, e.g. 2024-01-15T10:30:00Z [default: 2024-01-01T00:00:00Z; with --realtime
    /// now]
    #[arg(long, value_parser = parse_start)]
    start: Option<i64>,
    /// Length of the run, e.g. 10s, 5m, 1h30m, 1d [default: 1d; with --realtime without end]
    #[arg(long, value_parser = parse_duration)]
    duration: Option<i64>,
    /// Time between two readings of a machine
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    period: i64,
    /// The same seed gives the same readings
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// FILE.jsonl, FILE.parquet or kafka://HOST:PORT/TOPIC
    #[arg(long, value_name = "WHERE")]
    out: String,
    /// Write the ground truth of the faults to FILE.parquet or FILE.jsonl, at the end of the run
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Write the repairs to FILE.parquet or FILE.jsonl, at the end of the run
    #[arg(long, value_name = "FILE")]
    maintenance: Option<PathBuf>,
    /// Write what is known of the machines to FILE.toml, a machines.toml
    #[arg(long, value_name = "FILE")]
    machines_out: Option<PathBuf>,
    /// Share of the machines that get a fault, 0 to 1
    #[arg(long, default_value_t = 0.2, value_name = "SHARE")]
    faulty_share: f64,
    /// How fast faults grow: `run`, within the run, however short; `real`, in days to months, as real ones do
    #[arg(long, default_value = "run", value_parser = parse_growth)]
    growth: Growth,
    /// Refrigerants of the machines, such as R134a,R449A,R290, or `all`
    #[arg(long, default_value = "R134a", value_name = "LIST")]
    refrigerants: String,
    /// What they keep cold: high, medium, low, or `all`
    #[arg(long, default_value = "medium", value_name = "LIST")]
    applications: String,
    /// Share of the machines whose pressures are gauge, not absolute, 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    gauge_share: f64,
    /// Make the data dirty: kinds, each with the share of the machines it befalls, such as stuck,dropouts=0.5, or all=0.2
    /// (noise, drift, stuck, spikes, dropouts, duplicates, out_of_order, clock_skew, replay, gauge, psi, fahrenheit)
    #[arg(long, value_name = "KINDS", value_parser = parse_dirt)]
    dirt: Option<Dirt>,
    /// One period of readings a period, as real plants do; Ctrl-C ends
    #[arg(long)]
    realtime: bool,
    /// Overwrite files that exist
    #[arg(long)]
    force: bool,
    /// Partitions of the topic if it has to be created
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
}

/// Why readings cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// `--out` or `--faults` names neither a known kind of file nor a topic.
    #[error("cannot tell from `{0}` what to write")]
    Target(String),
    /// `--refrigerants` or `--applications` names what there is not.
    #[error("there is no `{word}`: there are all, {known}")]
    Unknown {
        /// The word.
        word: String,
        /// What there is.
        known: String,
    },
    /// The file exists.
    #[error("`{0}` exists already")]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Arguments that make no fleet.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The readings cannot be sent.
    #[error(transparent)]
    Send(#[from] ProduceError),
    /// Standard output or the interrupt handler fails.
    #[error("cannot use the terminal: {0}")]
    Terminal(std::io::Error),
}

impl SimulateError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Target(_) => Some("write FILE.jsonl, FILE.parquet or kafka://HOST:PORT/TOPIC".into()),
            Self::Exists(_) => Some("add --force to overwrite it".into()),
            Self::Send(error) => error.hint(),
            Self::Unknown { .. } | Self::Write { .. } | Self::Fleet(_) | Self::Terminal(_) => None,
        }
    }

    fn write(path: &Path, source: impl Into<std::io::Error>) -> Self {
        Self::Write { path: path.to_owned(), source: source.into() }
    }
}

/// Runs the command and prints what it did.
pub fn run(args: SimulateArgs) -> Result<(), SimulateError> {
    let start = args.start.unwrap_or_else(|| match args.realtime {
        true => Utc::now().timestamp() * 1_000_000,
        false => parse_start(DEFAULT_START).unwrap_or(0),
    });
    let duration = args.duration.or((!args.realtime).then_some(DEFAULT_DURATION));
    let (refrigerants, applications) = designs(&args.refrigerants, &args.applications)?;
    let config = FleetConfig {
        machines: args.machines,
        seed: args.seed,
        start,
        period: args.period,
        duration,
        faulty_share: args.faulty_share,
        growth: args.growth,
        refrigerants,
        applications,
        gauge_share: args.gauge_share,
    };
    let mut fleet = Fleet::new(&config)?;
    let options = ProducerOptions { partitions: args.partitions, ..ProducerOptions::default() };
    let mut output = Output::create(&args.out, args.force, &options)?;
    // Opened before the run, so that a wrong name is not found after it.
    let table =
        |path: &Option<PathBuf>| path.as_ref().map(|path| TableFile::create(path, args.force)).transpose();
    let (faults, maintenance) = (table(&args.faults)?, table(&args.maintenance)?);
    if let Some(path) = &args.machines_out {
        write_text(path, args.force, &fleet.machines_toml())?;
    }
    let mut soiler = args.dirt.as_ref().map(|dirt| Soiler::new(&fleet, args.seed, dirt));
    let mut arrived = Vec::new();
    let interrupted = if args.realtime { interruption()? } else { Arc::default() };
    let bar = progress_bar(&fleet);
    let clock = Instant::now();
    let mut last = None;
    for step in 0u64.. {
        if args.realtime && !wait_until(clock, args.period, step, &interrupted) {
            break;
        }
        let Some(batch) = fleet.step() else { break };
        last = batch.last().map(|reading| reading.timestamp);
        bar.inc(batch.len() as u64);
        match &mut soiler {
            None => batch.iter().try_for_each(|reading| output.write(reading))?,
            Some(soiler) => {
                soiler.pass(batch, &mut arrived);
                arrived.drain(..).try_for_each(|reading| output.write(&reading))?;
            }
        }
    }
    if let Some(soiler) = &mut soiler {
        soiler.finish(&mut arrived);
        arrived.drain(..).try_for_each(|reading| output.write(&reading))?;
    }
    if let Some(file) = faults {
        file.write(fault_table(fleet.faults()))?;
    }
    if let Some(file) = maintenance {
        file.write(maintenance_table(fleet.faults(), last.unwrap_or(start)))?;
    }
    let stored = output.finish()?;
    bar.finish_and_clear();
    let range = last.map_or_else(String::new, |last| format!(", {} to {}", text(start), text(last)));
    let begun = |onset| last.is_some_and(|last| onset <= last);
    let faults = fleet.faults().iter().filter(|fault| begun(fault.onset)).count();
    let machines = fleet.machines();
    writeln!(
        std::io::stdout(),
        "{stored} readings (machines: {machines}, faults: {faults}){range}, in {}",
        args.out
    )
    .map_err(SimulateError::Terminal)
}

/// A bar that counts readings; invisible where standard error is no terminal.
fn progress_bar(fleet: &Fleet) -> ProgressBar {
    let bar = match fleet.steps() {
        Some(steps) => ProgressBar::new(steps.saturating_mul(fleet.machines() as u64)),
        None => ProgressBar::new_spinner(),
    };
    let style = "{wide_bar} {human_pos}/{human_len} readings, {per_sec}, {eta} left";
    // A template that does not parse would only cost the looks.
    match ProgressStyle::with_template(style) {
        Ok(style) if fleet.steps().is_some() => bar.with_style(style),
        _ => bar,
    }
}

/// Set once the user presses Ctrl-C, so that the output is finished properly.
fn interruption() -> Result<Arc<AtomicBool>, SimulateError> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(SimulateError::Terminal)?;
    thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    Ok(interrupted)
}

/// Sleeps until step number `step` is due. False if the user interrupted.
fn wait_until(clock: Instant, period: i64, step: u64, interrupted: &AtomicBool) -> bool {
    // Short naps, so that Ctrl-C ends a long period, too.
    const NAP: Duration = Duration::from_millis(100);
    let due = Duration::from_micros(period.unsigned_abs().saturating_mul(step));
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return false;
        }
        match due.checked_sub(clock.elapsed()) {
            None | Some(Duration::ZERO) => return true,
            Some(left) => thread::sleep(left.min(NAP)),
        }
    }
}

/// The refrigerants and the applications that two lists mean. `all` are those that suit the other list.
fn designs(
    refrigerants: &str,
    applications: &str,
) -> Result<(Vec<Refrigerant>, Vec<Application>), SimulateError> {
    let is_all = |text: &str| text.trim() == "all";
    let (mut fluids, mut uses) = (
        list(refrigerants, &Refrigerant::ALL, Refrigerant::parse, Refrigerant::name)?,
        list(applications, &Application::ALL, Application::parse, Application::name)?,
    );
    if is_all(refrigerants) {
        fluids.retain(|fluid| uses.iter().any(|application| application.suits(*fluid)));
    }
    if is_all(applications) {
        uses.retain(|application| fluids.iter().any(|fluid| application.suits(*fluid)));
    }
    Ok((fluids, uses))
}

/// The things that a list of names, or `all`, means.
fn list<T: Copy>(
    text: &str,
    all: &[T],
    parse: fn(&str) -> Option<T>,
    name: fn(T) -> &'static str,
) -> Result<Vec<T>, SimulateError> {
    if text.trim() == "all" {
        return Ok(all.to_vec());
    }
    let known = || all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ");
    let unknown = |word: &str| SimulateError::Unknown { word: word.to_owned(), known: known() };
    text.split(',').map(str::trim).map(|word| parse(word).ok_or_else(|| unknown(word))).collect()
}

fn parse_growth(text: &str) -> Result<Growth, String> {
    match text {
        "run" => Ok(Growth::Run),
        "real" => Ok(Growth::Real),
        _ => Err("write run or real".to_owned()),
    }
}

fn parse_dirt(text: &str) -> Result<Dirt, DirtError> {
    text.parse()
}

/// A time of the command line, microseconds since the epoch; without a zone it is UTC.
fn parse_start(text: &str) -> Result<i64, String> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_micros());
    let local =
        |pattern| NaiveDateTime::parse_from_str(text, pattern).map(|time| time.and_utc().timestamp_micros());
    zoned
        .or_else(|_| local("%Y-%m-%dT%H:%M:%S%.f"))
        .or_else(|_| local("%Y-%m-%d %H:%M:%S%.f"))
        .map_err(|_| "write a time as 2024-01-15T10:30:00Z".to_owned())
}

fn text(time: i64) -> String {
    let mut bytes = Vec::new();
    write_timestamp(time, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
