//! The file of machines, which changes now and then, for all workers at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::machine::follow::CurrentMachines;
use crate::machine::{Machine, Machines, Quantity};

/// Machines that a file may know: the broker has no others.
const MACHINES: usize = 9;

/// What the file of number `k` says of a machine: its rated current, if it knows the machine.
pub(super) fn said(k: u8, machine: &str) -> Option<i64> {
    let place = machine.bytes().map(usize::from).sum::<usize>() % 5;
    ((k >> place) & 1 == 1).then(|| i64::from(k / 4) + 1)
}

/// The file as it is now.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) machines: Arc<CurrentMachines>,
    number: AtomicU8,
}

impl File {
    /// Writes the file of number `k`.
    pub(super) fn write(&self, k: u8) {
        let ids = (0..MACHINES).map(|i| format!("m{}-{}", i / 3, i % 3));
        let known = ids.filter_map(|id| {
            let rated = said(k, &id)?;
            Some((id, Machine::default().with(Quantity::RatedCurrent, rated as f64)))
        });
        self.machines.set(Machines::new(Machine::default(), known.collect()).unwrap());
        self.number.store(k, Ordering::Relaxed);
    }

    /// The number of the file.
    pub(super) fn number(&self) -> u8 {
        self.number.load(Ordering::Relaxed)
    }
}
