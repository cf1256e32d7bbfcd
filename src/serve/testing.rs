//! A server on a free port, over DataFusion's own in-memory tables.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, StringViewArray};
use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{SessionConfig, SessionContext};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::transport::Channel;

use super::alarm::{Acknowledgement, AlarmDesk, DeskError, LiveAlarms, WatchFilter};
use super::demo::Plants;
use super::live::LiveState;
use super::sql::{SqlEngine, SqlError, TableInfo, TableSource, query_context};
use super::{AlarmParts, ModelInfo, ServeError, Services, bind, metrics, serve};
use crate::alarm::{AlarmPlan, Episode};
use crate::schema::ReadingSchema;

/// Tests that wait for something give up after this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An engine over a session: the table `big` has `rows` rows.
pub(crate) struct Engine(SessionContext);

impl Engine {
    pub(crate) fn with_rows(rows: i64) -> Arc<Self> {
        Self::with_table("big", big(rows))
    }

    pub(crate) fn with_table(name: &str, rows: RecordBatch) -> Arc<Self> {
        let context = SessionContext::new_with_config(SessionConfig::new().with_information_schema(true));
        context.register_batch(name, rows).unwrap();
        Arc::new(Self(context))
    }
}

/// Columns `n` (0, 1, …), `name` (text of about 30 bytes in Arrow's view type), `x` (`n / 4`, NULL for each third).
pub(crate) fn big(rows: i64) -> RecordBatch {
    let names = (0..rows).map(|n| Some(format!("machine number {n:012} of all")));
    RecordBatch::try_from_iter_with_nullable([
        ("n", Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef, false),
        ("name", Arc::new(StringViewArray::from_iter(names)) as ArrayRef, true),
        (
            "x",
            Arc::new(Float64Array::from_iter((0..rows).map(|n| (n % 3 != 0).then_some(n as f64 / 4.0)))),
            true,
        ),
    ])
    .unwrap()
}

#[async_trait]
impl SqlEngine for Engine {
    async fn query(&self, sql: &str) -> Result<SendableRecordBatchStream, SqlError> {
        query_context(&self.0, sql).await
    }
}

struct Tables;

#[async_trait]
impl TableSource for Tables {
    async fn tables(&self) -> Result<Vec<TableInfo>, SqlError> {
        let table = |name: &str, rows, version| TableInfo {
            name: name.into(),
            rows,
            files: 3,
            bytes: 4_096,
            version,
        };
        Ok(vec![table("readings", Some(1_000), 7), table("features", None, 6)])
    }
}

/// A desk that acknowledges what the live alarms know, at a fixed time.
pub(crate) struct Desk(pub(crate) Arc<LiveAlarms>);

#[async_trait]
impl AlarmDesk for Desk {
    async fn acknowledge(&self, order: Acknowledgement) -> Result<Episode, DeskError> {
        let mut watcher = self.0.watch(WatchFilter::default(), Duration::ZERO);
        let known = watcher.next().await;
        let mut episode = known.into_iter().find(|e| e.id == order.episode).ok_or(DeskError::Unknown)?;
        episode.acknowledged_at = Some(1_700_000_000_000_000);
        episode.acknowledged_by = order.who;
        episode.comment = order.comment;
        Ok(episode)
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) live: Arc<LiveState>,
    pub(crate) alarms: Arc<LiveAlarms>,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) ready: watch::Sender<bool>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Engine::with_rows(100_000), None).await
    }

    pub(crate) async fn with(sql: Arc<dyn SqlEngine>, plants: Option<Arc<dyn Plants>>) -> Self {
        let live = Arc::new(LiveState::default());
        let alarms = Arc::new(LiveAlarms::default());
        let (ready, is_ready) = watch::channel(true);
        let services = Services {
            live: Arc::clone(&live),
            sql,
            tables: Arc::new(Tables),
            models: vec![ModelInfo {
                name: "failure".into(),
                version: "abc123".into(),
                algorithm: "logistic".into(),
                card: r#"{"rows":3}"#.into(),
            }],
            alarms: AlarmParts {
                live: Arc::clone(&alarms),
                desk: Arc::new(Desk(Arc::clone(&alarms))),
                rules: Arc::new(AlarmPlan::default()),
            },
            machines: Arc::default(),
            sensors: ReadingSchema::default(),
            plants,
            metrics: metrics::install().unwrap(),
            ready: is_ready,
        };
        let listener = bind("127.0.0.1:0", false).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, services, async move { stopped.await.unwrap() }));
        Self { live, alarms, address, ready, stop, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn channel(&self) -> Channel {
        Channel::from_shared(self.url()).unwrap().connect().await.unwrap()
    }

    /// Sends a request over HTTP/1.1 and reads the whole answer.
    pub(crate) async fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Http {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        let mut answer = Http::send(self.address, request.as_bytes()).await;
        timeout(PATIENCE, answer.socket.read_to_string(&mut answer.body)).await.unwrap().unwrap();
        answer
    }

    /// Orders it to stop, without waiting.
    pub(crate) fn stop(self) -> JoinHandle<Result<(), ServeError>> {
        self.stop.send(()).unwrap();
        self.task
    }
}

/// Rows of one stream: machine, event time in microseconds, a number, and the name of the number's column.
pub(crate) fn batch(time: &str, column: &str, rows: &[(&str, i64, Option<f64>)]) -> RecordBatch {
    let times = rows.iter().map(|row| row.1);
    let times = arrow::array::TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
    RecordBatch::try_from_iter_with_nullable([
        (time, Arc::new(times) as ArrayRef, false),
        ("machine_id", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))), false),
        (column, Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.2))), true),
    ])
    .unwrap()
}

/// An answer over HTTP/1.1, read by hand: what a simple client sees.
pub(crate) struct Http {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
    socket: BufReader<TcpStream>,
}

impl Http {
    async fn send(address: std::net::SocketAddr, request: &[u8]) -> Self {
        let mut socket = BufReader::new(TcpStream::connect(address).await.unwrap());
        socket.write_all(request).await.unwrap();
        let mut head = Vec::new();
        loop {
            let line = read_line(&mut socket).await;
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &String| line.split_once(": ").map(|(name, it)| (name.to_lowercase(), it.into()));
        let headers = head.iter().filter_map(header).collect();
        Self { status, headers, body: String::new(), socket }
    }

    /// Begins to read a stream of events.
    pub(crate) async fn open(address: std::net::SocketAddr, path: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n");
        let answer = Self::send(address, request.as_bytes()).await;
        assert_eq!((answer.status, answer.header("transfer-encoding")), (200, Some("chunked")), "{path}");
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// The data of the next event.
    pub(crate) async fn event(&mut self) -> serde_json::Value {
        loop {
            if let Some((event, rest)) = self.body.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
                self.body = rest.to_owned();
                if let Some(data) = data {
                    return serde_json::from_str(&data).unwrap();
                }
                continue;
            }
            let chunk = self.chunk().await.expect("the stream has ended");
            self.body.push_str(&chunk);
        }
    }

    /// Whether nothing more comes.
    pub(crate) async fn ended(&mut self) -> bool {
        self.chunk().await.is_none()
    }

    async fn chunk(&mut self) -> Option<String> {
        let size = read_line(&mut self.socket).await;
        let size = usize::from_str_radix(&size, 16).unwrap();
        let mut chunk = vec![0; size + 2];
        timeout(PATIENCE, self.socket.read_exact(&mut chunk)).await.unwrap().unwrap();
        chunk.truncate(size);
        (size > 0).then(|| String::from_utf8(chunk).unwrap())
    }
}

async fn read_line(socket: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    timeout(PATIENCE, socket.read_line(&mut line)).await.unwrap().unwrap();
    line.trim_end().to_owned()
}
