use std::fs;

use arrow::compute::concat_batches;
use clap::Parser;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use super::*;
use crate::serve::testing::{Engine, Server};

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    query: QueryArgs,
}

fn args(words: &[&str]) -> QueryArgs {
    Cli::try_parse_from(["query"].iter().chain(words)).unwrap().query
}

/// What the query writes to a file.
async fn answer(words: &[&str], engine: Option<Arc<dyn SqlEngine>>) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    let args = QueryArgs { out: Some(path.clone()), ..args(words) };
    run(&args, engine).await.unwrap();
    fs::read(path).unwrap()
}

fn engine() -> Option<Arc<dyn SqlEngine>> {
    Some(Engine::with_rows(5_000))
}

const THREE: &str = "SELECT n, x, 'a,b' AS t FROM big WHERE n < 3 ORDER BY n";

#[test]
fn the_arguments_exclude_each_other_where_they_must() {
    let both = ["query", "SELECT 1", "--archive", "a", "--server", "b"];
    assert!(Cli::try_parse_from(both).is_err());
    assert!(Cli::try_parse_from(["query"]).is_err());
    assert_eq!(args(&["SELECT 1"]).format, Format::Table);
}

#[tokio::test]
async fn each_format_writes_the_same_rows() {
    let text =
        async |format| String::from_utf8(answer(&[THREE, "--format", format], engine()).await).unwrap();
    assert_eq!(text("csv").await, "n,x,t\n0,,\"a,b\"\n1,0.25,\"a,b\"\n2,0.5,\"a,b\"\n");
    assert_eq!(
        text("json").await,
        "{\"n\":0,\"x\":null,\"t\":\"a,b\"}\n{\"n\":1,\"x\":0.25,\"t\":\"a,b\"}\n{\"n\":2,\"x\":0.5,\"t\":\"a,b\"}\n"
    );
    assert_eq!(
        text("table").await,
        "+---+------+-----+\n\
         | n | x    | t   |\n\
         +---+------+-----+\n\
         | 0 | NULL | a,b |\n\
         | 1 | 0.25 | a,b |\n\
         | 2 | 0.5  | a,b |\n\
         +---+------+-----+\n"
    );
}

#[tokio::test]
async fn an_empty_result_still_names_its_columns() {
    let sql = "SELECT n, x FROM big WHERE n < 0";
    assert_eq!(answer(&[sql, "--format", "csv"], engine()).await, b"n,x\n");
    assert_eq!(answer(&[sql, "--format", "json"], engine()).await, b"");
    let table = String::from_utf8(answer(&[sql], engine()).await).unwrap();
    assert!(table.contains("| n | x |"), "{table}");
}

#[tokio::test]
async fn a_parquet_file_holds_every_row() {
    let sql = "SELECT * FROM big ORDER BY n";
    let bytes = answer(&[sql, "--format", "parquet"], engine()).await;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<_> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
    let rows = concat_batches(&schema, &batches).unwrap();
    assert_eq!(rows, crate::serve::testing::big(5_000));
}

#[tokio::test]
async fn a_long_result_is_printed_in_several_tables() {
    let table = String::from_utf8(answer(&["SELECT n FROM big ORDER BY n"], engine()).await).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.contains('n')).count();
    let headers = table.lines().filter(|line| line.contains('n')).count();
    assert_eq!(rows, 5_000);
    assert!((1..=6).contains(&headers), "{headers}");
}

#[tokio::test]
async fn a_server_gives_the_same_rows_as_an_engine() {
    let server = Server::start().await;
    let url = server.url();
    let sql = "SELECT * FROM big WHERE n < 5000 ORDER BY n";
    let remote = answer(&[sql, "--format", "csv", "--server", &url], None).await;
    assert_eq!(remote, answer(&[sql, "--format", "csv"], engine()).await);
    let without_scheme = server.address.to_string();
    assert_eq!(
        answer(&["SELECT 1 AS one", "--format", "csv", "--server", &without_scheme], None).await,
        b"one\n1\n"
    );
    let empty = ["SELECT n FROM big WHERE n < 0", "--format", "csv", "--server", &url];
    assert_eq!(answer(&empty, None).await, b"n\n");
    let error = run(&args(&["SELECT * FROM nothing", "--server", &url]), None).await.unwrap_err();
    assert!(matches!(&error, QueryError::Sql(_)) && error.to_string().contains("nothing"), "{error}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let url = format!("http://{address}");
    let error = run(&args(&["SELECT 1", "--server", &url]), None).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("no server answers at {url}: Connection refused")), "{text}");
    assert!(error.hint().unwrap().contains("coldstream run"));
    for odd in ["https://127.0.0.1:1", "http://", "ftp://host:1"] {
        let error = run(&args(&["SELECT 1", "--server", odd]), None).await.unwrap_err();
        assert!(matches!(error, QueryError::BadServer { .. }), "{error}");
    }
}

/// Takes some bytes and then fails.
struct Failing {
    room: usize,
    kind: io::ErrorKind,
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        if taken == 0 { Err(self.kind.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn rows() -> Rows {
    let batches = engine().unwrap().query("SELECT * FROM big").await.unwrap();
    Rows { schema: batches.schema(), batches: batches.map_err(|error| QueryError::Sql(error.into())).boxed() }
}

#[tokio::test]
async fn a_reader_that_leaves_is_no_error_but_a_full_disk_is() {
    for format in [Format::Table, Format::Json, Format::Csv, Format::Parquet] {
        let left = Failing { room: 100, kind: io::ErrorKind::BrokenPipe };
        write(rows().await, format, left, Path::new("-")).await.unwrap();
        let full = Failing { room: 100, kind: io::ErrorKind::StorageFull };
        let error = write(rows().await, format, full, Path::new("x.csv")).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot write x.csv: "), "{error}");
    }
}

#[tokio::test]
async fn a_failed_query_leaves_no_half_file_and_a_wrong_one_no_trace() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out.csv");
    fs::write(&path, "older").unwrap();
    let wrong = QueryArgs { out: Some(path.clone()), ..args(&["SELEC 1"]) };
    run(&wrong, engine()).await.unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), b"older");
    let fails_late = QueryArgs { out: Some(path.clone()), ..args(&["SELECT CAST(name AS BIGINT) FROM big"]) };
    let error = run(&fails_late, engine()).await.unwrap_err();
    assert!(matches!(error, QueryError::Sql(_)), "{error}");
    assert!(!path.exists());
    let nowhere = QueryArgs { out: Some(folder.path().join("no/such")), ..args(&["SELECT 1"]) };
    let error = run(&nowhere, engine()).await.unwrap_err();
    assert!(matches!(error, QueryError::Write { .. }) && error.hint().is_some(), "{error}");
}

#[tokio::test]
async fn a_batch_reaches_the_reader_before_the_query_ends() {
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let first = crate::serve::testing::big(3);
    let schema = first.schema();
    sender.unbounded_send(Ok(first)).unwrap();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let rows = Rows { schema, batches: receiver.boxed() };
    let mut writing = std::pin::pin!(write(rows, Format::Json, Shared(seen.clone()), Path::new("-")));
    assert!(futures::poll!(writing.as_mut()).is_pending());
    assert_eq!(seen.lock().unwrap().iter().filter(|byte| **byte == b'\n').count(), 3);
    drop(sender);
    writing.await.unwrap();
}
