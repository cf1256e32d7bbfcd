//! The topic: messages that are drawn beforehand, of which more and more are there.

use super::dice::Dice;
use crate::source::raw::RawBatch;

pub(super) const SECOND: i64 = 1_000_000;
/// How much older than the newest reading a reading may be and still be waited for.
pub(super) const MAX_DELAY: i64 = 5 * SECOND;
/// How much later than its message a reading may be.
pub(super) const MAX_SKEW: i64 = 60 * SECOND;

/// A message, and what it is known to be.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) payload: String,
    /// Microseconds.
    pub(super) received: i64,
    pub(super) truth: Truth,
}

/// What a message is.
#[derive(Debug, Clone)]
pub(super) enum Truth {
    Reading {
        /// Event time, microseconds.
        ts: i64,
        machine: String,
        /// A whole number, so that sums are exact in any order.
        x: Option<i64>,
    },
    Dead {
        reason: &'static str,
    },
}

/// The messages of each partition.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) logs: Vec<Vec<Message>>,
    /// How many of them are there by now.
    ends: Vec<usize>,
}

impl Broker {
    pub(super) fn draw(dice: &mut Dice, partitions: usize) -> Self {
        // Before 1970, across midnight, or on an ordinary day.
        let base = [-40 * SECOND, 1_705_363_165 * SECOND, 1_705_314_600 * SECOND][dice.below(3)];
        let logs: Vec<_> = (0..partitions).map(|partition| log(dice, partition, base)).collect();
        Self { ends: vec![0; logs.len()], logs }
    }

    pub(super) fn partitions(&self) -> usize {
        self.logs.len()
    }

    /// More messages arrive.
    pub(super) fn produce(&mut self, partition: usize, more: usize) {
        self.ends[partition] = (self.ends[partition] + more).min(self.logs[partition].len());
    }

    /// All messages have arrived.
    pub(super) fn produce_all(&mut self) {
        self.ends = self.logs.iter().map(Vec::len).collect();
    }

    /// Messages from `from` on, at most `most`.
    pub(super) fn fetch(&self, partition: usize, from: i64, most: usize) -> RawBatch {
        let mut batch = RawBatch::default();
        let from = usize::try_from(from).unwrap();
        for offset in from..self.ends[partition].min(from + most) {
            let message = &self.logs[partition][offset];
            batch.push(message.payload.as_bytes(), offset as i64, message.received);
        }
        batch
    }
}

fn log(dice: &mut Dice, partition: usize, base: i64) -> Vec<Message> {
    let length = 10 + dice.below(60);
    let mut clock = base;
    let mut last = base;
    let mut messages = Vec::with_capacity(length);
    for _ in 0..length {
        clock += dice.between(0, 2500) * 1000;
        let machine = format!("m{partition}-{}", dice.below(3));
        let ts = match dice.below(20) {
            0 | 1 => clock - dice.between(0, 3 * MAX_DELAY / 1000) * 1000,
            2 => clock - dice.between(0, 60_000) * 1000,
            3 | 4 => last,
            5 => clock + dice.between(0, 20_000) * 1000,
            _ => clock - dice.between(0, 2000) * 1000,
        };
        let dead = |reason, payload: String| (payload, Truth::Dead { reason });
        let (payload, truth) = match dice.below(40) {
            0 => dead("empty", String::new()),
            1 => dead("not_json", r#"{"timestamp":1"#.into()),
            2 => dead("no_timestamp", format!(r#"{{"machine_id":"{machine}","x":1}}"#)),
            3 => {
                let late = (clock + MAX_SKEW) / 1000 + dice.between(1, 100_000);
                dead("future_timestamp", format!(r#"{{"timestamp":{late},"machine_id":"{machine}"}}"#))
            }
            _ => {
                last = ts;
                let x = (!dice.chance(10)).then(|| dice.between(-50, 50));
                let value = x.map_or("null".into(), |x| x.to_string());
                let ms = ts / 1000;
                let payload = format!(r#"{{"timestamp":{ms},"machine_id":"{machine}","x":{value}}}"#);
                (payload, Truth::Reading { ts, machine, x })
            }
        };
        messages.push(Message { payload, received: clock, truth });
    }
    messages
}
