use std::path::Path;

use clap::{Args as _, Command, FromArgMatches};

use super::*;
use crate::cli::train::tests::context;
use crate::cli::train::{TrainArgs, train};

fn parse<T: FromArgMatches>(command: Command, args: &[&str]) -> T {
    T::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
}

#[tokio::test]
async fn a_model_does_on_its_own_data_what_its_card_says() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("failure.json");
    let query = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/training/failure.sql");
    let (query, out) = (query.to_str().unwrap(), out.to_str().unwrap());
    for algorithm in ["logistic", "forest"] {
        let args = ["train", "--query", query, "--label", "failure", "--input", "x", "--out", out];
        let args = [&args[..], &["--algorithm", algorithm, "--trees", "9", "--min-leaf", "4"]].concat();
        let args: TrainArgs = parse(TrainArgs::augment_args(Command::new("train")), &args);
        train(&context(), &args).await.unwrap();
        let model = ModelFile::load(Path::new(out)).unwrap();

        let args = ["evaluate", "--model", out, "--query", query, "--input", "x"];
        let command = || EvaluateArgs::augment_args(Command::new("evaluate"));
        let all: EvaluateArgs = parse(command(), &args);
        let held_out: EvaluateArgs = parse(command(), &[&args[..], &["--held-out"]].concat());
        let found = evaluate(&context(), &held_out).await.unwrap();
        assert_eq!(found.part, model.card().held_out);
        let text = summary(&model, "failure", true, &found);
        assert!(text.contains(model.version()) && text.contains("% of the rows are positive"), "{text}");

        let found = evaluate(&context(), &all).await.unwrap();
        let card = model.card();
        assert_eq!((found.part.machines, found.part.rows), (card.machines, card.rows));
        assert_eq!(found.rows_without_label, card.rows_without_label);
    }
}

#[tokio::test]
async fn a_query_without_a_feature_of_the_model_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("failure.json");
    crate::model::fixture::failure().save(&model).unwrap();
    let query = folder.path().join("q.sql");
    std::fs::write(&query, "SELECT machine_id, superheat_avg, 1 AS failure FROM features").unwrap();
    let (model, query) = (model.to_str().unwrap(), query.to_str().unwrap());
    let args = ["evaluate", "--model", model, "--query", query, "--input", "x"];
    let args: EvaluateArgs = parse(EvaluateArgs::augment_args(Command::new("evaluate")), &args);
    let error = evaluate(&context(), &args).await.unwrap_err().to_string();
    assert!(error.contains("no column `vibration_avg`"), "{error}");
}
