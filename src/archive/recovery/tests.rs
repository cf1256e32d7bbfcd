use super::*;

/// An epoch with one file in each of `tables`, following the one before it.
fn stored(epoch: u64, tables: &[&str]) -> StoredEpoch {
    StoredEpoch {
        epoch: Epoch(epoch),
        nonce: Uuid::from_u128(u128::from(epoch)),
        follows: Some(Uuid::from_u128(u128::from(epoch) - 1)),
        files: tables.iter().map(|table| ((*table).to_owned(), vec![format!("{epoch}.parquet")])).collect(),
        state: BTreeSet::from([format!("{epoch}.state")]),
    }
}

/// A store with these epochs, all of their state, and these tables.
fn held(epochs: &[StoredEpoch], tables: &[(&str, u64)]) -> Held {
    Held {
        epochs: epochs.to_vec(),
        state: epochs.iter().flat_map(|epoch| epoch.state.clone()).collect(),
        tables: tables.iter().map(|(table, epoch)| ((*table).to_owned(), Epoch(*epoch))).collect(),
        ..Held::default()
    }
}

fn must_commit(newest: u64, epochs: &[u64]) -> Recovery {
    Recovery::MustCommit { newest: Epoch(newest), epochs: epochs.iter().copied().map(Epoch).collect() }
}

#[test]
fn a_store_that_does_not_know_the_partition_is_empty() {
    assert_eq!(decide(&held(&[], &[])), Recovery::Empty);
}

#[test]
fn tables_that_know_a_partition_without_a_chain_refuse() {
    let lost = Recovery::LostChain { table: "features".into(), epoch: Epoch(4) };
    assert_eq!(decide(&held(&[], &[("readings", 3), ("features", 4)])), lost);
}

#[test]
fn an_epoch_that_all_its_tables_have_needs_nothing() {
    let chain = [stored(4, &["readings"]), stored(5, &["readings", "features"])];
    let store = held(&chain, &[("readings", 5), ("features", 5)]);
    assert_eq!(decide(&store), Recovery::UpToDate { newest: Epoch(5) });
}

#[test]
fn an_epoch_without_rows_needs_no_table() {
    assert_eq!(decide(&held(&[stored(1, &[])], &[])), Recovery::UpToDate { newest: Epoch(1) });
}

#[test]
fn an_epoch_that_no_table_has_is_committed() {
    assert_eq!(decide(&held(&[stored(1, &["readings"])], &[])), must_commit(1, &[1]));
}

#[test]
fn an_older_epoch_may_be_missing_in_another_table_than_the_newest() {
    // Both epochs were gathered into one commit; it reached `readings` and died before `features`.
    let chain = [stored(5, &["readings"]), stored(4, &["readings", "features"])];
    let store = held(&chain, &[("readings", 5), ("features", 3)]);
    assert_eq!(decide(&store), must_commit(5, &[4]));
    assert_eq!(store.uncommitted(), [(Epoch(4), "features", "4.parquet")]);
}

#[test]
fn missing_epochs_come_oldest_first() {
    let chain = [stored(7, &["readings"]), stored(6, &["readings", "features"]), stored(5, &["readings"])];
    assert_eq!(decide(&held(&chain, &[("readings", 5)])), must_commit(7, &[6, 7]));
}

#[test]
fn a_stray_below_a_gap_is_not_committed() {
    let chain = [stored(5, &["dead_letters"]), stored(8, &["readings"]), stored(9, &["readings"])];
    let store = held(&chain, &[("readings", 9)]);
    assert_eq!(decide(&store), Recovery::UpToDate { newest: Epoch(9) });
    assert_eq!(store.strays(), [Epoch(5)]);
}

#[test]
fn a_stray_right_below_the_chain_is_told_by_what_the_chain_follows() {
    let mut stray = stored(7, &["dead_letters"]);
    stray.nonce = Uuid::from_u128(77);
    let chain = [stray, stored(8, &["readings"]), stored(9, &["readings"])];
    let store = held(&chain, &[("readings", 8)]);
    assert_eq!(decide(&store), must_commit(9, &[9]));
    assert_eq!(store.strays(), [Epoch(7)]);
}

#[test]
fn a_table_ahead_of_the_chain_refuses() {
    let store = held(&[stored(5, &["readings"])], &[("readings", 5), ("dead_letters", 6)]);
    let ahead = Recovery::TableAhead { table: "dead_letters".into(), epoch: Epoch(6), newest: Epoch(5) };
    assert_eq!(decide(&store), ahead);
}

#[test]
fn an_epoch_of_an_unknown_format_refuses_even_where_a_known_one_is_newer() {
    let mut store = held(&[stored(6, &["readings"])], &[("readings", 6)]);
    store.foreign.insert(Epoch(5), 9);
    assert_eq!(decide(&store), Recovery::Foreign { epoch: Epoch(5), format: 9 });
}

#[test]
fn lost_state_refuses_where_it_is_the_newest() {
    let mut store = held(&[stored(4, &[]), stored(5, &[])], &[]);
    store.state.remove("4.state");
    assert_eq!(decide(&store), Recovery::UpToDate { newest: Epoch(5) });
    store.state.remove("5.state");
    assert_eq!(decide(&store), Recovery::LostState { epoch: Epoch(5), file: "5.state".into() });
}

#[test]
fn a_lost_file_refuses_only_where_its_table_is_still_to_get_it() {
    let mut store = held(&[stored(5, &["readings", "features"])], &[("readings", 5)]);
    let file = |table: &str| (table.to_owned(), "5.parquet".to_owned());
    store.gone.insert(file("readings"));
    assert_eq!(decide(&store), must_commit(5, &[5]));
    store.gone.insert(file("features"));
    let (table, path) = file("features");
    assert_eq!(decide(&store), Recovery::LostFile { epoch: Epoch(5), table, path });
}
