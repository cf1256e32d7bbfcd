//! How much of what was read may be in memory before it is in the tables: one bound for all partitions of a process.
//!
//! A batch takes a [`Permit`] for its bytes before it is handed to its partition. The permit goes with the rows,
//! through the epoch that is filled and the one on its way to the store, and is given back when they are in the tables
//! or the partition was given up. Where no permit is to be had, messages stay in Kafka.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bound.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// Room for a batch, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A budget of `limit` bytes of messages.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// Room for `bytes`. A batch that begins within the limit may pass it, so that one message larger than the whole
    /// budget does not wait for ever; only one thread asks, so the limit is passed by one batch at most.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        if self.used.load(Ordering::Acquire) >= self.limit {
            return None;
        }
        self.used.fetch_add(bytes, Ordering::AcqRel);
        Some(Permit { budget: Arc::clone(self), bytes })
    }

    /// Whether more than half is used: epochs are then sealed before their time, because only that gives room.
    pub fn is_scarce(&self) -> bool {
        self.used.load(Ordering::Acquire) > self.limit / 2
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_up_to_the_limit_and_comes_back() {
        let budget = Budget::new(100);
        let first = budget.take(50).unwrap();
        assert!(!budget.is_scarce());
        let second = budget.take(49).unwrap();
        assert!(budget.is_scarce());
        // The last one may pass the limit.
        let third = budget.take(1_000).unwrap();
        assert!(budget.take(1).is_none());
        drop(third);
        assert!(budget.take(1).is_some());
        drop((first, second));
        assert!(!budget.is_scarce());
        assert!(budget.take(100).is_some());
    }
}
