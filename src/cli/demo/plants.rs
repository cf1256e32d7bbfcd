//! The simulated plants of the demonstration: a thread that sends their readings as time passes, and the hand on it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::Utc;
use tokio::sync::oneshot;

use crate::cli::failure::Failure;
use crate::serve::demo::{FaultMenu, FaultOrder, Plants, PlantsError};
use crate::simulate::{FaultKind, Fleet, FleetConfig, InjectError};
use crate::source::produce::{Producer, ProducerOptions};

/// One reading of each machine a second.
const PERIOD: Duration = Duration::from_secs(1);
/// How often the thread looks whether it is to stop.
const TICK: Duration = Duration::from_millis(100);

/// What is asked of the thread, and where the answer goes.
enum Order {
    Menu(oneshot::Sender<FaultMenu>),
    Inject(FaultOrder, oneshot::Sender<Result<(), PlantsError>>),
}

/// The hand: hands orders to the thread.
pub(super) struct Hand(Sender<Order>);

/// The thread's part.
pub(super) struct PlantsThread {
    pub(super) machines: u32,
    pub(super) brokers: String,
    pub(super) topic: String,
    pub(super) stop: Arc<AtomicBool>,
    orders: Receiver<Order>,
}

impl PlantsThread {
    /// The thread's part and the hand on it.
    pub(super) fn new(
        machines: u32,
        brokers: String,
        topic: String,
        stop: Arc<AtomicBool>,
    ) -> (Self, Arc<Hand>) {
        let (hand, orders) = mpsc::channel();
        (Self { machines, brokers, topic, stop, orders }, Arc::new(Hand(hand)))
    }

    fn fleet(&self) -> Result<Fleet, Failure> {
        let config = FleetConfig {
            machines: self.machines,
            start: Utc::now().timestamp_micros(),
            period: 1_000_000,
            duration: None,
            ..FleetConfig::default()
        };
        Fleet::new(&config).map_err(|e| Failure::new(e, None))
    }

    /// Writes what is known of the plants.
    pub(super) fn write_machines(&self, path: &Path) -> Result<(), Failure> {
        let text = format!(
            "# Written at each start of `coldstream demo`, which reads it again when it changes meanwhile.\n{}",
            self.fleet()?.machines_toml()
        );
        std::fs::write(path, text)
            .map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display()), None))
    }

    /// Sends readings as time passes, until it is told to stop; gives their number.
    pub(super) fn run(self) -> Result<u64, Failure> {
        let options = ProducerOptions::default();
        let mut producer = Producer::connect(&self.brokers, &self.topic, &options)?;
        let mut fleet = self.fleet()?;
        let began = Instant::now();
        let mut due = Duration::ZERO;
        let mut json = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let wait = due.saturating_sub(began.elapsed());
            if !wait.is_zero() {
                match self.orders.recv_timeout(wait.min(TICK)) {
                    Ok(order) => obey(&mut fleet, order),
                    Err(RecvTimeoutError::Timeout) => {}
                    // Nobody is left to ask: time passes all the same.
                    Err(RecvTimeoutError::Disconnected) => std::thread::sleep(wait.min(TICK)),
                }
                continue;
            }
            for reading in fleet.step().unwrap_or_default() {
                json.clear();
                reading.write_json(&mut json);
                producer.send(&reading.machine.to_string(), &json)?;
            }
            due += PERIOD;
        }
        Ok(producer.finish()?)
    }
}

/// Does what is asked and answers. Whoever asked may have gone; the fault is there all the same.
fn obey(fleet: &mut Fleet, order: Order) {
    let heard = match order {
        Order::Menu(answer) => answer.send(menu(fleet)).is_ok(),
        Order::Inject(order, answer) => answer.send(inject(fleet, &order)).is_ok(),
    };
    if !heard {
        tracing::debug!("whoever asked the simulated plants has gone");
    }
}

fn menu(fleet: &Fleet) -> FaultMenu {
    FaultMenu {
        kinds: FaultKind::ALL.map(|kind| kind.name().to_owned()).into(),
        machines: fleet.machines_by_run().iter().map(u32::to_string).collect(),
    }
}

fn inject(fleet: &mut Fleet, order: &FaultOrder) -> Result<(), PlantsError> {
    let FaultOrder { machine, kind: name, severity, growth, duration } = order;
    let unknown = || PlantsError::Machine(machine.clone());
    let number: u32 = machine.parse().map_err(|_| unknown())?;
    // `07` is a number, but not the id of a machine.
    if number.to_string() != *machine {
        return Err(unknown());
    }
    let known = || FaultKind::ALL.map(FaultKind::name).join(", ");
    let kind = FaultKind::parse(name);
    let kind = kind.ok_or_else(|| PlantsError::Kind { kind: name.clone(), known: known() })?;
    let micros = |span: &Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    let duration = duration.as_ref().map(micros);
    let injected = fleet.inject(number, kind, *severity, micros(growth), duration);
    let fault = injected.map_err(|error| {
        let order = |field| PlantsError::Order { field, message: error.to_string() };
        match error {
            InjectError::Machine { .. } => unknown(),
            InjectError::Severity(_) => order("severity"),
            InjectError::Growth => order("growth"),
            InjectError::Duration => order("duration"),
            InjectError::Over => PlantsError::Stopped,
        }
    })?;
    tracing::info!(machine, fault = kind.name(), fault.severity, "a fault was injected");
    Ok(())
}

#[async_trait]
impl Plants for Hand {
    async fn menu(&self) -> Result<FaultMenu, PlantsError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Order::Menu(answer)).map_err(|_| PlantsError::Stopped)?;
        answered.await.map_err(|_| PlantsError::Stopped)
    }

    async fn inject(&self, order: FaultOrder) -> Result<(), PlantsError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Order::Inject(order, answer)).map_err(|_| PlantsError::Stopped)?;
        answered.await.map_err(|_| PlantsError::Stopped)?
    }
}

#[cfg(test)]
mod tests;
