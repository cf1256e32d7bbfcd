//! `AlarmService`: the alarms of this process as they are now, and those of the archive.

mod api;
mod history;
mod live;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use tonic::Status;

pub use self::api::AlarmApi;
pub use self::live::{LiveAlarms, WatchFilter, Watcher};
use crate::alarm::{Episode, Severity};
use crate::serve::convert::timestamp;
use crate::serve::proto;

/// Someone knows of an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The alarm.
    pub episode: String,
    /// Who.
    pub who: String,
    /// What they say.
    pub comment: String,
}

/// Where acknowledgements are handed in.
#[async_trait]
pub trait AlarmDesk: Send + Sync {
    /// Acknowledges an alarm. Answers with the alarm as it is then, once the acknowledgement is stored.
    async fn acknowledge(&self, order: Acknowledgement) -> Result<Episode, DeskError>;
}

/// An acknowledgement that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// No machine has this episode as its newest of the rule.
    #[error("there is no such alarm, or a newer one of the same rule and machine has taken its place")]
    Unknown,
    /// Another process has the partition now.
    #[error("the machine has just moved to another process")]
    Moved,
    /// The worker has ended.
    #[error("the server is stopping")]
    Stopped,
    /// The epoch was not stored.
    #[error("the acknowledgement could not be stored")]
    NotStored,
}

impl From<DeskError> for Status {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Unknown => Self::not_found(format!("{error}\nhint: ListAlarms lists the alarms")),
            DeskError::Moved | DeskError::Stopped | DeskError::NotStored => {
                Self::unavailable(format!("{error}\nhint: try again; an acknowledgement counts once"))
            }
        }
    }
}

impl From<Severity> for proto::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Low => Self::Low,
            Severity::Medium => Self::Medium,
            Severity::High => Self::High,
            Severity::Critical => Self::Critical,
        }
    }
}

impl From<&Episode> for proto::Alarm {
    fn from(episode: &Episode) -> Self {
        Self {
            episode: episode.id.clone(),
            machine_id: episode.machine_id.clone(),
            rule: episode.rule.clone(),
            severity: proto::Severity::from(episode.severity).into(),
            raised_at: Some(timestamp(episode.raised_at)),
            cleared_at: episode.cleared_at.map(timestamp),
            acknowledged_at: episode.acknowledged_at.map(timestamp),
            acknowledged_by: episode.acknowledged_by.clone(),
            comment: episode.comment.clone(),
            value: episode.value,
            text_en: episode.text_en.clone(),
            text_fr: episode.text_fr.clone(),
        }
    }
}
