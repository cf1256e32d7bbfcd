//! `StatusService`: the plant as it is now.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::alarm::LiveAlarms;
use super::error::{invalid, of_field, with_hint};
use super::live::{Filter, LiveState, Watcher};
use super::proto::{self, MachineState, status_service_server::StatusService};
use super::sql::TableSource;
use super::{ModelInfo, convert, request, stopped};
use crate::machine::follow::{CurrentMachines, FileState};
use crate::schema::ReadingSchema;

/// The service over the live state of this process.
pub(super) struct StatusApi {
    pub(super) live: Arc<LiveState>,
    pub(super) tables: Arc<dyn TableSource>,
    pub(super) models: Vec<ModelInfo>,
    pub(super) alarms: Arc<LiveAlarms>,
    pub(super) sensors: ReadingSchema,
    pub(super) machines: Arc<CurrentMachines>,
    /// Whether the readings are simulated by this process.
    pub(super) demo: bool,
    pub(super) stopping: watch::Receiver<bool>,
}

impl From<FileState> for proto::MachinesFile {
    fn from(state: FileState) -> Self {
        Self {
            path: state.file.unwrap_or_default(),
            machines: state.machines as u64,
            refused: state.refused.unwrap_or_default(),
        }
    }
}

type WatchStream = Pin<Box<dyn Stream<Item = Result<proto::WatchMachinesResponse, Status>> + Send>>;

#[tonic::async_trait]
impl StatusService for StatusApi {
    async fn get_system_status(
        &self,
        _: Request<proto::GetSystemStatusRequest>,
    ) -> Result<Response<proto::SystemStatus>, Status> {
        let mut tables = self.tables.tables().await?;
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        let mut models = self.models.clone();
        models.sort_by(|a, b| a.name.cmp(&b.name));
        let totals = self.live.totals();
        let uptime = self.live.uptime();
        Ok(Response::new(proto::SystemStatus {
            version: env!("CARGO_PKG_VERSION").into(),
            started_at: Some(convert::timestamp(self.live.started_at())),
            uptime: Some(prost_types::Duration {
                seconds: uptime.as_secs() as i64,
                nanos: uptime.subsec_nanos() as i32,
            }),
            readings_total: totals.readings,
            dead_letters_total: totals.dead_letters,
            late_readings_total: totals.late_readings,
            machines: (self.live.count_by_state().into_iter())
                .map(|(state, machines)| proto::StateCount { state: state.into(), machines })
                .collect(),
            partitions: self.live.partitions().into_iter().map(Into::into).collect(),
            tables: tables.into_iter().map(Into::into).collect(),
            models: models.into_iter().map(Into::into).collect(),
            kafka: self.live.cluster(),
            open_alarms: self.alarms.open().to_proto(),
            demo: self.demo,
            machines_file: Some(self.machines.file_state().into()),
            unknown_machines: self.live.unknown_machines(),
        }))
    }

    async fn list_machines(
        &self,
        request: Request<proto::ListMachinesRequest>,
    ) -> Result<Response<proto::ListMachinesResponse>, Status> {
        let request = request.into_inner();
        let states: Result<Vec<MachineState>, _> =
            request.states.iter().map(|&state| MachineState::try_from(state)).collect();
        let states = states.map_err(|error| invalid("states", format!("`states`: {error}")))?;
        let most = request::page_size(request.page_size)?;
        let filter = Filter::from(request.filter.unwrap_or_default());
        let (machines, next) = self.live.page(&filter, &states, &request.page_token, most);
        let next_page_token = next.unwrap_or_default();
        Ok(Response::new(proto::ListMachinesResponse { machines, next_page_token }))
    }

    async fn get_machine(
        &self,
        request: Request<proto::GetMachineRequest>,
    ) -> Result<Response<proto::Machine>, Status> {
        let id = request.into_inner().id;
        self.live.machine(&id).map(Response::new).ok_or_else(|| {
            let message = format!("machine `{id}` has sent nothing since the server started");
            of_field("id", Status::not_found(with_hint(message, "ListMachines lists those that have")))
        })
    }

    type WatchMachinesStream = WatchStream;

    async fn watch_machines(
        &self,
        request: Request<proto::WatchMachinesRequest>,
    ) -> Result<Response<Self::WatchMachinesStream>, Status> {
        let request = request.into_inner();
        let min_interval = request::min_interval(request.min_interval)?;
        let filter = Filter::from(request.filter.unwrap_or_default());
        let watcher = self.live.watch(filter, min_interval);
        // Pulled by the connection: while a client does not read, nothing is made for it.
        let messages = stream::unfold(watcher, |mut watcher: Watcher| async move {
            let machines = watcher.next().await;
            Some((Ok(proto::WatchMachinesResponse { machines }), watcher))
        });
        let end = stream::once(async { Err(Status::unavailable("the server is stopping")) });
        let until = messages.take_until(stopped(self.stopping.clone()));
        Ok(Response::new(Box::pin(until.chain(end))))
    }

    async fn list_sensors(
        &self,
        _: Request<proto::ListSensorsRequest>,
    ) -> Result<Response<proto::ListSensorsResponse>, Status> {
        let sensors = self.sensors.sensors().iter().map(|column| proto::Sensor {
            name: column.name.clone(),
            unit: column.unit.clone(),
            r#type: column.kind.name().into(),
        });
        Ok(Response::new(proto::ListSensorsResponse { sensors: sensors.collect() }))
    }

    async fn list_messages(
        &self,
        request: Request<proto::ListMessagesRequest>,
    ) -> Result<Response<proto::ListMessagesResponse>, Status> {
        let proto::ListMessagesRequest { partition, limit } = request.into_inner();
        let most = request::bounded("limit", limit, 50, 500)?;
        Ok(Response::new(proto::ListMessagesResponse { messages: self.live.messages(partition, most) }))
    }
}
