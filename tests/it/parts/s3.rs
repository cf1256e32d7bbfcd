//! An S3-compatible object store: versitygw over a folder.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::process::{self, Process};
use super::{installed, port, wait};

const BUCKET: &str = "coldstream";
const ACCESS_KEY: &str = "coldstream-test";
const SECRET_KEY: &str = "only-for-loopback";
const START: Duration = Duration::from_secs(30);

/// A running store with one empty bucket.
pub struct S3 {
    endpoint: String,
    server: Process,
}

impl S3 {
    /// The one store of this test process: tests tell their data apart by prefixes.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<S3> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A store of the test's own, for tests that end it.
    pub fn start() -> Self {
        let program = installed("bin/versitygw");
        let address = format!("127.0.0.1:{}", port::free());
        let dir = process::folder();
        let root = dir.path().join("buckets");
        fs::create_dir_all(root.join(BUCKET)).unwrap();
        let mut command = Command::new(program);
        command
            .env("ROOT_ACCESS_KEY", ACCESS_KEY)
            .env("ROOT_SECRET_KEY", SECRET_KEY)
            .args(["--port", &address, "--health", "/health", "--quiet", "--keep-alive", "posix"])
            .arg(root);
        let server = Process::spawn_in(dir, &command);
        let mut store = Self { endpoint: format!("http://{address}"), server };
        wait::until(&format!("the S3 server at {address}"), START, || {
            if let Some(status) = store.server.try_wait() {
                panic!("the S3 server ended with {status}\n{}", store.server.tail());
            }
            healthy(&address).map_err(|error| format!("{error}\n{}", store.server.tail()))
        });
        store
    }

    /// Stops answering, with every connection open, as a store does that hangs; [`Self::thaw`] ends that.
    pub fn freeze(&self) {
        self.server.signal("STOP");
    }

    /// Answers again.
    pub fn thaw(&self) {
        self.server.signal("CONT");
    }

    /// URL of `prefix` in the bucket. A prefix of its own keeps a test apart from the others.
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}")
    }

    /// The environment that leads a client to this store: what `object_store`, deltalake for Python and
    /// Coldstream read.
    pub fn env(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ALLOW_HTTP", "true"),
        ]
    }

    /// A client of the bucket.
    pub fn client(&self) -> object_store::aws::AmazonS3 {
        let mut builder = object_store::aws::AmazonS3Builder::new().with_bucket_name(BUCKET);
        for (key, value) in self.env() {
            builder = builder.with_config(key.to_ascii_lowercase().parse().unwrap(), value);
        }
        builder.build().unwrap()
    }
}

/// Whether the server answers its health page with 200.
fn healthy(address: &str) -> Result<(), String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(START))?;
        write!(stream, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| error.to_string())?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer) }
}
