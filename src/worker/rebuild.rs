//! Queries that have changed: their windows, made anew from the readings in the archive.
//!
//! The checkpoint says where the partition is: the offset to go on from, event time, and what was seen. Its windows belong
//! to other queries. The new ones need the readings that their open windows hold, which reach back from the watermark
//! as far as the longest chain of windows ([`Graph::reach`]). Those are fed through the new queries, in the order of their
//! offsets; what comes out is for windows that the old queries have given already, and goes nowhere.
//!
//! All readings up to that offset are in the table: who recovers a partition commits what is missing first.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use datafusion::common::DataFusionError;
use futures::TryStreamExt;

use super::WorkerError;
use super::partition::{Found, PartitionContext};
use crate::alarm::WatchedPartition;
use crate::archive::{Archive, Recovered};
use crate::config::OnQueryChange;
use crate::dataflow::sql::{self, Extensions};
use crate::dataflow::{DataflowError, Graph, Partition, Timing};
use crate::schema::{KAFKA_OFFSET, KAFKA_PARTITION, READINGS, TIMESTAMP, aligned};

/// Offsets that are read and sorted together: a bound on the memory of it.
const SLICE: i64 = 500_000;

/// Makes the windows of a partition anew whose checkpoint was written by other queries, if that is what the
/// configuration says. Anything else that was found stays as it is.
pub(super) async fn rebuilt(
    archive: &Archive,
    context: &PartitionContext,
    found: Found,
) -> Result<Found, WorkerError> {
    let Found::Own(recovered) = found else { return Ok(found) };
    let same = recovered.manifest.fingerprint == context.graph.fingerprint();
    if same || context.settings.on_query_change != OnQueryChange::Rebuild {
        return Ok(Found::Own(recovered));
    }
    let Recovered { manifest, state } = recovered;
    let pieces: Vec<(String, Bytes)> = state.into_iter().map(|blob| (blob.name, blob.bytes)).collect();
    let place = Place {
        partition: context.partition,
        next_offset: manifest.next_offset,
        watermark: manifest.watermark,
    };
    let (mut streams, readings) =
        replay(archive, &context.graph, context.settings.timing, place, &pieces).await?;
    streams.take_source(&pieces)?;
    tracing::info!(
        partition = context.partition,
        readings,
        "the queries changed: their windows were rebuilt from the archive"
    );
    let core = WatchedPartition::with(streams, &context.rules, &pieces)?;
    Ok(Found::Rebuilt(Box::new(core), manifest))
}

/// Where a partition is.
#[derive(Debug, Clone, Copy)]
struct Place {
    partition: i32,
    /// The first offset that is not to be replayed.
    next_offset: i64,
    /// Event time, microseconds.
    watermark: Option<i64>,
}

/// A partition of the queries that has seen the readings its windows may hold, and how many those were.
async fn replay(
    archive: &Archive,
    graph: &Arc<Graph>,
    timing: Timing,
    place: Place,
    pieces: &[(String, Bytes)],
) -> Result<(Partition, u64), WorkerError> {
    let mut partition = Partition::new(graph, timing)?;
    // Each row meets what was true of its machine then.
    partition.restore_machines(pieces)?;
    let Some(watermark) = place.watermark else { return Ok((partition, 0)) };
    let since = watermark.saturating_sub(graph.reach()).saturating_sub(timing.allowed_lateness);
    let session = sql::session(&Extensions::default(), 1);
    session.register_table(READINGS, archive.table_provider(READINGS).await?).map_err(DataflowError::from)?;
    let filter =
        format!("{KAFKA_PARTITION} = {} AND {TIMESTAMP} >= to_timestamp_micros({since})", place.partition);
    let bounds = format!(
        "SELECT min({KAFKA_OFFSET}) FROM {READINGS} WHERE {filter} AND {KAFKA_OFFSET} < {}",
        place.next_offset
    );
    let failed = |error: DataFusionError| WorkerError::from(DataflowError::from(error));
    let found = session.sql(&bounds).await.map_err(failed)?.collect().await.map_err(failed)?;
    let first =
        found.first().and_then(|batch| batch.column(0).as_primitive_opt::<Int64Type>()?.iter().next()?);
    let Some(mut from) = first else { return Ok((partition, 0)) };
    let mut readings = 0;
    while from < place.next_offset {
        let to = place.next_offset.min(from.saturating_add(SLICE));
        let slice = format!(
            "SELECT * FROM {READINGS} WHERE {filter} AND {KAFKA_OFFSET} >= {from} AND {KAFKA_OFFSET} < {to} \
             ORDER BY {KAFKA_OFFSET}"
        );
        let mut rows = session.sql(&slice).await.map_err(failed)?.execute_stream().await.map_err(failed)?;
        while let Some(batch) = rows.try_next().await.map_err(failed)? {
            readings += batch.num_rows() as u64;
            partition.process(&aligned(&batch, graph.source()).map_err(DataflowError::from)?)?;
        }
        from = to;
        tracing::debug!(partition = place.partition, readings, to, "rebuilding");
    }
    Ok((partition, readings))
}

#[cfg(test)]
mod tests;
