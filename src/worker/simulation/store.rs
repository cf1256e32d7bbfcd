//! One worker's way to the objects, on which everything can happen that happens to requests.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};
use serde_json::Value;
use tokio::sync::oneshot;

use super::dice::mix;

/// What happens, line by line.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    pub(super) lines: Arc<Mutex<Vec<String>>>,
    /// Whether lines are printed as they come.
    pub(super) loud: bool,
}

impl Trace {
    pub(super) fn note(&self, line: String) {
        let line = without_ids(&line);
        if self.loud {
            println!("{line}");
        }
        self.lines.lock().unwrap().push(line);
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

/// Names of files hold ids that are new in each run.
fn without_ids(line: &str) -> String {
    let words = line.split_inclusive(['/', '.', ' ', ':']).map(|word| {
        let start = word.len().saturating_sub(37);
        let id = word.get(start..word.len().saturating_sub(1)).and_then(|id| id.parse::<uuid::Uuid>().ok());
        match id {
            Some(_) => format!("{}*{}", &word[..start], &word[word.len() - 1..]),
            None => word.to_owned(),
        }
    });
    words.collect()
}

/// The objects themselves, which outlive every worker, and the order in which epochs came to exist.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) memory: InMemory,
    created: Mutex<Vec<Created>>,
}

/// A manifest that was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Created {
    pub(super) partition: usize,
    pub(super) epoch: u64,
    /// Differs between any two epochs that were sealed.
    pub(super) written_at: i64,
}

impl Objects {
    pub(super) fn created(&self) -> Vec<Created> {
        self.created.lock().unwrap().clone()
    }
}

/// What may happen to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// It fails and has had no effect.
    Refuse,
    /// It has its effect, and the answer is lost.
    LoseAnswer,
    /// It has its effect, the answer is lost, and the repeated request finds that what it creates is there.
    Repeat,
    /// The process dies before it.
    DieBefore,
    /// The process dies after it.
    DieAfter,
    /// It hangs for as long as the world likes, and then goes on.
    StallBefore,
    /// It has its effect, and its answer hangs.
    StallAfter,
}

pub(super) const FAULTS: [Fault; 7] = [
    Fault::Refuse,
    Fault::LoseAnswer,
    Fault::Repeat,
    Fault::DieBefore,
    Fault::DieAfter,
    Fault::StallBefore,
    Fault::StallAfter,
];

/// What one worker's requests have to expect.
#[derive(Debug)]
pub(super) struct Fate {
    worker: u32,
    trace: Trace,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    dead: bool,
    /// Operations until the fault, and the fault.
    planned: Option<(usize, Fault)>,
    /// Ends the stall that is under way.
    stalled: Option<oneshot::Sender<()>>,
    /// Decides which objects of a transaction log cannot be read at present; none where it is 0.
    unreadable: u64,
    /// What has happened: fault and operation.
    fired: Vec<(Fault, String)>,
}

impl Fate {
    pub(super) fn new(worker: u32, trace: &Trace) -> Arc<Self> {
        Arc::new(Self { worker, trace: trace.clone(), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn plan(&self, after: usize, fault: Fault) {
        self.state().planned = Some((after, fault));
    }

    pub(super) fn unreadable(&self, by: u64) {
        self.state().unreadable = by;
    }

    /// Nothing more happens to the requests of this worker.
    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.planned = None;
        state.unreadable = 0;
    }

    pub(super) fn is_dead(&self) -> bool {
        self.state().dead
    }

    pub(super) fn die(&self) {
        let mut state = self.state();
        state.dead = true;
        // Whatever hangs fails now.
        state.stalled = None;
    }

    /// Whether a request hangs that somebody still waits for: another that failed beside it may have ended it.
    pub(super) fn is_stalled(&self) -> bool {
        self.state().stalled.as_ref().is_some_and(|stalled| !stalled.is_closed())
    }

    /// Lets the stalled operation go on.
    pub(super) fn go_on(&self) {
        let stalled = self.state().stalled.take();
        stalled.map(|stalled| stalled.send(()).is_ok());
    }

    pub(super) fn fired(&self) -> Vec<(Fault, String)> {
        self.state().fired.clone()
    }

    /// What happens to this operation.
    fn meet(&self, operation: &str, path: &Path) -> Result<Option<Fault>> {
        let mut state = self.state();
        if state.dead {
            return Err(failed(path));
        }
        let short = short(path);
        let fault = match &mut state.planned {
            // The Delta library writes its checkpoints on the thread that asks for them: that would hang as well.
            Some((0, Fault::StallBefore | Fault::StallAfter)) if operation == "put" && is_log(path) => {
                Some(Fault::Refuse)
            }
            Some((0, fault)) => Some(*fault),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        let suffix = fault.map_or(String::new(), |fault| format!(": {fault:?}"));
        self.trace.note(format!("    worker {}: {operation} {short}{suffix}", self.worker));
        if let Some(fault) = fault {
            state.planned = None;
            state.fired.push((fault, format!("{operation} {short}")));
        }
        Ok(fault)
    }

    /// Transaction logs are read ahead by threads of the Delta library, so their reads have no order that could be
    /// repeated. They change nothing either: dying at one is dying before the next write.
    fn meet_log(&self, path: &Path) -> Result<()> {
        let state = self.state();
        let hash = path.as_ref().bytes().fold(state.unreadable, |hash, byte| mix(hash ^ u64::from(byte)));
        match state.dead || (state.unreadable != 0 && hash % 16 == 0) {
            true => Err(failed(path)),
            false => Ok(()),
        }
    }

    async fn stall(&self, path: &Path) -> Result<()> {
        let (go_on, goes_on) = oneshot::channel();
        self.state().stalled = Some(go_on);
        goes_on.await.map_err(|_| failed(path))?;
        if self.is_dead() { Err(failed(path)) } else { Ok(()) }
    }
}

fn failed(path: &Path) -> Error {
    Error::Generic { store: "simulated", source: format!("the request for {path} failed").into() }
}

/// A path without what is drawn anew in each run.
fn short(path: &Path) -> String {
    let parts: Vec<_> = path.parts().map(|part| part.as_ref().to_owned()).collect();
    let last = parts.last().cloned().unwrap_or_default();
    let ending = last.rsplit('.').next().unwrap_or_default();
    match ending {
        "parquet" if !parts.contains(&"_delta_log".into()) => format!("{}/*.parquet", parts[1]),
        "state" => format!("{}/{}-*.state", parts[parts.len() - 2], last[..20].trim_start_matches('0')),
        _ => parts.get(1..).unwrap_or_default().join("/"),
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct WorkerStore {
    objects: Arc<Objects>,
    fate: Arc<Fate>,
}

impl WorkerStore {
    pub(super) fn new(objects: &Arc<Objects>, fate: &Arc<Fate>) -> Self {
        Self { objects: Arc::clone(objects), fate: Arc::clone(fate) }
    }

    /// An operation that may change something, or whose answer decides what is changed.
    async fn operate<T>(
        &self,
        operation: &str,
        path: &Path,
        effect: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match self.fate.meet(operation, path)? {
            None => effect.await,
            Some(Fault::Refuse) => Err(failed(path)),
            Some(Fault::LoseAnswer) => effect.await.and(Err(failed(path))),
            Some(Fault::Repeat) if operation == "create" => {
                effect.await?;
                Err(Error::AlreadyExists { path: path.to_string(), source: "it is there".into() })
            }
            Some(Fault::Repeat) => effect.await.and(Err(failed(path))),
            Some(Fault::DieBefore) => {
                self.fate.die();
                Err(failed(path))
            }
            Some(Fault::DieAfter) => {
                let result = effect.await;
                self.fate.die();
                result.and(Err(failed(path)))
            }
            Some(Fault::StallBefore) => {
                self.fate.stall(path).await?;
                effect.await
            }
            Some(Fault::StallAfter) => {
                let result = effect.await;
                self.fate.stall(path).await?;
                result
            }
        }
    }

    /// Notes that an epoch exists, if that is what was created.
    fn note_created(&self, path: &Path, bytes: &[u8]) {
        if path.as_ref().contains("_coldstream/checkpoints/") {
            let manifest: Value = serde_json::from_slice(bytes).unwrap();
            let number = |key: &str| manifest[key].as_i64().unwrap();
            self.objects.created.lock().unwrap().push(Created {
                partition: number("partition") as usize,
                epoch: number("epoch") as u64,
                written_at: number("written_at"),
            });
        }
    }
}

impl std::fmt::Display for WorkerStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the simulated store")
    }
}

fn is_log(path: &Path) -> bool {
    path.as_ref().contains("_delta_log")
}

#[async_trait]
impl ObjectStore for WorkerStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let create = options.mode == PutMode::Create;
        let bytes: Vec<u8> = payload.iter().flat_map(|bytes| bytes.iter().copied()).collect();
        let effect = async {
            let put = self.objects.memory.put_opts(path, payload, options).await?;
            if create {
                self.note_created(path, &bytes);
            }
            Ok(put)
        };
        self.operate(if create { "create" } else { "put" }, path, effect).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.operate("upload", path, self.objects.memory.put_multipart_opts(path, options)).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let effect = self.objects.memory.get_opts(path, options);
        if is_log(path) {
            self.fate.meet_log(path)?;
            return effect.await;
        }
        self.operate("get", path, effect).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |path: Result<Path>| {
            let store = store.clone();
            async move {
                let path = path?;
                let memory = &store.objects.memory;
                let once = futures::stream::once(std::future::ready(Ok(path.clone()))).boxed();
                let effect = async { memory.delete_stream(once).try_collect::<Vec<_>>().await.map(|_| ()) };
                store.operate("delete", &path, effect).await.map(|()| path)
            }
        };
        paths.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.clone();
        let prefix = prefix.cloned();
        let listed = async move {
            let path = prefix.clone().unwrap_or_default();
            let effect = async { store.objects.memory.list(prefix.as_ref()).try_collect::<Vec<_>>().await };
            let found = if is_log(&path) {
                store.fate.meet_log(&path)?;
                effect.await?
            } else {
                store.operate("list", &path, effect).await?
            };
            Ok::<_, Error>(futures::stream::iter(found.into_iter().map(Ok)))
        };
        futures::stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let path = prefix.cloned().unwrap_or_default();
        let effect = self.objects.memory.list_with_delimiter(prefix);
        if is_log(&path) {
            self.fate.meet_log(&path)?;
            return effect.await;
        }
        self.operate("list", &path, effect).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.operate("copy", to, self.objects.memory.copy_opts(from, to, options)).await
    }
}
