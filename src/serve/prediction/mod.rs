//! `PredictionService`: what the models say now, and what they said.

mod history;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use self::history::{ListFilter, Place, list};
use super::error::invalid;
use super::live::{Filter, LiveState, PredictionFilter, PredictionWatcher};
use super::proto::{self, prediction_service_server::PredictionService};
use super::sql::SqlEngine;
use super::{request, stopped};

/// The service over the live state of this process and the archive.
pub(super) struct PredictionApi {
    pub(super) live: Arc<LiveState>,
    pub(super) sql: Arc<dyn SqlEngine>,
    pub(super) stopping: watch::Receiver<bool>,
}

type WatchStream = Pin<Box<dyn Stream<Item = Result<proto::WatchPredictionsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl PredictionService for PredictionApi {
    async fn list_predictions(
        &self,
        request: Request<proto::ListPredictionsRequest>,
    ) -> Result<Response<proto::ListPredictionsResponse>, Status> {
        let proto::ListPredictionsRequest { filter, page_size, page_token } = request.into_inner();
        let most = request::page_size(page_size)?;
        let after: Option<Place> = request::position(&page_token)?;
        let filter = list_filter(filter.unwrap_or_default())?;
        let mut found = list(self.sql.as_ref(), &filter, after.as_ref(), most + 1).await?;
        let more = found.len() > most;
        found.truncate(most);
        let next_page_token = match Place::after(&found, after) {
            Some(place) if more => request::token(&place)?,
            _ => String::new(),
        };
        let predictions = found.into_iter().map(|found| found.prediction).collect();
        Ok(Response::new(proto::ListPredictionsResponse { predictions, next_page_token }))
    }

    type WatchPredictionsStream = WatchStream;

    async fn watch_predictions(
        &self,
        request: Request<proto::WatchPredictionsRequest>,
    ) -> Result<Response<Self::WatchPredictionsStream>, Status> {
        let proto::WatchPredictionsRequest { filter, min_interval } = request.into_inner();
        let min_interval = request::min_interval(min_interval)?;
        let ListFilter { machines, id_prefix, streams, min_probability, .. } =
            list_filter(filter.unwrap_or_default())?;
        let filter = PredictionFilter {
            machines: Filter { ids: machines.into_iter().collect(), prefix: id_prefix },
            streams: streams.into_iter().collect(),
            min_probability,
        };
        let watcher = self.live.watch_predictions(filter, min_interval);
        // Pulled by the connection: while a client does not read, nothing is made for it.
        let messages = stream::unfold(watcher, |mut watcher: PredictionWatcher| async move {
            let predictions = watcher.next().await;
            Some((Ok(proto::WatchPredictionsResponse { predictions }), watcher))
        });
        let end = stream::once(async { Err(Status::unavailable("the server is stopping")) });
        let until = messages.take_until(stopped(self.stopping.clone()));
        Ok(Response::new(Box::pin(until.chain(end))))
    }
}

fn list_filter(filter: proto::PredictionFilter) -> Result<ListFilter, Status> {
    if let Some(least) = filter.min_probability
        && !(0.0..=1.0).contains(&least)
    {
        let message = format!("`min_probability` is {least}: a probability is from 0 to 1");
        return Err(invalid("filter.min_probability", message));
    }
    let machines = filter.machines.unwrap_or_default();
    let time = |time: Option<prost_types::Timestamp>, field| {
        time.map(|time| request::micros(field, &time)).transpose()
    };
    Ok(ListFilter {
        machines: machines.machine_ids,
        id_prefix: machines.id_prefix,
        streams: filter.streams,
        min_probability: filter.min_probability,
        from: time(filter.from, "filter.from")?,
        before: time(filter.before, "filter.before")?,
    })
}
