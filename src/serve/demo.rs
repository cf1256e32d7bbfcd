//! `DemoService`: the hand on the simulated plants. Only where this process simulates them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tonic::{Request, Response, Status};

use super::error::{invalid, of_field, with_hint};
use super::proto::{self, demo_service_server::DemoService};

/// A fault to be injected. The plants check that they have the machine and know the kind.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultOrder {
    /// The machine.
    pub machine: String,
    /// The fault's name.
    pub kind: String,
    /// How bad it becomes, 0..=1.
    pub severity: f64,
    /// How long it takes to become so.
    pub growth: Duration,
    /// How long it lasts; `None` for ever.
    pub duration: Option<Duration>,
}

/// What the plants can suffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultMenu {
    /// The names of the faults.
    pub kinds: Vec<String>,
    /// The machines, those first that will run longest from now on.
    pub machines: Vec<String>,
}

/// A fault that the plants did not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlantsError {
    /// There is no such machine.
    #[error("there is no simulated machine `{0}`")]
    Machine(String),
    /// There is no such fault.
    #[error("there is no fault `{kind}`: there are {known}")]
    Kind {
        /// The name asked for.
        kind: String,
        /// The names that there are.
        known: String,
    },
    /// Another part of the order is wrong.
    #[error("{message}")]
    Order {
        /// Field of the request.
        field: &'static str,
        /// What is wrong.
        message: String,
    },
    /// They have stopped.
    #[error("the simulated plants have stopped")]
    Stopped,
}

impl From<PlantsError> for Status {
    fn from(error: PlantsError) -> Self {
        let message = error.to_string();
        match error {
            PlantsError::Machine(_) => {
                let message = with_hint(message, "ListFaultKinds lists the machines");
                of_field("machine_id", Self::not_found(message))
            }
            PlantsError::Kind { .. } => invalid("kind", message),
            PlantsError::Order { field, .. } => invalid(field, message),
            PlantsError::Stopped => Self::unavailable(message),
        }
    }
}

/// The simulated plants of this process.
#[async_trait]
pub trait Plants: Send + Sync {
    /// The faults that can be injected, and into which machines.
    async fn menu(&self) -> Result<FaultMenu, PlantsError>;
    /// Gives a machine a fault. Answers once the plants have it: their next readings show it.
    async fn inject(&self, order: FaultOrder) -> Result<(), PlantsError>;
}

/// The service; without plants every call is UNIMPLEMENTED.
pub(super) struct DemoApi {
    pub(super) plants: Option<Arc<dyn Plants>>,
}

impl DemoApi {
    fn plants(&self) -> Result<&dyn Plants, Status> {
        self.plants.as_deref().ok_or_else(|| {
            let message = "the readings of this server are not simulated: there is nothing to break";
            Status::unimplemented(with_hint(message, "`coldstream demo` simulates its own plants"))
        })
    }
}

#[tonic::async_trait]
impl DemoService for DemoApi {
    async fn list_fault_kinds(
        &self,
        _: Request<proto::ListFaultKindsRequest>,
    ) -> Result<Response<proto::ListFaultKindsResponse>, Status> {
        let FaultMenu { kinds, machines } = self.plants()?.menu().await?;
        Ok(Response::new(proto::ListFaultKindsResponse { kinds, machine_ids: machines }))
    }

    async fn inject_fault(
        &self,
        request: Request<proto::InjectFaultRequest>,
    ) -> Result<Response<proto::InjectFaultResponse>, Status> {
        let plants = self.plants()?;
        let proto::InjectFaultRequest { machine_id, kind, severity, growth, duration } = request.into_inner();
        let severity = severity.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&severity) {
            return Err(invalid("severity", format!("`severity` is {severity}: it must be from 0 to 1")));
        }
        let growth = growth.map(|growth| span("growth", growth)).transpose()?.unwrap_or_default();
        let duration = duration.map(|duration| span("duration", duration)).transpose()?;
        if duration.is_some_and(|duration| duration.is_zero()) {
            return Err(invalid("duration", "`duration` must be longer than zero; absent, the fault stays"));
        }
        plants.inject(FaultOrder { machine: machine_id, kind, severity, growth, duration }).await?;
        Ok(Response::new(proto::InjectFaultResponse {}))
    }
}

fn span(field: &str, span: prost_types::Duration) -> Result<Duration, Status> {
    Duration::try_from(span).map_err(|_| invalid(field, format!("`{field}` cannot be negative")))
}

#[cfg(test)]
mod tests;
