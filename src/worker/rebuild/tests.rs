//! Windows rebuilt from the archive, against the same queries from the beginning.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;

use super::*;
use crate::archive::{Epoch, EpochManifest, MANIFEST_FORMAT};
use crate::archive::{StoreOptions, TableSpec};
use crate::dataflow::checkpoint::stored;
use crate::dataflow::testing::{Row, SECOND, batch, graph_of};
use crate::dataflow::{Outputs, StatePart};

const OLD: &str = "SELECT machine_id, window_time, sum(x) AS s FROM readings \
                   GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')";
const NEW: [(&str, &str); 2] = [
    (
        "w",
        "SELECT machine_id, window_end, window_time, count(*) AS n, sum(x) AS s, first_value(x) AS f FROM readings \
         GROUP BY machine_id, hop(timestamp, INTERVAL '7 seconds', INTERVAL '40 seconds')",
    ),
    (
        "v",
        "SELECT machine_id, window_end, window_time, sum(n) AS n FROM w \
         GROUP BY machine_id, tumble(window_time, INTERVAL '2 minutes')",
    ),
];

/// Readings of some minutes, each a few seconds from where it should be.
fn rows() -> Vec<Row> {
    (0..900i64)
        .map(|i| (i - (i * 7919) % 13, u8::try_from(i % 3).unwrap(), Some((i * 31 % 17) as f64)))
        .collect()
}

fn rows_after(outputs: Vec<Outputs>, stream: usize, schema: &arrow::datatypes::SchemaRef) -> RecordBatch {
    let batches = outputs.into_iter().flat_map(|o| o.streams).filter(|(s, _)| *s == stream).map(|(_, b)| b);
    concat_batches(schema, &batches.collect::<Vec<_>>()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_go_on_as_if_the_queries_had_always_been_these() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::open(dir.path().to_str().unwrap(), &StoreOptions::default()).await.unwrap();
    let timing = Timing::new(5 * SECOND);
    let old = Arc::new(graph_of(&[("w", OLD)]).unwrap());
    let new = Arc::new(graph_of(&NEW).unwrap());
    let spec =
        TableSpec { name: READINGS.into(), schema: Arc::clone(old.source()), event_time: TIMESTAMP.into() };
    archive.ensure_table(&spec).await.unwrap();

    // The old queries up to some reading; in two epochs, so that the rows lie in several files.
    let rows = rows();
    let at = 700;
    let mut before = Partition::new(&old, timing).unwrap();
    for (epoch, range) in [(1, 0..450), (2, 450..at)] {
        let readings = batch(&rows[range.clone()], range.start);
        before.process(&readings).unwrap();
        let files = archive.write_files(&spec, &[readings]).await.unwrap();
        let manifest = EpochManifest {
            format: MANIFEST_FORMAT,
            topic: "readings".into(),
            partition: 0,
            epoch: Epoch(epoch),
            next_offset: range.end as i64,
            watermark: before.watermark(),
            fingerprint: old.fingerprint().into(),
            written_at: 0,
            files: [(READINGS.to_string(), files)].into(),
            state: Vec::new(),
        };
        archive.create_epoch(&manifest, Vec::<StatePart>::new()).await.unwrap();
        archive.commit(&[manifest]).await.unwrap();
    }
    let pieces = stored(&[], before.checkpoint().unwrap()).unwrap();

    let place = Place { partition: 0, next_offset: at as i64, watermark: before.watermark() };
    let (mut rebuilt, replayed) = replay(&archive, &new, timing, place, &[]).await.unwrap();
    rebuilt.take_source(&pieces).unwrap();
    assert!((150..at as u64).contains(&replayed), "{replayed} readings: what the windows reach, and no more");
    assert_eq!(rebuilt.watermark(), before.watermark());

    // The new queries from the very first reading.
    let mut always = Partition::new(&new, timing).unwrap();
    always.process(&batch(&rows[..at], 0)).unwrap();
    let rest = batch(&rows[at..], at);
    let finished =
        |mut partition: Partition| vec![partition.process(&rest).unwrap(), partition.finish().unwrap()];
    let (rebuilt, always) = (finished(rebuilt), finished(always));
    let late = |outputs: &[Outputs]| outputs.iter().filter_map(|o| o.late.clone()).collect::<Vec<_>>();
    assert_eq!(late(&rebuilt), late(&always));
    for (position, stream) in new.streams().iter().enumerate().rev() {
        let schema = &stream.schema;
        assert!(!always.iter().all(|o| o.streams.is_empty()));
        let (a, b) = (clone(&rebuilt), clone(&always));
        assert_eq!(rows_after(a, position, schema), rows_after(b, position, schema), "{}", stream.name);
    }
}

fn clone(outputs: &[Outputs]) -> Vec<Outputs> {
    let copy = |o: &Outputs| Outputs { streams: o.streams.clone(), ..Outputs::default() };
    outputs.iter().map(copy).collect()
}
