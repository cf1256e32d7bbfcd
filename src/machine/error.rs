//! What can be wrong with a file of machines.

/// Why a file of machines cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// The file cannot be read.
    #[error("cannot read the machines in {path}: {source}")]
    Read {
        /// Path of the file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file says what cannot be.
    #[error("{place}{message}")]
    Invalid {
        /// File, line, machine and key, as far as they are known: `machines.toml:3: machine `7`: limits.room_max: `.
        place: Box<Place>,
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The rows cannot be put together.
    #[error("the table of machines: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl MachineError {
    /// What to do about it, where known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => Some(
                "set `[machines] file` in coldstream.toml, or leave it out: all machines then have defaults"
                    .into(),
            ),
            Self::Invalid { hint, .. } => hint.clone(),
            Self::Arrow(_) => None,
        }
    }
}

/// Where in a file of machines something is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<usize>,
    /// Id of the machine.
    pub machine: Option<String>,
    /// The key, with its table: `limits.room_max`.
    pub key: Option<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
            match self.line {
                Some(line) => write!(f, "{line}: ")?,
                None => write!(f, " ")?,
            }
        }
        if let Some(machine) = &self.machine {
            write!(f, "machine `{machine}`: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        Ok(())
    }
}

/// What is wrong with a key.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) key: String,
    pub(super) message: String,
    pub(super) hint: String,
}

impl Fault {
    pub(super) fn new(key: &str, message: &str, hint: &str) -> Self {
        Self { key: key.into(), message: message.into(), hint: hint.into() }
    }

    /// The same as an error of a machine, which stands in no file.
    pub(super) fn of(self, machine: Option<&str>) -> MachineError {
        let machine = machine.map(str::to_string);
        let place = Place { machine, key: Some(self.key), ..Place::default() };
        MachineError::Invalid { place: Box::new(place), message: self.message, hint: Some(self.hint) }
    }
}
