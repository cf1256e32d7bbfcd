//! Tables as readers and writers see them.

use arrow::array::{ArrayRef, Int64Array};
use datafusion::datasource::MemTable;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_back_as_they_were_written() {
    let fixture = Fixture::new(&["readings"]).await;
    let archive = &fixture.archive;
    let rows = [
        (-2 * DAY - 1, "before 1970", None),
        (-1, "last microsecond of 1969", Some(-0.5)),
        (0, "epoch", Some(f64::MAX)),
        (1_705_314_600_123_456, "now", Some(0.1)),
        (1_705_314_600_123_457, "now, later", None),
    ];
    // Unsorted, and in batches that mix the days.
    let (a, b) = (batch(&[rows[3], rows[0], rows[2]]), batch(&[rows[4], rows[1]]));
    let files = archive.write_files(&spec("readings"), &[a, b]).await.unwrap();
    assert_eq!(files.len(), 4);
    let epoch = manifest(0, 1, BTreeMap::from([("readings".to_owned(), files)]));
    archive.create_epoch(&epoch, state("s")).await.unwrap();
    assert_eq!(times(archive, "readings").await, Vec::<i64>::new(), "not before the commit");
    let summary = archive.commit(&[epoch]).await.unwrap();
    assert_eq!((summary.tables, summary.files, summary.rows), (1, 4, 5));

    let provider = archive.table_provider("readings").await.unwrap();
    let (date, columns) =
        provider.schema().fields().split_last().map(|(d, c)| (d.clone(), c.to_vec())).unwrap();
    assert_eq!(columns, schema().fields().to_vec());
    assert_eq!(date.as_ref(), &Field::new(DATE, DataType::Date32, true));
    let read = sql(archive, "readings", "SELECT * FROM readings ORDER BY timestamp").await;
    assert_eq!(read.project(&[0, 1, 2]).unwrap().columns(), batch(&rows).columns());
    let wrong = "SELECT count(*) FROM readings WHERE date <> CAST(timestamp AS DATE) OR date IS NULL";
    assert_eq!(sql(archive, "readings", wrong).await.column(0).as_primitive::<Int64Type>().value(0), 0);

    let info = archive.table_info("readings").await.unwrap();
    assert_eq!((info.rows, info.files, info.bytes), (5, 4, summary.bytes));
    assert_eq!(archive.table_names().await.unwrap(), ["readings"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_widens_under_a_writer_that_does_not_know() {
    let fixture = Fixture::new(&["readings"]).await;
    let old = &fixture.archive;
    let first = write(old, 0, 1, &["readings"], 1).await;
    old.commit(&[first]).await.unwrap();

    let mut fields = schema().fields().to_vec();
    fields.insert(1, Arc::new(Field::new("power", DataType::Int64, false)));
    let wide = TableSpec {
        name: "readings".into(),
        schema: Arc::new(Schema::new(fields)),
        event_time: "timestamp".into(),
    };
    let new = fixture.reopen().await;
    new.ensure_table(&wide).await.unwrap();
    new.ensure_table(&wide).await.unwrap();
    let plain = batch(&[(3, "m", Some(3.0))]);
    let columns: Vec<ArrayRef> = vec![
        plain.column(0).clone(),
        Arc::new(Int64Array::from(vec![750])),
        plain.column(1).clone(),
        plain.column(2).clone(),
    ];
    let rows = RecordBatch::try_new(wide.schema.clone(), columns).unwrap();
    let files = new.write_files(&wide, &[rows]).await.unwrap();
    new.commit(&[manifest(1, 1, BTreeMap::from([("readings".to_owned(), files)]))]).await.unwrap();

    // The old writer's snapshot is from before the change.
    let second = write(old, 0, 2, &["readings"], 2).await;
    old.commit(&[second]).await.unwrap();

    let read = sql(old, "readings", "SELECT * FROM readings ORDER BY timestamp").await;
    let names: Vec<_> = read.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["timestamp", "machine_id", "value", "power", "date"]);
    let power: Vec<_> = read.column(3).as_primitive::<Int64Type>().iter().collect();
    assert_eq!(power, [None, None, Some(750)]);

    let mut fields = schema().fields().to_vec();
    fields[2] = Arc::new(Field::new("value", DataType::Utf8, true));
    let clash = TableSpec { schema: Arc::new(Schema::new(fields)), ..spec("readings") };
    let error = old.ensure_table(&clash).await.unwrap_err();
    assert!(matches!(&error, ArchiveError::TypeClash { column, .. } if column == "value"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_start_together_make_the_table_once() {
    let fixture = Fixture::new(&[]).await;
    let (a, b) = (fixture.reopen().await, fixture.reopen().await);
    let readings = spec("readings");
    let (one, other) = tokio::join!(a.ensure_table(&readings), b.ensure_table(&readings));
    one.unwrap();
    other.unwrap();
    let epoch = write(&a, 0, 1, &["readings"], 1).await;
    b.commit(&[epoch]).await.unwrap();
    assert_eq!(times(&a, "readings").await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_what_another_process_committed() {
    let fixture = Fixture::new(&["readings"]).await;
    let reader = fixture.reopen().await;
    for epoch in 1..=3 {
        let manifest = write(&fixture.archive, 0, epoch, &["readings"], epoch as i64).await;
        fixture.archive.commit(&[manifest]).await.unwrap();
        assert_eq!(times(&reader, "readings").await.len() as u64, epoch);
        assert_eq!(reader.table_info("readings").await.unwrap().rows, epoch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_opens_only_the_files_it_needs() {
    let fixture = Fixture::new(&["readings"]).await;
    let files = [(DAY, 1), (5 * DAY, 2), (5 * DAY + 3_600_000_000, 3)];
    let mut paths = Vec::new();
    for (time, epoch) in files {
        let manifest = write(&fixture.archive, 0, epoch, &["readings"], time).await;
        paths.push(fixture.dir.path().join("readings").join(&manifest.files["readings"][0].path));
        fixture.archive.commit(&[manifest]).await.unwrap();
    }
    // The first file is of another day, the second ends before the hour: neither may be opened.
    std::fs::remove_file(&paths[0]).unwrap();
    std::fs::remove_file(&paths[1]).unwrap();
    let query = "SELECT count(*) FROM readings WHERE date = DATE '1970-01-06' \
                 AND timestamp >= TIMESTAMP '1970-01-06T00:30:00Z'";
    let counted = sql(&fixture.archive, "readings", query).await;
    assert_eq!(counted.column(0).as_primitive::<Int64Type>().value(0), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_do_not_depend_on_the_statistics() {
    const TEXT: &str =
        "a text longer than the sixty-four bytes to which the bounds of a column are cut, by far";
    let fixture = Fixture::new(&["readings"]).await;
    let archive = &fixture.archive;
    let sets: [&[Row]; 3] = [
        &[(1_000_999, TEXT, Some(f64::NAN)), (1_000_001, "a", Some(-1.0))],
        &[(-1_000_001, "b", None), (-999, "é", Some(f64::INFINITY))],
        &[(3 * DAY + 1, "c", Some(-0.0)), (3 * DAY, "C", Some(0.0))],
    ];
    for (epoch, rows) in (1..).zip(sets) {
        let files = archive.write_files(&spec("readings"), &[batch(rows)]).await.unwrap();
        let files = BTreeMap::from([("readings".to_owned(), files)]);
        archive.commit(&[manifest(0, epoch, files)]).await.unwrap();
    }
    let memory = SessionContext::new();
    let all = sets.iter().map(|rows| batch(rows)).collect();
    memory.register_table("readings", Arc::new(MemTable::try_new(schema(), vec![all]).unwrap())).unwrap();
    for query in [
        "SELECT count(*), min(timestamp), max(timestamp), min(machine_id), max(machine_id) FROM readings",
        "SELECT min(value), max(value), count(value) FROM readings",
        "SELECT machine_id FROM readings WHERE value > 100 ORDER BY 1",
        "SELECT machine_id FROM readings WHERE value >= 0 ORDER BY 1",
        "SELECT machine_id FROM readings WHERE value < 0 ORDER BY 1",
        "SELECT machine_id FROM readings WHERE value IS NULL ORDER BY 1",
        "SELECT machine_id FROM readings WHERE timestamp > TIMESTAMP '1970-01-01T00:00:01.000998Z' ORDER BY 1",
        "SELECT machine_id FROM readings WHERE timestamp < TIMESTAMP '1969-12-31T23:59:59Z' ORDER BY 1",
        "SELECT machine_id FROM readings WHERE machine_id > 'a text longer than' ORDER BY 1",
    ] {
        let frame = memory.sql(query).await.unwrap();
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let expected = concat_batches(&schema, &frame.collect().await.unwrap()).unwrap();
        assert!(expected.num_rows() > 0, "{query}");
        assert_eq!(sql(archive, "readings", query).await.columns(), expected.columns(), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_named() {
    let fixture = Fixture::new(&["readings"]).await;
    let error = fixture.archive.table_provider("features").await.unwrap_err();
    assert!(matches!(&error, ArchiveError::NoTable { table, .. } if table == "features"), "{error}");
    assert!(matches!(fixture.archive.table_info("../x").await, Err(ArchiveError::BadTableName(_))));
    let epoch = write(&fixture.archive, 0, 1, &["features"], 1).await;
    assert!(matches!(fixture.archive.commit(&[epoch]).await, Err(ArchiveError::NoTable { .. })));
}
