use super::*;
use crate::model::fixture;

#[test]
fn a_missing_folder_is_an_empty_registry() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::load_dir(&folder.path().join("nowhere")).unwrap();
    assert_eq!(registry.names().count(), 0);
}

#[test]
fn the_models_of_a_folder_are_found_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let failure = fixture::failure();
    failure.save(&folder.path().join("b.json")).unwrap();
    fixture::model("leak", 0.0, &[("subcooling_avg", 4.0, 1.0, -1.0)])
        .save(&folder.path().join("a.json"))
        .unwrap();
    std::fs::write(folder.path().join("README.md"), "not a model").unwrap();

    let registry = Registry::load_dir(folder.path()).unwrap();
    assert_eq!(registry.names().collect::<Vec<_>>(), ["failure", "leak"]);
    assert_eq!(registry.get("failure").unwrap().version(), failure.version());
    assert_eq!(registry.files().next(), Some(&failure));
    assert!(registry.get("b").is_none());
}

#[test]
fn a_bad_file_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    fixture::failure().save(&folder.path().join("a.json")).unwrap();
    std::fs::write(folder.path().join("torn.json"), "{\"name\": \"x\"").unwrap();
    let error = Registry::load_dir(folder.path()).unwrap_err();
    assert!(error.to_string().contains("torn.json"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn two_models_of_one_name_are_an_error_that_names_both_files() {
    let folder = tempfile::tempdir().unwrap();
    fixture::failure().save(&folder.path().join("new.json")).unwrap();
    fixture::failure().save(&folder.path().join("old.json")).unwrap();
    let error = Registry::load_dir(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("`failure`") && error.contains("new.json") && error.contains("old.json"),
        "{error}"
    );
}
