//! Several workers, and the chains they leave behind.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn committers_of_different_partitions_do_not_lose_each_others_rows() {
    let fixture = Fixture::new(&["readings"]).await;
    let mut workers = Vec::new();
    for partition in 0..3 {
        let archive = fixture.reopen().await;
        workers.push(tokio::spawn(async move {
            for epoch in 1..=8 {
                let time = i64::from(partition) * 100 + epoch as i64;
                let manifest = write(&archive, partition, epoch, &["readings"], time).await;
                archive.create_epoch(&manifest, Vec::new()).await.unwrap();
                archive.commit(&[manifest]).await.unwrap();
            }
        }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let expected: Vec<i64> = (0..3).flat_map(|p| (1..=8).map(move |e| p * 100 + e)).collect();
    assert_eq!(times(&fixture.archive, "readings").await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_zombie_and_its_successor_commit_the_same_epoch_once() {
    let fixture = Fixture::new(&["readings"]).await;
    for epoch in 1..=5 {
        let manifest = write(&fixture.archive, 0, epoch, &["readings"], epoch as i64).await;
        fixture.archive.create_epoch(&manifest, Vec::new()).await.unwrap();
        let (zombie, successor) = (fixture.reopen().await, fixture.reopen().await);
        let epochs = [manifest];
        let (one, other) = tokio::join!(zombie.commit(&epochs), successor.recover(TOPIC, 0));
        one.unwrap();
        assert_eq!(other.unwrap().unwrap().manifest.epoch, Epoch(epoch));
    }
    assert_eq!(times(&fixture.archive, "readings").await, [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_creators_wins_and_the_others_are_fenced() {
    let fixture = Fixture::new(&[]).await;
    let mut creators = Vec::new();
    for offset in 0..8 {
        let archive = fixture.reopen().await;
        let mut manifest = manifest(0, 1, BTreeMap::new());
        manifest.next_offset = offset;
        creators.push(tokio::spawn(async move {
            archive.create_epoch(&manifest, state("s")).await.map(|()| offset)
        }));
    }
    let mut winners = Vec::new();
    for creator in creators {
        match creator.await.unwrap() {
            Ok(offset) => winners.push(offset),
            Err(error) => assert!(matches!(error, ArchiveError::Fenced { .. }), "{error}"),
        }
    }
    let recovered = fixture.archive.recover(TOPIC, 0).await.unwrap().unwrap();
    assert_eq!(winners, [recovered.manifest.next_offset]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_far_behind_is_fenced_even_where_its_epoch_was_pruned() {
    let fixture = Fixture::new(&[]).await;
    for epoch in 1..=6 {
        let manifest = manifest(0, epoch, BTreeMap::new());
        fixture.archive.create_epoch(&manifest, state("s")).await.unwrap();
        fixture.archive.commit(&[manifest]).await.unwrap();
        fixture.archive.prune_epochs(TOPIC, 0, 2).await.unwrap();
    }
    for epoch in [1, 2, 3, 6] {
        let zombie = manifest(0, epoch, BTreeMap::new());
        let error = fixture.reopen().await.create_epoch(&zombie, Vec::new()).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Fenced { .. }), "epoch {epoch}: {error}");
    }
    let next = manifest(0, 7, BTreeMap::new());
    fixture.reopen().await.create_epoch(&next, Vec::new()).await.unwrap();
}

/// Names of the files in a partition's chain: epochs of its manifests, and of its state.
fn chain_files(fixture: &Fixture) -> (Vec<u64>, Vec<u64>) {
    let folder = fixture.dir.path().join("_coldstream/checkpoints").join(TOPIC).join("00000");
    let (mut manifests, mut state) = (Vec::new(), Vec::new());
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let epoch = name[..20].parse().unwrap();
        if name.ends_with(".json") { manifests.push(epoch) } else { state.push(epoch) }
    }
    manifests.sort_unstable();
    state.sort_unstable();
    (manifests, state)
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_keeps_the_newest_committed_and_all_that_is_not_committed() {
    let fixture = Fixture::new(&["readings"]).await;
    let archive = &fixture.archive;
    for epoch in 1..=6 {
        let manifest = write(archive, 0, epoch, &["readings"], epoch as i64).await;
        archive.create_epoch(&manifest, state("s")).await.unwrap();
        if epoch <= 4 {
            archive.commit(&[manifest]).await.unwrap();
        }
    }
    fixture.reopen().await.prune_epochs(TOPIC, 0, 2).await.unwrap();
    assert_eq!(chain_files(&fixture).0, [1, 2, 3, 4, 5, 6], "a new process knows of no commit");
    archive.prune_epochs(TOPIC, 0, 2).await.unwrap();
    assert_eq!(chain_files(&fixture), (vec![3, 4, 5, 6], vec![3, 4, 5, 6]));

    let archive = fixture.reopen().await;
    archive.recover(TOPIC, 0).await.unwrap();
    archive.prune_epochs(TOPIC, 0, 0).await.unwrap();
    assert_eq!(chain_files(&fixture), (vec![6], vec![6]));
    let recovered = archive.recover(TOPIC, 0).await.unwrap().unwrap();
    assert_eq!((recovered.manifest.epoch, recovered.state), (Epoch(6), held("s")));
    assert_eq!(times(&archive, "readings").await, [1, 2, 3, 4, 5, 6]);
}
