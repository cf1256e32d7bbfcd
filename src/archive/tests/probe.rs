//! A probe tells a store that is good enough from one that is not, and leaves nothing behind.

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result as StoreResult,
};

use super::*;
use crate::archive::probe::{Fault, check};

/// A store that does not know conditional writes: it overwrites, as many compatible ones did for years.
#[derive(Debug, Default)]
struct Careless(InMemory);

impl std::fmt::Display for Careless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("careless")
    }
}

#[async_trait]
impl ObjectStore for Careless {
    async fn put_opts(&self, path: &Path, bytes: PutPayload, _: PutOptions) -> StoreResult<PutResult> {
        self.0.put(path, bytes).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.0.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        self.0.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.0.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn a_store_that_creates_twice_is_found_out() {
    let path = Path::from("_doctor/object");
    let fault = check(&Careless::default(), &path).await.unwrap_err();
    assert!(matches!(&fault, Fault::Unsuitable(reason) if reason.contains("second time")), "{fault:?}");
    assert_eq!(check(&InMemory::new(), &path).await.unwrap(), 0);
}

#[tokio::test]
async fn a_probe_leaves_the_archive_as_it_was() {
    let fixture = Fixture::new(&["readings"]).await;
    let listing = || {
        let mut names: Vec<_> =
            std::fs::read_dir(fixture.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = listing();
    let probe = fixture.archive.probe().await.unwrap();
    assert_eq!(probe.clock_ahead, 0);
    assert_eq!(listing(), before);
}

#[tokio::test]
async fn the_newest_epochs_are_read_without_a_commit() {
    let fixture = Fixture::new(&["readings"]).await;
    let archive = &fixture.archive;
    assert_eq!(archive.newest_epochs(TOPIC).await.unwrap(), []);
    for (partition, epoch) in [(0, 1), (0, 2), (3, 1)] {
        let manifest = write(archive, partition, epoch, &["readings"], 7).await;
        archive.create_epoch(&manifest, Vec::new()).await.unwrap();
    }
    let newest = archive.newest_epochs(TOPIC).await.unwrap();
    let found: Vec<_> = newest.iter().map(|epoch| (epoch.partition, epoch.epoch.0)).collect();
    assert_eq!(found, [(0, 2), (3, 1)]);
    assert!(times(archive, "readings").await.is_empty());
}
