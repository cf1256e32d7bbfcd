use proptest::prelude::*;

use super::*;
use crate::model::fixture;

/// Writes `text` as a file and loads it.
fn load(text: &str) -> Result<ModelFile, FileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    std::fs::write(&path, text).unwrap();
    ModelFile::load(&path)
}

fn standardised(mean: f64) -> Feature {
    Feature { name: "x".into(), scaling: Some(Scaling { mean, scale: 1.0 }) }
}

#[test]
fn a_saved_model_is_loaded_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/failure.json");
    for model in [fixture::failure(), fixture::failure_forest()] {
        model.save(&path).unwrap();
        let loaded = ModelFile::load(&path).unwrap();
        assert_eq!(loaded, model);
        assert_eq!(loaded.to_json().unwrap(), std::fs::read_to_string(&path).unwrap());
        // Nothing but the model is left in the folder.
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}

#[test]
fn the_version_stands_for_what_influences_a_score() {
    let model = fixture::failure();
    assert_eq!(model.version().len(), VERSION_DIGITS);
    let of = |intercept, mean, card: Card| {
        let algorithm = Algorithm::Logistic { intercept, coefficients: vec![1.0] };
        let features = vec![standardised(mean)];
        ModelFile::new("m", algorithm, features, card).unwrap().version().to_owned()
    };
    let base = of(0.5, 2.0, fixture::card());
    assert_eq!(base, of(0.5, 2.0, Card { data: "other".into(), ..fixture::card() }));
    assert_ne!(base, of(0.6, 2.0, fixture::card()));
    assert_ne!(base, of(0.5, 2.1, fixture::card()));
}

#[test]
fn a_version_never_changes_for_the_same_parameters() {
    // Computed apart from this program, with Python's json and hashlib:
    // {"algorithm":{"logistic":{"intercept":-1.5,"coefficients":[0.75,1.25]}},"features":[{"name":…
    assert_eq!(fixture::failure().version(), "3577759e94d8");
}

#[test]
fn a_file_edited_by_hand_is_refused() {
    let text = fixture::failure().to_json().unwrap();
    for (from, to) in
        [("0.75", "0.76"), ("\"mean\": 8.0", "\"mean\": 8.5"), ("superheat_avg", "subcooling_avg")]
    {
        let edited = text.replacen(from, to, 1);
        assert_ne!(edited, text);
        let error = load(&edited).unwrap_err();
        assert!(matches!(error, FileError::Invalid { source: Invalid::Version { .. }, .. }), "{error}");
        assert!(error.to_string().contains("edited by hand"), "{error}");
        assert!(error.hint().unwrap().contains("train"));
    }
}

#[test]
fn a_file_that_does_not_fit_together_is_refused() {
    let text = fixture::failure().to_json().unwrap();
    let cases = [
        ("\"name\": \"failure\"", "\"name\": \"Failure!\"", "model name `Failure!`"),
        ("\"scale\": 2.0", "\"scale\": 0.0", "`superheat_avg`"),
        ("vibration_avg", "superheat_avg", "`superheat_avg` is there twice"),
        ("0.75,", "", "1 coefficients for 2 features"),
        ("\"card\"", "\"note\": 1, \"card\"", "unknown field `note`"),
        ("\"logistic\"", "\"forest\"", "unknown field `intercept`"),
        ("\"logistic\"", "\"guess\"", "unknown variant `guess`"),
        ("\"mean\": 8.0,", "", "`superheat_avg` has one of mean and scale without the other"),
        ("\"mean\": 8.0,\n      \"scale\": 2.0", "\"unit\": \"K\"", "unknown field `unit`"),
    ];
    for (from, to, expected) in cases {
        let edited = text.replacen(from, to, 1);
        assert_ne!(edited, text, "{from}");
        let error = load(&edited).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("model.json"), "{error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = ModelFile::load(Path::new("no/such/model.json")).unwrap_err().to_string();
    assert!(error.contains("no/such/model.json"), "{error}");
}

#[test]
fn parameters_that_are_not_finite_are_refused() {
    let features = vec![standardised(0.0)];
    let algorithm = Algorithm::Logistic { intercept: f64::NAN, coefficients: vec![1.0] };
    let error = ModelFile::new("m", algorithm, features, fixture::card()).unwrap_err();
    assert_eq!(error, Invalid::NotFinite);
}

proptest! {
    /// The reason for `tidy`: JSON gives the same bits back, and the value hardly moves.
    #[test]
    fn tidy_numbers_survive_json(mantissa in -10.0_f64..10.0, exponent in -12_i32..12) {
        let value = mantissa * 10_f64.powi(exponent);
        let tidied = tidy(value);
        let text = serde_json::to_string(&tidied).unwrap();
        let back: f64 = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(back.to_bits(), tidied.to_bits());
        prop_assert!((tidied - value).abs() <= 1e-11 * value.abs() + 1e-22);
    }
}

#[test]
fn numbers_of_an_array_share_a_line() {
    let text = fixture::failure_forest().to_json().unwrap();
    for line in ["\"feature\": [1, 0],", "\"threshold\": [0.0205, 11.5],", "\"high\": [1, -1]"] {
        assert!(text.lines().any(|found| found.trim() == line), "{text}");
    }
    // Text that looks like an array, or like a number, stays as it is.
    let card = Card { data: "[\n1,\n2".into(), query: "[".into(), label: "7".into(), ..fixture::card() };
    let features = vec![standardised(0.0)];
    let algorithm = Algorithm::Logistic { intercept: 0.0, coefficients: vec![1.0] };
    let model = ModelFile::new("m", algorithm, features, card).unwrap();
    assert_eq!(load(&model.to_json().unwrap()).unwrap(), model);
}

/// The fixture's forest, spoiled by `edit`.
fn spoiled(edit: impl Fn(&mut Vec<Tree>)) -> Invalid {
    let Algorithm::Forest { mut trees } = fixture::failure_forest().algorithm().clone() else {
        unreachable!()
    };
    edit(&mut trees);
    let features = fixture::failure_forest().features().to_vec();
    ModelFile::new("m", Algorithm::Forest { trees }, features, fixture::card()).unwrap_err()
}

#[test]
fn a_forest_that_no_row_can_walk_is_refused() {
    type Edit = fn(&mut Vec<Tree>);
    let cases: [(Edit, &str); 14] = [
        (|trees| trees.truncate(2), "a forest of 2 trees: the number must be odd"),
        (Vec::clear, "a forest of 0 trees"),
        (|trees| *trees = vec![trees[0].clone(); LARGEST_FOREST + 2], "a forest of 1003 trees"),
        (|trees| trees[1] = Tree::default(), "tree 1: its columns are empty"),
        (|trees| trees[0].high.truncate(1), "tree 0: its columns are empty, too long or not of one length"),
        (|trees| trees[0].threshold.push(1.0), "tree 0: its columns"),
        (|trees| trees[2].feature[0] = 2, "tree 2 asks about feature 2 of 2"),
        (|trees| trees[0].threshold[1] = f32::NAN, "tree 0, question 1: the threshold is not finite"),
        (|trees| trees[0].threshold[1] = f32::INFINITY, "tree 0, question 1: the threshold is not finite"),
        // Round in a circle; past the end; a number that is no leaf; twice the same way; nowhere.
        (|trees| trees[0].high[1] = 1, "tree 0, question 1: 1 is no leaf and no later question"),
        (|trees| trees[0].high[0] = 2, "tree 0, question 0: 2 is no leaf"),
        (|trees| trees[0].high[0] = i32::MIN, "is no leaf"),
        (|trees| trees[0].low[0] = 1, "tree 0, question 0: 1 is no leaf and no later question of its own"),
        (|trees| trees[0].high[0] = 0, "tree 0, question 1 is the child of none"),
    ];
    for (edit, expected) in cases {
        let error = spoiled(edit);
        assert!(matches!(error, Invalid::Forest(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn features_are_scaled_where_the_algorithm_scales_and_only_there() {
    let plain = || vec![Feature { name: "x".into(), scaling: None }];
    let logistic = Algorithm::Logistic { intercept: 0.0, coefficients: vec![1.0] };
    let error = ModelFile::new("m", logistic, plain(), fixture::card()).unwrap_err();
    assert_eq!(error, Invalid::NoScaling("x".into()));
    let stump = Tree { feature: vec![0], threshold: vec![1.0], low: vec![0], high: vec![-1] };
    let forest = Algorithm::Forest { trees: vec![stump] };
    ModelFile::new("m", forest.clone(), plain(), fixture::card()).unwrap();
    let error = ModelFile::new("m", forest, vec![standardised(0.0)], fixture::card()).unwrap_err();
    assert_eq!(error, Invalid::NeedlessScaling("x".into()));
}

#[test]
fn a_forest_edited_by_hand_is_refused() {
    let text = fixture::failure_forest().to_json().unwrap();
    for (from, to) in
        [("11.5", "11.25"), ("[1, -1]", "[1, 0]"), ("\"feature\": [1, 0]", "\"feature\": [0, 0]")]
    {
        let edited = text.replacen(from, to, 1);
        assert_ne!(edited, text);
        let error = load(&edited).unwrap_err();
        assert!(matches!(error, FileError::Invalid { source: Invalid::Version { .. }, .. }), "{error}");
    }
    // A number that single precision cannot hold is infinite, and not a threshold.
    let error = load(&text.replacen("11.5", "1e39", 1)).unwrap_err().to_string();
    assert!(error.contains("not finite") || error.contains("out of range"), "{error}");
}

proptest! {
    /// Thresholds survive the file bit by bit, whatever they are.
    #[test]
    fn thresholds_survive_json(bits in prop::collection::vec(any::<u32>(), 1..40)) {
        let trees: Vec<Tree> = bits
            .into_iter()
            .map(f32::from_bits)
            .filter(|threshold| threshold.is_finite())
            .map(|threshold| Tree {
                feature: vec![0],
                threshold: vec![threshold],
                low: vec![Tree::AGAINST],
                high: vec![Tree::FOR],
            })
            .collect();
        prop_assume!(trees.len() % 2 == 1);
        let model = fixture::forest("m", &["x"], trees);
        let loaded = ModelFile::parse(&model.to_json().unwrap(), Path::new("m.json")).unwrap();
        let thresholds = |model: &ModelFile| match model.algorithm() {
            Algorithm::Forest { trees } => trees.iter().map(|tree| tree.threshold[0].to_bits()).collect(),
            Algorithm::Logistic { .. } => Vec::new(),
        };
        prop_assert_eq!(thresholds(&loaded), thresholds(&model));
    }
}
