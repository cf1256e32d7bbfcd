//! The file of machines as it is now: read at the start, and again whenever it has changed.
//!
//! A file that cannot be used is refused with its reason, and what was said before stays true.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use super::{MachineError, Machines};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What the file says, shared by all who need it.
#[derive(Debug, Default)]
pub struct CurrentMachines {
    file: Option<PathBuf>,
    state: Mutex<State>,
    /// Grows with each change of the machines.
    generation: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    machines: Arc<Machines>,
    /// The content that is used or refused.
    seen: Seen,
    /// The content at the last look.
    looked: Seen,
    refused: Option<String>,
}

/// By what a changed file is known without being read.
type Seen = Option<(SystemTime, u64)>;

/// The file, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// The file; `None` where there is none to follow.
    pub file: Option<String>,
    /// Machines that it knows.
    pub machines: usize,
    /// Why its newest content is not used; `None` where it is.
    pub refused: Option<String>,
}

impl CurrentMachines {
    /// Machines that no file says.
    pub fn fixed(machines: Machines) -> Self {
        let state = State { machines: Arc::new(machines), ..State::default() };
        Self { file: None, state: Mutex::new(state), generation: AtomicU64::new(0) }
    }

    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, MachineError> {
        // Looked at before it is read: what changes in between is read again.
        let seen = look(path);
        let machines = Arc::new(Machines::load(path)?);
        let state = State { machines, seen, looked: seen, refused: None };
        Ok(Self { file: Some(path.into()), state: Mutex::new(state), generation: AtomicU64::new(0) })
    }

    /// The machines.
    pub fn get(&self) -> Arc<Machines> {
        Arc::clone(&self.lock().machines)
    }

    /// A number that is another one when the machines have changed.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The file, as people see it.
    pub fn file_state(&self) -> FileState {
        let state = self.lock();
        FileState {
            file: self.file.as_ref().map(|file| file.display().to_string()),
            machines: state.machines.len(),
            refused: state.refused.clone(),
        }
    }

    /// Says other machines.
    pub fn set(&self, machines: Machines) {
        let mut state = self.lock();
        state.refused = None;
        if *state.machines != machines {
            state.machines = Arc::new(machines);
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Looks at the file; gives what came of it where it has changed and is as it was at the look before: who writes it may
    /// not have come to the end.
    pub fn look(&self) -> Option<Result<usize, MachineError>> {
        let path = self.file.as_deref()?;
        let seen = look(path);
        {
            let mut state = self.lock();
            let settled = std::mem::replace(&mut state.looked, seen) == seen;
            if seen == state.seen || !settled {
                return None;
            }
            state.seen = seen;
        }
        match Machines::load(path) {
            Ok(machines) => {
                let number = machines.len();
                self.set(machines);
                Some(Ok(number))
            }
            Err(error) => {
                self.lock().refused = Some(error.to_string());
                Some(Err(error))
            }
        }
    }

    /// Looks at the file until `stop` is set, and tells `changed` what came of each change.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn follow(
        self: &Arc<Self>,
        stop: Arc<AtomicBool>,
        changed: impl Fn(Result<usize, MachineError>) + Send + 'static,
    ) -> std::io::Result<()> {
        if self.file.is_none() {
            return Ok(());
        }
        let this = Arc::clone(self);
        let follow = move || {
            while !stop.load(Ordering::Relaxed) {
                if let Some(outcome) = this.look() {
                    changed(outcome);
                }
                thread::sleep(LOOK);
            }
        };
        thread::Builder::new().name("machines".into()).spawn(follow).map(drop)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(path: &Path) -> Seen {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
