use super::*;

fn stored(epoch: u64, tables: &[&str]) -> StoredEpoch {
    StoredEpoch { epoch: Epoch(epoch), tables: tables.iter().map(|t| (*t).to_owned()).collect() }
}

fn committed(tables: &[(&str, u64)]) -> BTreeMap<String, Epoch> {
    tables.iter().map(|(table, epoch)| ((*table).to_owned(), Epoch(*epoch))).collect()
}

#[test]
fn a_chain_without_epochs_is_empty() {
    assert_eq!(decide(&[], &committed(&[("readings", 3)])), Recovery::Empty);
}

#[test]
fn an_epoch_that_all_its_tables_have_needs_nothing() {
    let chain = [stored(4, &["readings"]), stored(5, &["readings", "features"])];
    let tables = committed(&[("readings", 5), ("features", 5)]);
    assert_eq!(decide(&chain, &tables), Recovery::UpToDate { newest: Epoch(5) });
}

#[test]
fn an_epoch_without_rows_needs_no_table() {
    assert_eq!(decide(&[stored(1, &[])], &committed(&[])), Recovery::UpToDate { newest: Epoch(1) });
}

#[test]
fn an_epoch_that_no_table_has_is_committed() {
    let decision = decide(&[stored(1, &["readings"])], &committed(&[]));
    assert_eq!(decision, Recovery::MustCommit { newest: Epoch(1), epochs: vec![Epoch(1)] });
}

#[test]
fn an_older_epoch_may_be_missing_in_another_table_than_the_newest() {
    // Both epochs were gathered into one commit; it reached `readings` and died before `features`.
    let chain = [stored(5, &["readings"]), stored(4, &["readings", "features"])];
    let tables = committed(&[("readings", 5), ("features", 3)]);
    assert_eq!(decide(&chain, &tables), Recovery::MustCommit { newest: Epoch(5), epochs: vec![Epoch(4)] });
}

#[test]
fn missing_epochs_come_oldest_first() {
    let chain = [stored(7, &["readings"]), stored(6, &["readings"]), stored(5, &["readings"])];
    let decision = decide(&chain, &committed(&[("readings", 5)]));
    assert_eq!(decision, Recovery::MustCommit { newest: Epoch(7), epochs: vec![Epoch(6), Epoch(7)] });
}

#[test]
fn file_names_are_read_back_and_sort_as_numbers() {
    let (nine, ten) = (manifest_file(Epoch(9)), manifest_file(Epoch(10)));
    assert!(nine < ten);
    assert_eq!(ChainFile::parse(&ten), Some(ChainFile::Manifest(Epoch(10))));
    assert_eq!(ChainFile::parse(&state_file(Epoch(9))), Some(ChainFile::State(Epoch(9))));
    for other in ["10.json", "00000000000000000010.tmp", "readme", "0000000000000000001x.json"] {
        assert_eq!(ChainFile::parse(other), None, "{other}");
    }
}
