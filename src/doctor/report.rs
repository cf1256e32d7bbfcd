//! What was found, for people and for machines.

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;

use super::CHECKS;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Coldstream runs, but something deserves a look, or could not be looked at.
    Warning,
    /// Coldstream cannot work like this, or not reliably.
    Failure,
}

impl Level {
    /// As the terminal shows it.
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "WARNING",
            Self::Failure => "FAILURE",
        }
    }

    /// The ANSI colour of the word: green, yellow, red.
    fn colour(self) -> u8 {
        match self {
            Self::Ok => 32,
            Self::Warning => 33,
            Self::Failure => 31,
        }
    }
}

/// One thing that was looked at. A check may find several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// One of [`CHECKS`].
    pub check: &'static str,
    /// How it ended.
    pub level: Level,
    /// What was seen, on one line.
    pub seen: String,
    /// What to do about it, where something is to be done.
    pub cure: Option<String>,
}

impl Finding {
    /// All is well.
    pub(super) fn ok(check: &'static str, seen: impl Display) -> Self {
        Self::new(check, Level::Ok, seen, None)
    }

    /// Something deserves a look.
    pub(super) fn warning(check: &'static str, seen: impl Display, cure: Option<String>) -> Self {
        Self::new(check, Level::Warning, seen, cure)
    }

    /// Something does not work.
    pub(super) fn failure(check: &'static str, seen: impl Display, cure: Option<String>) -> Self {
        Self::new(check, Level::Failure, seen, cure)
    }

    /// It could not be looked at, because of something that is told elsewhere.
    pub(super) fn unchecked(check: &'static str, because: &str) -> Self {
        Self::new(check, Level::Warning, format!("not checked: {because}"), None)
    }

    fn new(check: &'static str, level: Level, seen: impl Display, cure: Option<String>) -> Self {
        let seen = seen.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Self { check, level, seen, cure }
    }
}

/// All findings, in the order of [`CHECKS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of Coldstream.
    pub version: &'static str,
    /// The configuration.
    pub config: String,
    /// Whether nothing failed.
    pub ok: bool,
    /// Number of failures.
    pub failures: usize,
    /// Number of warnings.
    pub warnings: usize,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// What was found.
    pub checks: Vec<Finding>,
}

impl Report {
    pub(super) fn new(config: String, mut checks: Vec<Finding>, took: Duration) -> Self {
        checks.sort_by_key(|finding| CHECKS.iter().position(|check| *check == finding.check));
        let count = |level| checks.iter().filter(|finding| finding.level == level).count();
        let (failures, warnings) = (count(Level::Failure), count(Level::Warning));
        Self {
            version: env!("CARGO_PKG_VERSION"),
            config,
            ok: failures == 0,
            failures,
            warnings,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            checks,
        }
    }

    /// One line for each finding, with its cure below it, and a last line that counts them.
    pub fn text(&self, coloured: bool) -> String {
        let width = CHECKS.iter().map(|check| check.len()).max().unwrap_or_default();
        let mut text = String::new();
        for Finding { check, level, seen, cure } in &self.checks {
            // Padded before it is coloured: the codes have no width.
            let mut word = format!("{:<7}", level.word());
            if coloured {
                word = format!("\x1b[{}m{word}\x1b[0m", level.colour());
            }
            text.push_str(&format!("{word}  {check:<width$}  {seen}\n"));
            if let Some(cure) = cure {
                text.push_str(&format!("{:9}{:width$}  hint: {cure}\n", "", ""));
            }
        }
        let fine = self.checks.len() - self.failures - self.warnings;
        text.push_str(&format!(
            "{fine} ok, {}, {}, in {:.1} s\n",
            counted(self.warnings, "warning"),
            counted(self.failures, "failure"),
            self.took_ms as f64 / 1_000.0
        ));
        text
    }
}

fn counted(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
