//! A worker that is overtaken between two of its own steps.

use std::sync::Mutex;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::super::chain::Chain;
use super::*;

/// A store in which something happens just before the first create.
struct Overtaken {
    memory: Arc<InMemory>,
    before: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl std::fmt::Debug for Overtaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overtaken").finish_non_exhaustive()
    }
}

impl std::fmt::Display for Overtaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a store with a gap")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Overtaken {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if options.mode == PutMode::Create {
            let before = self.before.lock().unwrap().take();
            if let Some(before) = before {
                before.await;
            }
        }
        self.memory.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.memory.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.memory.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.memory.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.memory.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.memory.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.memory.copy_opts(from, to, options).await
    }
}

/// The successor goes on from the same epoch, and so far that it deletes the one that the zombie is about to create. The
/// create then finds nothing in its way; that a newer manifest is there is all that tells.
#[tokio::test]
async fn a_create_into_a_gap_is_no_proof() {
    let memory = Arc::new(InMemory::new());
    let chain = |epochs: std::ops::RangeInclusive<u64>, memory: Arc<InMemory>| async move {
        let chain = Chain::new(memory.as_ref(), TOPIC, 0);
        for epoch in epochs {
            chain.create(&manifest(0, epoch, BTreeMap::new()), state("s")).await.unwrap();
        }
    };
    chain(1..=2, Arc::clone(&memory)).await;
    let successor = {
        let memory = Arc::clone(&memory);
        let further = chain(3..=5, Arc::clone(&memory));
        async move {
            further.await;
            Chain::new(memory.as_ref(), TOPIC, 0).prune(Epoch(5), 1).await.unwrap();
        }
    };
    let store = Overtaken { memory: Arc::clone(&memory), before: Mutex::new(Some(Box::pin(successor))) };

    let zombie = manifest(0, 3, BTreeMap::new());
    let error = Chain::new(&store, TOPIC, 0).create(&zombie, state("zombie")).await.unwrap_err();

    assert!(matches!(error, ArchiveError::Fenced { .. }), "{error}");
    // The create itself did succeed: without a look at the newest the zombie would go on.
    let manifests = Chain::new(memory.as_ref(), TOPIC, 0).list().await.unwrap().manifests;
    assert_eq!(manifests.into_keys().collect::<Vec<_>>(), [Epoch(3), Epoch(5)]);
}
