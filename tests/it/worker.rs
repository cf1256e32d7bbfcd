//! A Coldstream under test: its folder, its configuration, its process, and SQL over its archive.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use coldstream::archive::{Archive, StoreOptions};
use datafusion::prelude::{SessionConfig, SessionContext};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::parts::kafka::Kafka;
use crate::parts::process::{self, Process};
use crate::parts::s3::S3;
use crate::parts::{port, wait};

/// The project's folder: queries and models are those it ships.
pub fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where the archive of a test is.
pub enum Store {
    /// In the folder of the test.
    Folder,
    /// On the S3-compatible server.
    S3(&'static S3),
}

/// One Coldstream.
pub struct Worker {
    pub dir: tempfile::TempDir,
    pub topic: String,
    pub port: u16,
    pub url: String,
    bootstrap: String,
    store: Store,
    runtime: tokio::runtime::Runtime,
}

impl Worker {
    /// A Coldstream on a new topic of the shared broker; `extra` is added to its configuration.
    pub fn new(name: &str, partitions: i32, store: Store, extra: &str) -> Self {
        Self::on(Kafka::shared(), name, partitions, store, extra)
    }

    /// [`Self::new`] on a broker of the test's own.
    pub fn on(kafka: &Kafka, name: &str, partitions: i32, store: Store, extra: &str) -> Self {
        let topic = kafka.create_topic(name, partitions);
        let dir = process::folder();
        let url = match &store {
            Store::Folder => dir.path().join("archive").display().to_string(),
            Store::S3(s3) => s3.url(&topic),
        };
        let port = port::free();
        let config = format!(
            "[kafka]\nbrokers = \"{brokers}\"\ntopic = \"{topic}\"\ngroup = \"{topic}\"\n\
             [archive]\nurl = \"{url}\"\ncommit_interval = \"1s\"\n\
             [serve]\nlisten = \"127.0.0.1:{port}\"\n\
             [dataflow]\nqueries = \"{project}/queries\"\nmodels = \"{project}/models\"\n{extra}\n",
            brokers = kafka.bootstrap(),
            project = project().display(),
        );
        std::fs::write(dir.path().join("coldstream.toml"), config).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let bootstrap = kafka.bootstrap().to_owned();
        Self { dir, topic, port, url, bootstrap, store, runtime }
    }

    /// Starts one of several processes of the group, with a port of its own; does not wait for it.
    pub fn start_member(&self, port: u16) -> Process {
        let path = self.dir.path().join(format!("member-{port}.toml"));
        let config = std::fs::read_to_string(self.config()).unwrap();
        let listen = |port: u16| format!("listen = \"127.0.0.1:{port}\"");
        std::fs::write(&path, config.replace(&listen(self.port), &listen(port))).unwrap();
        Process::spawn(&self.command(&["run", "--config", &path.display().to_string()]))
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("coldstream.toml")
    }

    /// `coldstream` with the environment of the store.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = process::coldstream();
        command.args(args).env("RUST_LOG", "coldstream=info,kafka=warn,warn");
        if let Store::S3(s3) = &self.store {
            command.envs(s3.env());
        }
        command
    }

    /// Starts `coldstream run` and waits until it serves.
    pub fn start(&self) -> Process {
        let mut process =
            Process::spawn(&self.command(&["run", "--config", &self.config().display().to_string()]));
        process.wait_for_line("serves on http://", Duration::from_secs(60));
        process
    }

    /// Runs a command to its end, which must be a good one; gives its standard output.
    pub fn output(&self, args: &[&str]) -> String {
        let output = self.command(args).current_dir(project()).output().unwrap();
        succeeded(args, &output)
    }

    /// `kafka://…` of the topic.
    pub fn kafka_url(&self) -> String {
        format!("kafka://{}/{}", self.bootstrap, self.topic)
    }

    /// Settings of a client of its broker.
    fn client(&self) -> rdkafka::ClientConfig {
        let mut config = rdkafka::ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    /// Sum of the offsets that the consumer group has told Kafka.
    pub fn group_offsets(&self, partitions: i32) -> i64 {
        let consumer: BaseConsumer = self.client().set("group.id", &self.topic).create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.topic, 0, partitions - 1);
        let committed =
            consumer.committed_offsets(list, Duration::from_secs(10)).expect("the group's offsets");
        committed.elements().iter().filter_map(|element| element.offset().to_raw()).sum()
    }

    fn store_options(&self) -> StoreOptions {
        match &self.store {
            Store::Folder => StoreOptions::default(),
            Store::S3(s3) => {
                let env: std::collections::HashMap<_, _> = s3.env().into();
                let get = |key: &str| env.get(key).map(|value| (*value).to_string());
                StoreOptions {
                    endpoint: get("AWS_ENDPOINT_URL"),
                    region: get("AWS_REGION"),
                    access_key_id: get("AWS_ACCESS_KEY_ID"),
                    secret_access_key: get("AWS_SECRET_ACCESS_KEY"),
                    allow_http: true,
                }
            }
        }
    }

    /// SQL by plain DataFusion over the committed rows: nothing of Coldstream's SQL takes part.
    pub fn sql(&self, sql: &str) -> RecordBatch {
        self.sql_with(&[], sql)
    }

    /// [`Self::sql`] with further tables: folders of Parquet files.
    pub fn sql_with(&self, more: &[(&str, &Path)], sql: &str) -> RecordBatch {
        self.runtime.block_on(async {
            let archive = Archive::open(&self.url, &self.store_options()).await.unwrap();
            let mut config = SessionConfig::new();
            config.options_mut().execution.parquet.schema_force_view_types = false;
            let context = SessionContext::new_with_config(config);
            for name in archive.table_names().await.unwrap() {
                let table = archive.table_provider(&name).await.unwrap();
                context.register_table(name.as_str(), table).unwrap();
            }
            for (name, path) in more {
                let path = path.display().to_string();
                context.register_parquet(*name, path, Default::default()).await.unwrap();
            }
            let frame = context.sql(sql).await.unwrap_or_else(|e| panic!("{:.300}\n{e}", sql));
            let schema = Arc::clone(frame.schema().inner());
            let batches = frame.collect().await.unwrap_or_else(|e| panic!("{:.300}\n{e}", sql));
            arrow::compute::concat_batches(&schema, &batches).unwrap()
        })
    }

    /// The one number that a query gives.
    pub fn number(&self, sql: &str) -> i64 {
        let batch = self.sql(sql);
        assert_eq!((batch.num_rows(), batch.num_columns()), (1, 1), "{sql}");
        batch.column(0).as_primitive::<Int64Type>().value(0)
    }

    /// Rows committed to a table, by its log alone; 0 while there is no table.
    pub fn committed(&self, table: &str) -> u64 {
        self.runtime.block_on(async {
            let archive = Archive::open(&self.url, &self.store_options()).await.unwrap();
            if !archive.table_names().await.unwrap().iter().any(|name| name == table) {
                return 0;
            }
            archive.table_info(table).await.unwrap().rows
        })
    }

    /// Waits until a table has at least `rows` rows, while `process` must stay alive.
    #[track_caller]
    pub fn wait_for_rows(&self, process: &mut Process, table: &str, rows: u64, limit: Duration) {
        wait::until(&format!("{rows} rows in {table}"), limit, || {
            let found = self.committed(table);
            if let Some(status) = process.try_wait() {
                panic!("coldstream ended with {status}\n{}", process.tail());
            }
            if found >= rows { Ok(()) } else { Err(format!("{found} rows\n{}", process.tail())) }
        });
    }
}

/// The standard output of a command that succeeded.
#[track_caller]
pub fn succeeded(args: &[&str], output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "coldstream {args:?}: {}\n{error}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
