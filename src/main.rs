//! The `coldstream` program.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use coldstream::archive::{Archive, StoreOptions};
use coldstream::cli::failure::Failure;
use coldstream::cli::{
    backtest, demo, doctor, evaluate, ingest, query, redrive, run, simulate, tables, train,
};
use coldstream::model::Registry;
use coldstream::serve::sql::SqlEngine;
use mimalloc::MiMalloc;
use tracing_subscriber::EnvFilter;

/// Window state is thousands of small buffers that live for different times.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A stream-processing engine for refrigeration plants
///
/// Readings in Kafka become rolling features, scores and Delta tables; one port serves live status and history.
#[derive(Debug, Parser)]
#[command(version, after_help = "Start here:\n  coldstream demo")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Run(run::RunArgs),
    Simulate(simulate::SimulateArgs),
    Ingest(ingest::IngestArgs),
    Redrive(redrive::RedriveArgs),
    Train(train::TrainArgs),
    Evaluate(evaluate::EvaluateArgs),
    Backtest(backtest::BacktestArgs),
    Query(query::QueryArgs),
    Doctor(doctor::DoctorArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,librdkafka=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match execute(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<(), Failure> {
    // These block by nature: they read files and wait for a broker.
    match command {
        Command::Simulate(args) => return Ok(simulate::run(args)?),
        Command::Ingest(args) => return Ok(ingest::run(args)?),
        Command::Doctor(args) => return doctor::run(&args),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::new(format!("the runtime cannot be started: {e}"), None))?;
    runtime.block_on(async {
        match command {
            Command::Demo(args) => Box::pin(demo::run(&args)).await,
            Command::Run(args) => Box::pin(run::run(&args)).await,
            Command::Redrive(args) => Box::pin(redrive::run(&args)).await,
            Command::Backtest(args) => Box::pin(backtest::run(&args)).await,
            Command::Train(args) => {
                let context = tables::session(args.archive.as_deref(), args.input.as_deref()).await?;
                train::train(&context, &args).await?;
                Ok(())
            }
            Command::Evaluate(args) => {
                let context = tables::session(args.archive.as_deref(), args.input.as_deref()).await?;
                evaluate::evaluate(&context, &args).await?;
                Ok(())
            }
            Command::Query(args) => {
                let engine = match &args.archive {
                    Some(url) => {
                        let archive = Archive::open(url, &StoreOptions::default()).await?;
                        let models = Arc::new(Registry::load_dir(std::path::Path::new("models"))?);
                        Some(Arc::new(tables::history(archive, &models)) as Arc<dyn SqlEngine>)
                    }
                    None => None,
                };
                Ok(query::run(&args, engine).await?)
            }
            Command::Simulate(_) | Command::Ingest(_) | Command::Doctor(_) => Ok(()),
        }
    })
}
