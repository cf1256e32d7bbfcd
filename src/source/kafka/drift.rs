//! Which partitions run ahead of the others in event time.
//!
//! On a backlog a client reads its partitions at whatever pace the brokers give, and they drift hours apart: queries
//! over all machines then see one part of a plant long before the other. A partition that is too far ahead of the slowest
//! waits for it.
//!
//! Nobody may wait for ever. So only a partition that is behind its log *and* goes on counts as slow: not one that is
//! empty, has nothing left to read, holds no reading at all, or gets no messages because its broker is down.

use std::collections::BTreeSet;

/// How far one partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) partition: i32,
    /// Event time of its newest reading, microseconds; `None` before the first.
    pub(super) newest: Option<i64>,
    /// Whether its log has more than was read.
    pub(super) behind: bool,
    /// Whether a message came lately.
    pub(super) active: bool,
    /// Whether it waits now because it is ahead.
    pub(super) paused: bool,
}

/// The partitions that wait: those more than `most` microseconds ahead of the slowest, and of those that wait already
/// the ones more than half as far ahead, so that they do not stop and go all the time.
pub(super) fn ahead(paces: &[Pace], most: i64) -> BTreeSet<i32> {
    let counts = |pace: &&Pace| pace.behind && pace.active && !pace.paused;
    let Some(slowest) = paces.iter().filter(counts).filter_map(|pace| pace.newest).min() else {
        return BTreeSet::new();
    };
    let waits = |pace: &&Pace| {
        let limit = if pace.paused { most / 2 } else { most };
        pace.newest.is_some_and(|newest| newest.saturating_sub(slowest) > limit)
    };
    paces.iter().filter(waits).map(|pace| pace.partition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn pace(partition: i32, minutes: i64) -> Pace {
        let newest = Some(minutes * MINUTE);
        Pace { partition, newest, behind: true, active: true, paused: false }
    }

    fn waiting(paces: &[Pace]) -> Vec<i32> {
        ahead(paces, 10 * MINUTE).into_iter().collect()
    }

    #[test]
    fn who_is_more_than_the_limit_ahead_of_the_slowest_waits() {
        assert_eq!(waiting(&[pace(0, 0), pace(1, 10), pace(2, 11), pace(3, 500)]), [2, 3]);
        assert_eq!(waiting(&[pace(0, 5), pace(1, 6)]), [0; 0]);
        assert_eq!(waiting(&[]), [0; 0]);
    }

    #[test]
    fn who_waits_goes_on_only_when_it_is_well_within_the_limit() {
        let paused = |minutes| Pace { paused: true, active: false, ..pace(1, minutes) };
        assert_eq!(waiting(&[pace(0, 0), paused(8)]), [1]);
        assert_eq!(waiting(&[pace(0, 0), paused(5)]), [0; 0]);
    }

    #[test]
    fn nobody_waits_for_a_partition_that_does_not_go_on() {
        let slow = pace(0, 0);
        for stuck in
            [Pace { behind: false, ..slow }, Pace { active: false, ..slow }, Pace { newest: None, ..slow }]
        {
            assert_eq!(waiting(&[stuck, pace(1, 60), pace(2, 61)]), [0; 0], "{stuck:?}");
        }
    }

    #[test]
    fn those_that_wait_do_not_wait_for_each_other() {
        let paused = |partition, minutes| Pace { paused: true, ..pace(partition, minutes) };
        assert_eq!(waiting(&[paused(0, 20), paused(1, 60)]), [0; 0]);
        // The slowest has caught up with its log: the others go on.
        assert_eq!(waiting(&[Pace { behind: false, ..pace(0, 0) }, paused(1, 20)]), [0; 0]);
    }

    /// Whatever the paces are, rounds of reading by those that do not wait come to an end with everything read.
    #[test]
    fn every_backlog_is_read_to_its_end() {
        let ends = [3_i64, 700, 90, 0, 1_200];
        let mut at = [0_i64; 5];
        let mut waits: BTreeSet<i32> = BTreeSet::new();
        for _ in 0..10_000 {
            let paces: Vec<Pace> = (0..5)
                .map(|p| Pace {
                    behind: at[p] < ends[p],
                    active: !waits.contains(&(p as i32)),
                    paused: waits.contains(&(p as i32)),
                    ..pace(p as i32, at[p])
                })
                .collect();
            waits = ahead(&paces, 10 * MINUTE);
            for (p, at) in at.iter_mut().enumerate().filter(|(p, _)| !waits.contains(&(*p as i32))) {
                *at = (*at + 1 + p as i64 * 7).min(ends[p]);
            }
        }
        assert_eq!(at, ends);
    }
}
