//! The step of a partition: rows in, transitions out.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;

use super::error::AlarmError;
use super::life::{Episode, Life, Look, Turn};
use super::plan::{AlarmPlan, Columns, Evaluated, RulePlan};
use super::rows::{Rows, Transition};
use super::text::fill;
use crate::schema::MACHINE_ID;

/// Event time before any row.
const NEVER: i64 = i64::MIN;

/// What came of a batch.
#[derive(Debug, Default)]
pub struct AlarmOutputs {
    /// Rows of table `alarms`.
    pub rows: Option<RecordBatch>,
    /// The episodes that changed, each as it is now.
    pub episodes: Vec<Episode>,
}

/// What came of an acknowledgement.
#[derive(Debug)]
pub enum Acknowledged {
    /// There is no such episode here, or a newer one has taken its place.
    Unknown,
    /// It was acknowledged before; nothing changed.
    Already(Episode),
    /// It is acknowledged now.
    Now(Episode, AlarmOutputs),
}

/// What is known of a machine.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) id: Arc<str>,
    /// Newest event time in each stream that rules look at.
    pub(super) newest: Vec<i64>,
    /// One for each rule; `None` is a life that never began.
    pub(super) lives: Vec<Option<Box<Life>>>,
}

impl Machine {
    pub(super) fn new(id: &str, plan: &AlarmPlan) -> Self {
        Self { id: id.into(), newest: vec![NEVER; plan.streams.len()], lives: vec![None; plan.rules().len()] }
    }
}

/// The alarms of one partition.
#[derive(Debug, Clone)]
pub struct Alarms {
    pub(super) plan: Arc<AlarmPlan>,
    pub(super) machines: Vec<Machine>,
    pub(super) index: HashMap<Arc<str>, usize>,
    /// Transitions that followed from a change of the rules; they go out with the next batch.
    pub(super) left: Vec<(i64, Episode)>,
}

impl Alarms {
    /// Alarms without history.
    pub fn new(plan: &Arc<AlarmPlan>) -> Self {
        Self { plan: Arc::clone(plan), machines: Vec::new(), index: HashMap::new(), left: Vec::new() }
    }

    /// The newest episode of each machine and rule that had one.
    pub fn episodes(&self) -> impl Iterator<Item = &Episode> {
        self.machines.iter().flat_map(|m| m.lives.iter().flatten()).filter_map(|life| life.episode.as_ref())
    }

    /// Looks at rows of `stream`, in their order.
    pub fn look(&mut self, stream: &str, batch: &RecordBatch) -> Result<AlarmOutputs, AlarmError> {
        let plan = Arc::clone(&self.plan);
        let mut out = Out::default();
        for (ts, episode) in std::mem::take(&mut self.left) {
            out.add(ts, Transition::Cleared, &episode);
        }
        let position = plan.streams.iter().position(|planned| planned.stream.name == stream);
        let Some(position) = position.filter(|_| batch.num_rows() > 0) else { return out.finish() };
        let planned = &plan.streams[position];
        let missing = |name: &str| AlarmError::Evaluate {
            rule: plan.rules()[planned.rules[0]].name().into(),
            message: format!("the rows of `{stream}` have no column `{name}`"),
        };
        let times = batch.column_by_name(planned.stream.event_time);
        let times = times.and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let times = times.ok_or_else(|| missing(planned.stream.event_time))?;
        let ids = batch.column_by_name(MACHINE_ID).and_then(|c| c.as_string_opt::<i32>());
        let ids = ids.ok_or_else(|| missing(MACHINE_ID))?;
        let mut evaluated = Evaluated::new(batch);
        let mut columns = Vec::with_capacity(planned.rules.len());
        for &number in &planned.rules {
            columns.push((number, &plan.rules()[number], plan.rules()[number].evaluate(&mut evaluated)?));
        }
        let mut worse = Vec::new();
        for row in 0..batch.num_rows() {
            let ts = times.value(row);
            let machine = self.machine(ids.value(row));
            let machine = &mut self.machines[machine];
            if times.is_null(row) || ts < machine.newest[position] {
                continue;
            }
            machine.newest[position] = ts;
            for (number, rule, columns) in &columns {
                let slot = &mut machine.lives[*number];
                if slot.is_none() && !columns.matters(row) {
                    continue;
                }
                let mut life = slot.take().unwrap_or_default();
                let look = look_at(columns, row, ts, &mut worse);
                let turn = life.step(&look, &rule.delays);
                let value = columns.value.as_ref().filter(|v| v.is_valid(row)).map(|v| v.value(row));
                let row = Row { ts, machine: &machine.id, value };
                apply(&mut life, turn, &row, rule, &mut out);
                *slot = (!life.is_blank()).then_some(life);
            }
        }
        out.finish()
    }

    /// Someone knows of an episode. `now` is wall clock in microseconds.
    pub fn acknowledge(
        &mut self,
        machine: &str,
        episode: &str,
        who: &str,
        comment: &str,
        now: i64,
    ) -> Result<Acknowledged, AlarmError> {
        let Some(machine) = self.index.get(machine).map(|&at| &mut self.machines[at]) else {
            return Ok(Acknowledged::Unknown);
        };
        // The row is dated by the machine's newest event, so that it follows the transitions before it.
        let ts = machine.newest.iter().copied().max().unwrap_or(NEVER);
        let lives = machine.lives.iter_mut().flatten();
        let Some(found) = lives.filter_map(|life| life.episode.as_mut()).find(|e| e.id == episode) else {
            return Ok(Acknowledged::Unknown);
        };
        if found.acknowledged_at.is_some() {
            return Ok(Acknowledged::Already(found.clone()));
        }
        found.acknowledged_at = Some(now);
        found.acknowledged_by = who.into();
        found.comment = comment.into();
        let mut out = Out::default();
        out.add(ts.max(found.raised_at), Transition::Acknowledged, found);
        Ok(Acknowledged::Now(found.clone(), out.finish()?))
    }

    fn machine(&mut self, id: &str) -> usize {
        if let Some(&at) = self.index.get(id) {
            return at;
        }
        let machine = Machine::new(id, &self.plan);
        let at = self.machines.len();
        self.index.insert(Arc::clone(&machine.id), at);
        self.machines.push(machine);
        at
    }
}

fn look_at<'a>(columns: &Columns, row: usize, ts: i64, worse: &'a mut Vec<Option<bool>>) -> Look<'a> {
    let known = |array: &arrow::array::BooleanArray| array.is_valid(row).then(|| array.value(row));
    worse.clear();
    worse.extend(columns.worse.iter().map(known));
    Look {
        ts,
        when: known(&columns.when),
        clear: known(&columns.clear),
        inhibit: columns.inhibit.as_ref().and_then(known),
        worse,
    }
}

/// What the row of a turn tells of its episode.
struct Row<'a> {
    ts: i64,
    machine: &'a str,
    /// The rule's value.
    value: Option<f64>,
}

/// Brings the episode in step with a turn of its life.
fn apply(life: &mut Life, turn: Turn, row: &Row<'_>, rule: &RulePlan, out: &mut Out) {
    let &Row { ts, machine, value } = row;
    let words = |template: &toml::Spanned<String>, comma| fill(template.get_ref(), value, comma);
    match turn {
        Turn::None => {}
        Turn::Raised(reached) => {
            let (before, name) = (life.episode.take(), rule.name());
            let episode = life.episode.insert(Episode {
                id: episode_id(machine, name, ts, before.as_ref()),
                machine_id: machine.into(),
                rule: name.into(),
                severity: rule.severity(reached),
                raised_at: ts,
                cleared_at: None,
                acknowledged_at: None,
                acknowledged_by: String::new(),
                comment: String::new(),
                value,
                text_en: words(&rule.rule.en, false),
                text_fr: words(&rule.rule.fr, true),
            });
            out.add(ts, Transition::Raised, episode);
        }
        Turn::Escalated(reached) => {
            if let Some(episode) = &mut life.episode {
                episode.severity = rule.severity(reached);
                episode.value = value;
                episode.text_en = words(&rule.rule.en, false);
                episode.text_fr = words(&rule.rule.fr, true);
                out.add(ts, Transition::Escalated, episode);
            }
        }
        Turn::Cleared => {
            if let Some(episode) = &mut life.episode {
                episode.cleared_at = Some(ts);
                episode.value = value;
                out.add(ts, Transition::Cleared, episode);
            }
        }
    }
}

/// Machine, rule and event time; several episodes at one instant are counted.
fn episode_id(machine: &str, rule: &str, ts: i64, before: Option<&Episode>) -> String {
    let time = chrono::DateTime::from_timestamp_micros(ts)
        .map_or_else(|| ts.to_string(), |time| time.format("%Y%m%dT%H%M%S%.6fZ").to_string());
    let id = format!("{machine}/{rule}/{time}");
    match before.and_then(|before| before.id.strip_prefix(&id)) {
        None => id,
        Some("") => format!("{id}.2"),
        Some(count) => {
            let count: u64 = count.trim_start_matches('.').parse().unwrap_or(1);
            format!("{id}.{}", count + 1)
        }
    }
}

/// Transitions on their way out.
#[derive(Default)]
struct Out {
    rows: Rows,
    episodes: Vec<Episode>,
}

impl Out {
    fn add(&mut self, ts: i64, transition: Transition, episode: &Episode) {
        self.rows.add(ts, transition, episode);
        // Transitions are few; the newest state of an episode is the one that counts.
        match self.episodes.iter_mut().find(|known| known.id == episode.id) {
            Some(known) => known.clone_from(episode),
            None => self.episodes.push(episode.clone()),
        }
    }

    fn finish(self) -> Result<AlarmOutputs, AlarmError> {
        Ok(AlarmOutputs { rows: self.rows.finish()?, episodes: self.episodes })
    }
}
