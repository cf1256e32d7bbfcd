//! `StatusService`: the plant as it is now.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::live::{Filter, LiveState, Watcher};
use super::proto::{self, MachineState, status_service_server::StatusService};
use super::sql::TableSource;
use super::{ModelInfo, convert, stopped};

/// Page size where the client does not say.
const PAGE: usize = 100;
/// Largest page.
const LARGEST_PAGE: usize = 1000;
/// Least time between two messages of a watch, where the client does not say.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Longest such time: more is a mistake of unit, not a wish.
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);

/// The service over the live state of this process.
pub(super) struct StatusApi {
    pub(super) live: Arc<LiveState>,
    pub(super) tables: Arc<dyn TableSource>,
    pub(super) models: Vec<ModelInfo>,
    pub(super) stopping: watch::Receiver<bool>,
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
            ..Default::default()
        }))
    }

    async fn list_machines(
        &self,
        request: Request<proto::ListMachinesRequest>,
    ) -> Result<Response<proto::ListMachinesResponse>, Status> {
        let request = request.into_inner();
        let states: Result<Vec<MachineState>, _> =
            request.states.iter().map(|&state| MachineState::try_from(state)).collect();
        let states = states.map_err(|error| Status::invalid_argument(format!("`states`: {error}")))?;
        let most = match request.page_size as usize {
            0 => PAGE,
            size if size <= LARGEST_PAGE => size,
            size => {
                let message = format!("`page_size` is {size}: at most {LARGEST_PAGE} machines go in a page");
                return Err(Status::invalid_argument(message));
            }
        };
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
            Status::not_found(format!(
                "machine `{id}` has sent nothing since the server started\n\
                 hint: ListMachines lists those that have"
            ))
        })
    }

    type WatchMachinesStream = WatchStream;

    async fn watch_machines(
        &self,
        request: Request<proto::WatchMachinesRequest>,
    ) -> Result<Response<Self::WatchMachinesStream>, Status> {
        let request = request.into_inner();
        let min_interval = match request.min_interval {
            None => MIN_INTERVAL,
            Some(asked) => {
                Duration::try_from(asked).ok().filter(|asked| *asked <= LONGEST_INTERVAL).ok_or_else(
                    || Status::invalid_argument("`min_interval` must be between 0 and 3600 seconds"),
                )?
            }
        };
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
        Err(Status::unimplemented("not yet"))
    }

    async fn list_messages(
        &self,
        _: Request<proto::ListMessagesRequest>,
    ) -> Result<Response<proto::ListMessagesResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }
}
