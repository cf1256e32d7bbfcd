use std::fs;

use crate::machine::follow::CurrentMachines;

const ONE: &str = "[[machines]]\nid = 1\n";

/// Looks as often as it takes for a change to be settled.
fn looked(current: &CurrentMachines) -> Option<Result<usize, String>> {
    (0..3).find_map(|_| current.look()).map(|outcome| outcome.map_err(|error| error.to_string()))
}

#[test]
fn a_changed_file_is_read_again_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("machines.toml");
    fs::write(&path, ONE).unwrap();
    let current = CurrentMachines::load(&path).unwrap();
    let before = current.generation();
    assert_eq!(looked(&current), None);

    fs::write(&path, format!("{ONE}[[machines]]\nid = 2\n")).unwrap();
    assert!(current.look().is_none(), "its writer may not be at the end");
    assert_eq!(looked(&current), Some(Ok(2)));
    assert!(current.get().machine("2").1);
    assert_ne!(current.generation(), before);
    assert_eq!(looked(&current), None);

    let generation = current.generation();
    fs::write(&path, "[[machines]]\nid = 3\nrefrigerant = \"R999\"\n").unwrap();
    let refused = looked(&current).unwrap().unwrap_err();
    assert!(refused.contains("machine `3`"), "{refused}");
    assert_eq!(current.file_state().refused, Some(refused));
    assert!(current.get().machine("2").1, "the old content stays");

    fs::remove_file(&path).unwrap();
    assert!(looked(&current).unwrap().is_err());
    assert_eq!(current.generation(), generation);

    // Back to what was said before: it is used again, and it is nothing new.
    fs::write(&path, format!("# a comment\n{ONE}[[machines]]\nid = 2\n")).unwrap();
    assert_eq!(looked(&current), Some(Ok(2)));
    assert_eq!(current.generation(), generation);
    assert_eq!(current.file_state().refused, None);
}
