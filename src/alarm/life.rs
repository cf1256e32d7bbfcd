//! The life of one alarm: one rule on one machine, row after row.

use serde::{Deserialize, Serialize};

/// How much an alarm matters, from little to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be looked at some day.
    Low,
    /// To be looked at today.
    Medium,
    /// To be looked at within the hour.
    High,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// All severities, from little to most.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of that word.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

/// A condition that holds: since when, and when that was last seen. Microseconds of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    since: i64,
    seen: i64,
}

impl Held {
    /// Looks at a condition at `ts`: whether it now has held for `delay`.
    fn look(held: &mut Option<Self>, condition: Option<bool>, ts: i64, delay: i64, max_gap: i64) -> bool {
        match condition {
            None => false,
            Some(false) => {
                *held = None;
                false
            }
            Some(true) => {
                let since = match held {
                    Some(held) if ts.saturating_sub(held.seen) <= max_gap => held.since,
                    _ => ts,
                };
                *held = Some(Self { since, seen: ts });
                ts.saturating_sub(since) >= delay
            }
        }
    }
}

/// One episode: from raised to cleared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Its id: machine, rule and the event time it was raised at.
    pub id: String,
    /// The machine.
    pub machine_id: String,
    /// Name of the rule.
    pub rule: String,
    /// The worst severity it has reached.
    pub severity: Severity,
    /// When it was raised, event time in microseconds.
    pub raised_at: i64,
    /// When it was cleared, event time in microseconds.
    pub cleared_at: Option<i64>,
    /// When it was acknowledged, wall clock in microseconds.
    pub acknowledged_at: Option<i64>,
    /// Who acknowledged it; empty while nobody has.
    pub acknowledged_by: String,
    /// What they said.
    pub comment: String,
    /// The value at its newest transition.
    pub value: Option<f64>,
    /// What it means, with the value when it was raised or escalated, in English.
    pub text_en: String,
    /// The same in French.
    pub text_fr: String,
}

impl Episode {
    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.cleared_at.is_none()
    }
}

/// The delays of a rule, microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delays {
    pub(super) on: i64,
    pub(super) off: i64,
    pub(super) inhibit: i64,
    pub(super) max_gap: i64,
    /// One for each escalation.
    pub(super) escalations: Vec<i64>,
}

/// What a row says of a rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) ts: i64,
    pub(super) when: Option<bool>,
    pub(super) clear: Option<bool>,
    pub(super) inhibit: Option<bool>,
    /// One for each escalation.
    pub(super) worse: &'a [Option<bool>],
}

/// What follows from a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing.
    None,
    /// The alarm is raised, with this many escalations reached at once.
    Raised(usize),
    /// This many escalations are reached, more than before.
    Escalated(usize),
    /// The alarm is cleared.
    Cleared,
}

/// What is known of one rule on one machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Life {
    /// The raising condition, while the alarm is not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rising: Option<Held>,
    /// The clearing condition, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    falling: Option<Held>,
    /// The conditions of the escalations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    worse: Vec<Option<Held>>,
    /// The rule rests before this event time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rests_until: Option<i64>,
    /// How many escalations the open episode has reached.
    #[serde(default)]
    reached: usize,
    /// The newest episode, open or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) episode: Option<Episode>,
}

impl Life {
    /// Whether it says no more than a life that never began.
    pub(super) fn is_blank(&self) -> bool {
        self.rising.is_none()
            && self.rests_until.is_none()
            && self.episode.is_none()
            && self.worse.iter().all(Option::is_none)
    }

    fn is_open(&self) -> bool {
        self.episode.as_ref().is_some_and(Episode::is_open)
    }

    /// Moves on by one row. The caller keeps the episode in step with the answer.
    pub(super) fn step(&mut self, look: &Look<'_>, delays: &Delays) -> Turn {
        let (ts, max_gap) = (look.ts, delays.max_gap);
        if look.inhibit == Some(true) {
            self.rests_until = Some(ts.saturating_add(delays.inhibit));
            self.forget();
            return Turn::None;
        }
        match self.rests_until {
            Some(until) if ts < until => return Turn::None,
            _ => self.rests_until = None,
        }
        self.worse.resize(delays.escalations.len(), None);
        let mut reached = 0;
        for (at, (held, delay)) in self.worse.iter_mut().zip(&delays.escalations).enumerate() {
            let condition = look.worse.get(at).copied().flatten();
            if Held::look(held, condition, ts, *delay, max_gap) {
                reached = at + 1;
            }
        }
        if self.is_open() {
            self.rising = None;
            // A row that both raises and clears is a rule with an overlap: the alarm stays.
            let clear = if look.when == Some(true) { Some(false) } else { look.clear };
            if Held::look(&mut self.falling, clear, ts, delays.off, max_gap) {
                self.forget();
                self.reached = 0;
                return Turn::Cleared;
            }
            if reached > self.reached {
                self.reached = reached;
                return Turn::Escalated(reached);
            }
        } else if Held::look(&mut self.rising, look.when, ts, delays.on, max_gap) {
            self.rising = None;
            self.reached = reached;
            return Turn::Raised(reached);
        }
        Turn::None
    }

    /// Forgets what was held: it has to hold anew.
    fn forget(&mut self) {
        self.rising = None;
        self.falling = None;
        self.worse.fill(None);
    }
}
