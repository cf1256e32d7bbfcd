//! The state of a partition as bytes: what a checkpoint stores.
//!
//! One JSON blob `partition` (`{"format":1,"newest":…,"watermark":…}`, microseconds), and for each window an Arrow
//! IPC stream named `<stream>.<stage>`: one batch a pane, with the columns `pane` (start of the pane,
//! microseconds), `key0…`, `agg0.0…`; the schema's metadata holds `fired_to`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::accumulate::{Sealed, TableShape};
use super::error::DataflowError;
use super::graph::{Graph, Stage};
use super::partition::PartitionState;
use super::window::WindowState;

const FORMAT: u32 = 1;
const PARTITION: &str = "partition";
const FIRED_TO: &str = "fired_to";

#[derive(Serialize, Deserialize)]
struct Times {
    format: u32,
    newest: Option<i64>,
    watermark: Option<i64>,
}

impl PartitionState {
    /// The state as named blobs.
    pub fn encode(&self, graph: &Graph) -> Result<Vec<(String, Bytes)>, DataflowError> {
        let times = Times { format: FORMAT, newest: self.newest, watermark: self.watermark };
        let json = serde_json::to_vec(&times).map_err(|e| unreadable(PARTITION, e))?;
        let mut blobs = vec![(PARTITION.to_string(), Bytes::from(json))];
        for (stream, stage, window) in &self.windows {
            let shape = shape(graph, *stream, *stage)?;
            let name = format!("{}.{stage}", graph.streams()[*stream].name);
            blobs.push((name, encode_window(shape, window)?));
        }
        Ok(blobs)
    }

    /// Reads the blobs of [`Self::encode`] back, for the same queries.
    pub fn decode(graph: &Graph, blobs: &[(String, Bytes)]) -> Result<Self, DataflowError> {
        let blobs: HashMap<&str, &Bytes> = blobs.iter().map(|(n, b)| (n.as_str(), b)).collect();
        let find = |name: &str| blobs.get(name).copied().ok_or_else(|| unreadable(name, "it is missing"));
        let times: Times = serde_json::from_slice(find(PARTITION)?).map_err(|e| unreadable(PARTITION, e))?;
        if times.format != FORMAT {
            return Err(unreadable(PARTITION, format!("format {} is not {FORMAT}", times.format)));
        }
        let mut windows = Vec::new();
        for (position, stream) in graph.streams().iter().enumerate() {
            for (number, stage) in stream.stages.iter().enumerate() {
                if let Stage::Window(plan) = stage {
                    let name = format!("{}.{number}", stream.name);
                    let window = decode_window(&name, &plan.shape, find(&name)?)?;
                    windows.push((position, number, window));
                }
            }
        }
        Ok(Self { newest: times.newest, watermark: times.watermark, windows })
    }
}

fn unreadable(stream: &str, cause: impl std::fmt::Display) -> DataflowError {
    DataflowError::State { stream: stream.to_string(), message: cause.to_string() }
}

fn shape(graph: &Graph, stream: usize, stage: usize) -> Result<&Arc<TableShape>, DataflowError> {
    match graph.streams().get(stream).and_then(|s| s.stages.get(stage)) {
        Some(Stage::Window(plan)) => Ok(&plan.shape),
        _ => Err(unreadable(&stream.to_string(), "it is no window of these queries")),
    }
}

fn blob_schema(shape: &TableShape, fired_to: i64) -> Result<SchemaRef, DataflowError> {
    let mut fields = vec![Arc::new(Field::new("pane", DataType::Int64, false))];
    fields.extend(shape.state_schema()?.fields().iter().cloned());
    let metadata = HashMap::from([(FIRED_TO.to_string(), fired_to.to_string())]);
    Ok(Arc::new(Schema::new(fields).with_metadata(metadata)))
}

fn encode_window(shape: &TableShape, window: &WindowState) -> Result<Bytes, DataflowError> {
    let schema = blob_schema(shape, window.fired_to)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    for (start, sealed) in &window.panes {
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_value(*start, sealed.rows))];
        columns.extend(sealed.keys.iter().cloned());
        columns.extend(sealed.states.iter().flatten().cloned());
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
    }
    Ok(Bytes::from(writer.into_inner()?))
}

fn decode_window(name: &str, shape: &TableShape, bytes: &Bytes) -> Result<WindowState, DataflowError> {
    let reader = StreamReader::try_new(bytes.as_ref(), None).map_err(|e| unreadable(name, e))?;
    let fired_to = reader.schema().metadata().get(FIRED_TO).and_then(|text| text.parse().ok());
    let fired_to = fired_to.ok_or_else(|| unreadable(name, "it has no mark of what has fired"))?;
    let widths = shape.aggregates.iter().map(|a| Ok(a.expr.state_fields()?.len()));
    let widths = widths.collect::<Result<Vec<usize>, DataflowError>>()?;
    if reader.schema().fields() != blob_schema(shape, fired_to)?.fields() {
        return Err(unreadable(name, "its columns are not those of the query"));
    }
    let mut panes = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|e| unreadable(name, e))?;
        let mut columns = batch.columns().iter().cloned();
        let start = columns.next().and_then(|c| c.as_primitive_opt::<Int64Type>().cloned());
        let start = start.filter(|c| !c.is_empty()).ok_or_else(|| unreadable(name, "an empty pane"))?;
        let keys = columns.by_ref().take(shape.keys.fields().len()).collect();
        let states = widths.iter().map(|&width| columns.by_ref().take(width).collect()).collect();
        panes.push((start.value(0), Sealed { keys, states, rows: batch.num_rows() }));
    }
    Ok(WindowState { panes, fired_to })
}
