//! The state of the alarms as bytes: one JSON blob of a checkpoint.
//!
//! ```json
//! {"format":1,"streams":["readings"],"machines":["1","2"],"newest":[[1705314600000000],[null]],
//!  "lives":[{"machine":"1","rule":"superheat_low","life":{…}}]}
//! ```
//! Rules and streams are named, so that a state outlives a change of the rules: a rule that is there again goes on with
//! its episode, one that is gone has its open episode cleared.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::AlarmError;
use super::life::{Episode, Life};
use super::plan::AlarmPlan;
use super::step::{Alarms, Machine};

const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    streams: Vec<String>,
    machines: Vec<String>,
    newest: Vec<Vec<Option<i64>>>,
    lives: Vec<StoredLife>,
    /// Ends that are not told yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left: Vec<(i64, Episode)>,
}

#[derive(Serialize, Deserialize)]
struct StoredLife {
    machine: String,
    rule: String,
    life: Life,
}

impl Alarms {
    /// The state, to be read by [`Self::restore`].
    pub fn encode(&self) -> Result<Vec<u8>, AlarmError> {
        let known = |ts: &i64| (*ts != i64::MIN).then_some(*ts);
        let mut lives = Vec::new();
        for machine in &self.machines {
            for (rule, life) in self.plan.rules().iter().zip(&machine.lives) {
                if let Some(life) = life {
                    lives.push(StoredLife {
                        machine: machine.id.to_string(),
                        rule: rule.name().into(),
                        life: life.as_ref().clone(),
                    });
                }
            }
        }
        let stored = Stored {
            format: FORMAT,
            streams: self.plan.streams.iter().map(|planned| planned.stream.name.clone()).collect(),
            machines: self.machines.iter().map(|machine| machine.id.to_string()).collect(),
            newest: self.machines.iter().map(|m| m.newest.iter().map(known).collect()).collect(),
            lives,
            left: self.left.clone(),
        };
        serde_json::to_vec(&stored).map_err(|error| AlarmError::State(error.to_string()))
    }

    /// Alarms that go on from the bytes of [`Self::encode`]. The rules may have changed meanwhile.
    pub fn restore(plan: &Arc<AlarmPlan>, bytes: &[u8]) -> Result<Self, AlarmError> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|e| AlarmError::State(e.to_string()))?;
        if stored.format != FORMAT {
            return Err(AlarmError::State(format!("format {} is not {FORMAT}", stored.format)));
        }
        let mut alarms = Self::new(plan);
        alarms.left = stored.left;
        let places: Vec<Option<usize>> = (plan.streams.iter())
            .map(|planned| stored.streams.iter().position(|name| *name == planned.stream.name))
            .collect();
        for (id, newest) in stored.machines.iter().zip(&stored.newest) {
            let mut machine = Machine::new(id, plan);
            for (ts, place) in machine.newest.iter_mut().zip(&places) {
                if let Some(known) = place.and_then(|at| newest.get(at).copied().flatten()) {
                    *ts = known;
                }
            }
            alarms.index.insert(Arc::clone(&machine.id), alarms.machines.len());
            alarms.machines.push(machine);
        }
        for StoredLife { machine, rule, life } in stored.lives {
            let number = plan.rules().iter().position(|planned| planned.name() == rule);
            match (number, alarms.index.get(machine.as_str())) {
                (Some(number), Some(&at)) => alarms.machines[at].lives[number] = Some(Box::new(life)),
                (None, at) => {
                    let newest = at.and_then(|&at| stored.newest.get(at)?.iter().flatten().max().copied());
                    alarms.left.extend(life.episode.and_then(|episode| closed(episode, newest)));
                }
                (Some(_), None) => {
                    return Err(AlarmError::State(format!("machine `{machine}` is missing")));
                }
            }
        }
        Ok(alarms)
    }
}

/// The end of an open episode whose rule is gone, at the last event time that is known of it.
fn closed(mut episode: Episode, newest: Option<i64>) -> Option<(i64, Episode)> {
    if !episode.is_open() {
        return None;
    }
    let ts = newest.unwrap_or(i64::MIN).max(episode.raised_at);
    episode.cleared_at = Some(ts);
    episode.value = None;
    Some((ts, episode))
}
