//! `coldstream backtest`: the queries over a file or an archive, into Parquet tables.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::failure::Failure;
use super::tables::history;
use crate::alarm::{AlarmPlan, RuleFile, StreamRows};
use crate::archive::{Archive, StoreOptions};
use crate::config::{DataflowConfig, parse_span_or_none};
use crate::dataflow::{Graph, Query, Timing};
use crate::history::backtest::{Backtest, Input};
use crate::history::{model_extensions, model_versions};
use crate::machine::Machines;
use crate::model::Registry;
use crate::schema::ReadingSchema;
use crate::simulate::parse_duration;

/// Run the queries over the past: the rows the live stream would have given
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  coldstream backtest --input readings.jsonl --out results\n  \
    coldstream backtest --input s3://plants/archive --queries my-queries --alarms classic \\
    --machines machines.toml --out results")]
pub struct BacktestArgs {
    /// A .jsonl, .jsonl.gz or .parquet file of readings, or the URL of an archive
    #[arg(long, value_name = "FILE|URL")]
    pub input: String,
    /// Folder of the queries
    #[arg(long, value_name = "DIR", default_value = "queries")]
    pub queries: PathBuf,
    /// Folder of the models
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub models: PathBuf,
    /// Only these streams and those they read [default: all]
    #[arg(long, value_name = "STREAM")]
    pub only: Vec<String>,
    /// Alarm rules: a file, or a shipped set (default, classic, none) [default: alarms.toml beside the queries]
    #[arg(long, value_name = "FILE|SET")]
    pub alarms: Option<String>,
    /// What is known of the machines, for all time [default: for an archive what it says was known at each time; else nothing]
    #[arg(long, value_name = "FILE")]
    pub machines: Option<PathBuf>,
    /// How much older than the newest reading a reading may be and still be waited for
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub max_delay: i64,
    /// How long after its end a window takes late readings and is given again
    #[arg(long, default_value = "0s", value_parser = parse_span_or_none)]
    pub allowed_lateness: i64,
    /// Leave readings out of the queries whose machine and time were there before
    #[arg(long)]
    pub drop_duplicates: bool,
    /// New or empty folder for the tables: DIR/STREAM/part-0.parquet
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Runs a backtest and prints what it wrote.
pub async fn run(args: &BacktestArgs) -> Result<(), Failure> {
    let models = Arc::new(Registry::load_dir(&args.models)?);
    let mut queries = Query::load_dir(&args.queries)?;
    if !args.only.is_empty() {
        queries = Query::restrict(queries, &args.only)?;
    }
    let schema = ReadingSchema::default();
    let extensions = model_extensions(&models);
    let graph = Graph::plan(queries, &schema.arrow(), &extensions, &model_versions(&models))?;
    if args.allowed_lateness > 0 {
        graph.check_revisions()?;
    }
    let machines = args.machines.as_deref().map(Machines::load).transpose()?;
    let mut rules = RuleFile::choose(args.alarms.as_deref(), &args.queries)?;
    let streams = StreamRows::of(&graph);
    if !args.only.is_empty() {
        rules.restrict(streams.iter().map(|stream| stream.name.as_str()));
    }
    let rules = AlarmPlan::compile(&rules, &streams, &extensions)?;
    let input = match Path::new(&args.input) {
        path if path.extension().is_some_and(|e| e == "parquet") => Input::Parquet(path.into()),
        path if args.input.ends_with(".jsonl") || args.input.ends_with(".jsonl.gz") => {
            Input::Jsonl(path.into())
        }
        _ => {
            let archive = Archive::open(&args.input, &StoreOptions::default()).await?;
            Input::Archive(history(archive, &models))
        }
    };
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} readings, {per_sec}") {
        bar.set_style(style);
    }
    let progress = |readings| bar.set_position(readings);
    let timing = Timing {
        allowed_lateness: args.allowed_lateness,
        drop_duplicates: args.drop_duplicates,
        ..Timing::new(args.max_delay)
    };
    let times = (timing, DataflowConfig::default().max_skew.micros());
    let mut backtest =
        Backtest::new((Arc::new(graph), Arc::new(rules)), schema, times, &args.out, &progress)?;
    if let Some(machines) = machines {
        backtest = backtest.with_machines(machines);
    }
    let summary = backtest.run(&input).await?;
    bar.finish_and_clear();
    println!("{} readings", summary.readings);
    for (table, rows) in summary.rows {
        println!("{rows} rows  {}", args.out.join(table).display());
    }
    Ok(())
}
