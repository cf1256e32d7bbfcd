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

#[test]
fn a_saved_model_is_loaded_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/failure.json");
    let model = fixture::failure();
    model.save(&path).unwrap();
    let loaded = ModelFile::load(&path).unwrap();
    assert_eq!(loaded, model);
    assert_eq!(loaded.to_json().unwrap(), std::fs::read_to_string(&path).unwrap());
    // Nothing but the model is left in the folder.
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn the_version_stands_for_what_influences_a_score() {
    let model = fixture::failure();
    assert_eq!(model.version().len(), VERSION_DIGITS);
    let of = |intercept, mean, card: Card| {
        let algorithm = Algorithm::Logistic { intercept, coefficients: vec![1.0] };
        let features = vec![Feature { name: "x".into(), mean, scale: 1.0 }];
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
        ("\"logistic\"", "\"forest\"", "unknown variant `forest`"),
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
    let features = vec![Feature { name: "x".into(), mean: 0.0, scale: 1.0 }];
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
