//! How a command fails: one line that says why, and one that says what to do.

/// An error as the terminal shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The cause, on one line.
    pub cause: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure of `error`, with its hint.
    pub fn new(error: impl std::fmt::Display, hint: Option<String>) -> Self {
        let cause = error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Self { cause, hint }
    }

    /// Prints it on the standard error.
    pub fn print(&self) {
        eprintln!("error: {}", self.cause);
        if let Some(hint) = &self.hint {
            eprintln!("hint: {hint}");
        }
    }
}

/// Errors that become a [`Failure`] by themselves.
macro_rules! failures {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let hint = error.hint();
                Self::new(error, hint)
            }
        }
    )+};
}

failures!(
    crate::alarm::AlarmError,
    crate::app::AppError,
    crate::archive::ArchiveError,
    crate::config::ConfigError,
    crate::dataflow::DataflowError,
    crate::history::backtest::BacktestError,
    crate::machine::MachineError,
    crate::model::file::FileError,
    crate::serve::sql::SqlError,
    crate::source::produce::ProduceError,
    crate::source::redrive::RedriveError,
    crate::source::registry::RegistryError,
    super::ingest::IngestError,
    super::query::QueryError,
    super::simulate::SimulateError,
    super::tables::TablesError,
    super::train::TrainError,
);
