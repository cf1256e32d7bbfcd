//! What can be wrong with alarm rules or with their state.

/// An error of the alarms.
#[derive(Debug, thiserror::Error)]
pub enum AlarmError {
    /// The file cannot be read.
    #[error("cannot read the alarm rules {path}: {source}")]
    Read {
        /// Path of the file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A key is unknown, missing or has a wrong value.
    #[error("{file}:{line}: {message}")]
    File {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A rule cannot be used.
    #[error("{file}:{line}: alarm `{rule}`: {message}")]
    Rule {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Name of the rule.
        rule: String,
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A condition failed on a row.
    #[error("alarm `{rule}`: {message}")]
    Evaluate {
        /// Name of the rule.
        rule: String,
        /// DataFusion's reason.
        message: String,
    },
    /// The bytes of a checkpoint cannot be read.
    #[error("the state of the alarms cannot be read: {0}")]
    State(String),
    /// Columns cannot be put together.
    #[error("{0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl AlarmError {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => Some(
                "give the path of a rule file, or one of the shipped sets: `default`, `classic`, `none`".into(),
            ),
            Self::File { .. } => Some(
                "an alarm has `name`, `stream`, `when`, `severity`, `en`, `fr`, and may have `value`, `for`, `clear`, \
                 `clear_for`, `inhibit`, `inhibit_for`, `max_gap`, `[[alarm.escalate]]`"
                    .into(),
            ),
            Self::Rule { hint, .. } => hint.clone(),
            Self::Evaluate { .. } => Some("guard the condition with CASE WHEN, or NULLIF in a division".into()),
            Self::State(_) | Self::Arrow(_) => None,
        }
    }
}
