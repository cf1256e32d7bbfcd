//! Acknowledgements on their way to the partition that has the alarm, and back once they are stored.

use std::sync::Weak;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::Shared;
use crate::alarm::Episode;
use crate::serve::alarm::{Acknowledgement, AlarmDesk, DeskError};

/// An acknowledgement for one partition. The answer is the alarm as it is then, `None` where there is none.
pub(super) struct Order {
    pub(super) machine: String,
    pub(super) episode: String,
    pub(super) who: String,
    pub(super) comment: String,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What a partition answers: the alarm, and where there is something to store, when it is.
pub(super) type Answer = Option<(Episode, Option<oneshot::Receiver<()>>)>;

/// An answer that is given; the other end waits for the store.
pub(super) struct Waiting {
    stored: oneshot::Sender<()>,
}

impl Waiting {
    /// Answers that `episode` is acknowledged, and is stored when [`Self::stored`] is told.
    pub(super) fn new(answer: oneshot::Sender<Answer>, episode: Episode) -> Self {
        let (stored, is_stored) = oneshot::channel();
        tell(answer, Some((episode, Some(is_stored))));
        Self { stored }
    }

    /// Answers where there is nothing to store.
    pub(super) fn answer(answer: oneshot::Sender<Answer>, episode: Option<Episode>) {
        tell(answer, episode.map(|episode| (episode, None)));
    }

    /// Whom to tell when the epoch is stored.
    pub(super) fn stored(self) -> oneshot::Sender<()> {
        self.stored
    }
}

fn tell(answer: oneshot::Sender<Answer>, content: Answer) {
    if answer.send(content).is_err() {
        tracing::debug!("whoever acknowledged has gone; the acknowledgement counts all the same");
    }
}

/// Hands acknowledgements to the partitions of a worker, as long as it lives.
pub(super) struct Desk(pub(super) Weak<Shared>);

#[async_trait]
impl AlarmDesk for Desk {
    async fn acknowledge(&self, order: Acknowledgement) -> Result<Episode, DeskError> {
        let Acknowledgement { episode, who, comment } = order;
        let (answer, answered) = oneshot::channel();
        {
            let shared = self.0.upgrade().ok_or(DeskError::Stopped)?;
            let (partition, machine) = shared.alarms.find(&episode).ok_or(DeskError::Unknown)?;
            let tasks = shared.tasks();
            let running = tasks.get(&partition).ok_or(DeskError::Moved)?;
            let order = Order { machine, episode, who, comment, answer };
            running.orders.send(order).map_err(|_| DeskError::Moved)?;
        }
        let (episode, stored) = answered.await.map_err(|_| DeskError::Moved)?.ok_or(DeskError::Unknown)?;
        if let Some(stored) = stored {
            stored.await.map_err(|_| DeskError::NotStored)?;
        }
        Ok(episode)
    }
}
