//! A partition and its alarms: what a worker and a backtest run.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;

use super::error::AlarmError;
use super::plan::AlarmPlan;
use super::rows::alarm_schema;
use super::step::{Acknowledged, AlarmOutputs, Alarms};
use crate::dataflow::checkpoint::{Content, StatePart};
use crate::dataflow::{DataflowError, Graph, Outputs, Partition, Timing};
use crate::machine::Machines;
use crate::schema::READINGS;

/// The name of the alarms' blob in a checkpoint. Those of the windows hold a dot.
const BLOB: &str = "alarms";

/// What one call gave.
#[derive(Debug, Default)]
pub struct WatchedOutputs {
    /// Rows of the streams, and late readings.
    pub streams: Outputs,
    /// What followed from them for the alarms.
    pub alarms: AlarmOutputs,
}

/// Why a partition cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WatchedError {
    /// A query failed.
    #[error(transparent)]
    Dataflow(#[from] DataflowError),
    /// A rule failed.
    #[error(transparent)]
    Alarm(#[from] AlarmError),
}

impl WatchedError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dataflow(error) => error.hint(),
            Self::Alarm(error) => error.hint(),
        }
    }
}

/// What of a checkpoint a partition takes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Everything: it was written by the same queries.
    All,
    /// Event time, what was seen, and the alarms, but no window: it was written by other queries.
    Source,
    /// The alarms alone: it is of another topic.
    Alarms,
}

/// One Kafka partition: its streams and its alarms.
#[derive(Debug)]
pub struct WatchedPartition {
    streams: Partition,
    alarms: Alarms,
}

impl WatchedPartition {
    /// A partition without history; see [`Partition::new`].
    pub fn new(graph: &Arc<Graph>, rules: &Arc<AlarmPlan>, timing: Timing) -> Result<Self, WatchedError> {
        Ok(Self { streams: Partition::new(graph, timing)?, alarms: Alarms::new(rules) })
    }

    /// A partition that goes on from the pieces of [`Self::checkpoint`], or from as much of them as it is to take.
    pub fn restore(
        graph: &Arc<Graph>,
        rules: &Arc<AlarmPlan>,
        timing: Timing,
        pieces: &[(String, Bytes)],
        take: Take,
    ) -> Result<Self, WatchedError> {
        let streams = match take {
            Take::All => Partition::restore(graph, timing, pieces)?,
            Take::Source => Partition::restore_source(graph, timing, pieces)?,
            Take::Alarms => Partition::new(graph, timing)?,
        };
        Self::with(streams, rules, pieces)
    }

    /// The streams, with the alarms of a checkpoint.
    pub fn with(
        streams: Partition,
        rules: &Arc<AlarmPlan>,
        pieces: &[(String, Bytes)],
    ) -> Result<Self, WatchedError> {
        // A checkpoint from before there were alarms has none.
        let alarms = match pieces.iter().find(|(name, _)| name == BLOB) {
            Some((_, bytes)) => Alarms::restore(rules, bytes)?,
            None => Alarms::new(rules),
        };
        Ok(Self { streams, alarms })
    }

    /// The state between two batches, as pieces; see [`Partition::checkpoint`].
    pub fn checkpoint(&mut self) -> Result<Vec<StatePart>, WatchedError> {
        let mut pieces = self.streams.checkpoint()?;
        pieces.push(StatePart { name: BLOB.into(), content: Content::Fresh(self.alarms.encode()?.into()) });
        Ok(pieces)
    }

    /// The streams.
    pub fn streams(&self) -> &Partition {
        &self.streams
    }

    /// The alarms.
    pub fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// Takes readings, in the order of their offsets; see [`Partition::process`].
    pub fn process(&mut self, readings: &RecordBatch) -> Result<WatchedOutputs, WatchedError> {
        let streams = self.streams.process(readings)?;
        self.watch(Some(readings), streams)
    }

    /// Moves the watermark without a reading; see [`Partition::advance`].
    pub fn advance(&mut self, watermark: i64) -> Result<WatchedOutputs, WatchedError> {
        let streams = self.streams.advance(watermark)?;
        self.watch(None, streams)
    }

    /// Fires every window that holds a row: the input is over.
    pub fn finish(&mut self) -> Result<WatchedOutputs, WatchedError> {
        let streams = self.streams.finish()?;
        self.watch(None, streams)
    }

    /// Takes what is known of the machines; see [`Partition::set_machines`].
    pub fn set_machines(&mut self, machines: &Arc<Machines>) -> Result<Option<RecordBatch>, WatchedError> {
        Ok(self.streams.set_machines(machines)?)
    }

    /// Takes up rows of the table of machines; see [`Partition::take_machines`].
    pub fn take_machines(&mut self, rows: &[RecordBatch]) -> Result<(), WatchedError> {
        Ok(self.streams.take_machines(rows)?)
    }

    /// Someone knows of an alarm; see [`Alarms::acknowledge`].
    pub fn acknowledge(
        &mut self,
        machine: &str,
        episode: &str,
        who: &str,
        comment: &str,
        now: i64,
    ) -> Result<Acknowledged, WatchedError> {
        Ok(self.alarms.acknowledge(machine, episode, who, comment, now)?)
    }

    /// Every rule looks at one stream, so the order among the streams does not matter.
    fn watch(
        &mut self,
        readings: Option<&RecordBatch>,
        streams: Outputs,
    ) -> Result<WatchedOutputs, WatchedError> {
        let mut rows = Vec::new();
        let mut episodes = Vec::new();
        let mut look = |name: &str, batch: &RecordBatch| -> Result<(), AlarmError> {
            let outputs = self.alarms.look(name, batch)?;
            rows.extend(outputs.rows);
            episodes.extend(outputs.episodes);
            Ok(())
        };
        if let Some(readings) = readings {
            look(READINGS, readings)?;
        }
        for (position, batch) in &streams.streams {
            look(&self.streams.graph().streams()[*position].name, batch)?;
        }
        let rows = match rows.len() {
            0 | 1 => rows.pop(),
            _ => Some(concat_batches(&alarm_schema(), &rows).map_err(AlarmError::from)?),
        };
        Ok(WatchedOutputs { streams, alarms: AlarmOutputs { rows, episodes } })
    }
}
