//! Rows are in their tables once, wherever the process died.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_leaves_each_row_once() {
    // How far the second epoch came before the process died.
    for step in ["files", "epoch", "one table", "all tables"] {
        let fixture = Fixture::new(&["readings", "features"]).await;
        let tables = ["readings", "features"];
        let first = write(&fixture.archive, 0, 1, &tables, 1).await;
        fixture.archive.create_epoch(&first, state("first")).await.unwrap();
        fixture.archive.commit(std::slice::from_ref(&first)).await.unwrap();
        let second = write(&fixture.archive, 0, 2, &tables, 2).await;
        if step != "files" {
            fixture.archive.create_epoch(&second, state("second")).await.unwrap();
        }
        if step == "one table" {
            let mut half = second.clone();
            half.files.remove("features");
            fixture.archive.commit(&[half]).await.unwrap();
        }
        if step == "all tables" {
            fixture.archive.commit(&[second]).await.unwrap();
        }

        let archive = fixture.reopen().await;
        let recovered = archive.recover(TOPIC, 0).await.unwrap().unwrap();
        let (epoch, blob, rows) =
            if step == "files" { (1, "first", vec![1]) } else { (2, "second", vec![1, 2]) };
        assert_eq!(recovered.manifest.epoch, Epoch(epoch), "{step}");
        assert_eq!(recovered.manifest.next_offset, 1000 * epoch as i64, "{step}");
        assert_eq!(recovered.state, held(blob), "{step}");
        for table in tables {
            assert_eq!(times(&archive, table).await, rows, "{step}: {table}");
        }
        // What recovery gives back is where the next epoch goes on.
        let next = write(&archive, 0, epoch + 1, &tables, 3).await;
        archive.create_epoch(&next, Vec::new()).await.unwrap();
        archive.commit(&[next]).await.unwrap();
        assert_eq!(times(&archive, "features").await, [rows, vec![3]].concat(), "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gathered_epochs_that_reached_one_table_are_finished_in_the_other() {
    let fixture = Fixture::new(&["readings", "features"]).await;
    let archive = &fixture.archive;
    let one = write(archive, 0, 1, &["readings", "features"], 1).await;
    let two = write(archive, 0, 2, &["readings"], 2).await;
    let (mut half_one, half_two) = (one.clone(), two.clone());
    half_one.files.remove("features");
    for epoch in [&one, &two] {
        archive.create_epoch(epoch, Vec::new()).await.unwrap();
    }
    archive.commit(&[half_one, half_two]).await.unwrap();

    let archive = fixture.reopen().await;
    assert_eq!(archive.recover(TOPIC, 0).await.unwrap().unwrap().manifest.epoch, Epoch(2));
    assert_eq!(times(&archive, "readings").await, [1, 2]);
    assert_eq!(times(&archive, "features").await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_without_an_epoch_has_nothing_to_recover() {
    let fixture = Fixture::new(&["readings"]).await;
    assert_eq!(fixture.archive.recover(TOPIC, 3).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_commit_adds_nothing() {
    let fixture = Fixture::new(&["readings"]).await;
    let epoch = write(&fixture.archive, 0, 1, &["readings"], 1).await;
    for archive in [&fixture.archive, &fixture.archive, &fixture.reopen().await] {
        archive.commit(std::slice::from_ref(&epoch)).await.unwrap();
    }
    assert_eq!(times(&fixture.archive, "readings").await, [1]);
    // Version 0 made the table, version 1 is the only commit.
    assert_eq!(fixture.archive.table_info("readings").await.unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_commit_carries_several_epochs_of_several_partitions() {
    let fixture = Fixture::new(&["readings"]).await;
    let mut epochs = Vec::new();
    for (partition, epoch, time) in [(1, 2, 12), (0, 1, 1), (1, 1, 11), (0, 2, 2)] {
        epochs.push(write(&fixture.archive, partition, epoch, &["readings"], time).await);
    }
    assert_eq!(fixture.archive.commit(&epochs).await.unwrap().files, 4);
    assert_eq!(fixture.archive.table_info("readings").await.unwrap().version, 1);
    assert_eq!(times(&fixture.archive, "readings").await, [1, 2, 11, 12]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_many_commits_has_a_checkpoint_that_remembers_the_epochs() {
    let fixture = Fixture::new(&["readings"]).await;
    let mut last = None;
    for epoch in 1..=102 {
        let manifest = write(&fixture.archive, 0, epoch, &["readings"], epoch as i64).await;
        fixture.archive.commit(std::slice::from_ref(&manifest)).await.unwrap();
        last = Some(manifest);
    }
    let log = fixture.dir.path().join("readings/_delta_log");
    assert!(log.join("_last_checkpoint").is_file());
    // Without the entries that the checkpoint stands for: what log clean-up leaves after its retention.
    for version in 0..99 {
        std::fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
    }
    let archive = fixture.reopen().await;
    for archive in [&archive, &fixture.archive] {
        archive.commit(last.as_slice()).await.unwrap();
        assert_eq!(times(archive, "readings").await, (1..=102).collect::<Vec<i64>>());
    }
    // That an epoch is committed is known from the checkpoint alone.
    archive.create_epoch(&last.unwrap(), Vec::new()).await.unwrap();
    archive.recover(TOPIC, 0).await.unwrap();
    assert_eq!(archive.table_info("readings").await.unwrap().rows, 102);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_never_refers_to_a_file_that_is_gone() {
    let fixture = Fixture::new(&["readings"]).await;
    let epoch = write(&fixture.archive, 0, 1, &["readings"], 1).await;
    fixture.archive.create_epoch(&epoch, Vec::new()).await.unwrap();
    let file = &epoch.files["readings"][0];
    std::fs::remove_file(fixture.dir.path().join("readings").join(&file.path)).unwrap();
    let error = fixture.reopen().await.recover(TOPIC, 0).await.unwrap_err();
    assert!(matches!(&error, ArchiveError::LostFile { path, .. } if *path == file.path), "{error}");
    assert!(error.hint().is_some());
    assert_eq!(times(&fixture.archive, "readings").await, Vec::<i64>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_chain_names_the_object() {
    let fixture = Fixture::new(&[]).await;
    fixture.archive.create_epoch(&manifest(0, 1, BTreeMap::new()), state("sealed")).await.unwrap();
    let folder = fixture.dir.path().join("_coldstream/checkpoints").join(TOPIC).join("00000");
    let path = |ending: &str| {
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        files.into_iter().find(|path| path.to_str().unwrap().ends_with(ending)).unwrap()
    };
    std::fs::write(path(".state"), "seal").unwrap();
    let error = fixture.archive.recover(TOPIC, 0).await.unwrap_err().to_string();
    assert!(error.ends_with(".state: 4 bytes instead of 6 or more"), "{error}");
    let renamed = folder.join("00000000000000000002.json");
    std::fs::copy(path(".json"), &renamed).unwrap();
    let error = fixture.archive.recover(TOPIC, 0).await.unwrap_err().to_string();
    assert!(error.ends_with("2.json: it says that it is epoch 1"), "{error}");
    std::fs::remove_file(renamed).unwrap();
    std::fs::write(path(".json"), r#"{"format":99}"#).unwrap();
    let error = fixture.archive.recover(TOPIC, 0).await.unwrap_err().to_string();
    assert!(error.ends_with(".json: format 99 is not known to this version"), "{error}");
}

/// The next epochs would have numbers that the table has had, and be left out.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_whose_newest_checkpoint_is_gone_is_refused() {
    let fixture = Fixture::new(&["readings"]).await;
    for epoch in 1..=2 {
        let manifest = write(&fixture.archive, 0, epoch, &["readings"], epoch as i64).await;
        fixture.archive.create_epoch(&manifest, Vec::new()).await.unwrap();
        fixture.archive.commit(&[manifest]).await.unwrap();
    }
    let folder = fixture.dir.path().join("_coldstream/checkpoints").join(TOPIC).join("00000");
    std::fs::remove_file(folder.join("00000000000000000002.json")).unwrap();
    let error = fixture.reopen().await.recover(TOPIC, 0).await.unwrap_err();
    assert!(matches!(&error, ArchiveError::TableAhead { epoch: Epoch(2), newest: Epoch(1), .. }), "{error}");
    assert!(error.hint().unwrap().contains("restore"));
}

/// Windows that were open would go on without the rows they had.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_whose_state_is_gone_is_refused_before_anything_is_committed() {
    let fixture = Fixture::new(&["readings"]).await;
    let first = write(&fixture.archive, 0, 1, &["readings"], 1).await;
    fixture.archive.create_epoch(&first, state("sealed")).await.unwrap();
    let folder = fixture.dir.path().join("_coldstream/checkpoints").join(TOPIC).join("00000");
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "state") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let error = fixture.reopen().await.recover(TOPIC, 0).await.unwrap_err();
    assert!(matches!(&error, ArchiveError::LostState { epoch: Epoch(1), .. }), "{error}");
    assert_eq!(times(&fixture.archive, "readings").await, Vec::<i64>::new());
}

/// Epochs that begin at the first again would be taken for those the tables already have, and be left out.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_whose_checkpoints_are_gone_is_refused() {
    let fixture = Fixture::new(&["readings"]).await;
    let first = write(&fixture.archive, 0, 1, &["readings"], 1).await;
    fixture.archive.create_epoch(&first, Vec::new()).await.unwrap();
    fixture.archive.commit(&[first]).await.unwrap();
    std::fs::remove_dir_all(fixture.dir.path().join("_coldstream")).unwrap();
    let archive = fixture.reopen().await;
    let error = archive.recover(TOPIC, 0).await.unwrap_err();
    assert!(matches!(&error, ArchiveError::LostChain { epoch: Epoch(1), .. }), "{error}");
    assert!(error.hint().unwrap().contains("restore"));
    // Another partition was never there, and starts as ever.
    assert!(archive.recover(TOPIC, 1).await.unwrap().is_none());
}
