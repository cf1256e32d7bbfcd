//! The rule file: what people write.
//!
//! ```toml
//! [[alarm]]
//! name = "superheat_low"
//! stream = "readings"
//! when = "superheat < 3"           # raises it: SQL over the stream's columns
//! for = "5m"                       # once it has held for so long, event time; at once if absent
//! clear = "superheat > 4.5"        # clears it; NOT (when) if absent
//! clear_for = "1m"                 # once it has held for so long; at once if absent
//! inhibit = "operating_mode = 'defrost'"   # the rule rests while this holds …
//! inhibit_for = "15m"              # … and for so long after
//! severity = "high"                # low, medium, high, critical
//! value = "superheat"              # what the texts and the table show
//! en = "Superheat {value} K: liquid may return to the compressor"
//! fr = "Surchauffe {value} K : risque de retour de liquide au compresseur"
//! [[alarm.escalate]]
//! severity = "critical"
//! when = "superheat < 1"           # the rule's `when` if absent
//! for = "10m"
//! ```

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::error::AlarmError;
use super::life::Severity;
use super::text;
use crate::config::Span;

/// Two looks at a machine further apart than this do not show that a condition held in between.
const MAX_GAP: Span = Span::seconds(600);

/// The rules of a file, read and checked as far as that goes without the streams.
#[derive(Debug, Clone)]
pub struct RuleFile {
    /// Name of the file, for messages.
    pub file: String,
    /// The rules, in their order.
    pub rules: Vec<Rule>,
    text: String,
}

/// One rule, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name: lower case, unique.
    pub name: Spanned<String>,
    /// The stream whose rows it looks at.
    pub stream: Spanned<String>,
    /// The condition that raises it.
    pub when: Spanned<String>,
    /// How long that must hold.
    #[serde(default = "at_once", rename = "for")]
    pub on_delay: Span,
    /// The condition that clears it.
    pub clear: Option<Spanned<String>>,
    /// How long that must hold.
    #[serde(default = "at_once", rename = "clear_for")]
    pub off_delay: Span,
    /// The condition under which the rule rests.
    pub inhibit: Option<Spanned<String>>,
    /// How long it rests after that.
    #[serde(default = "at_once", rename = "inhibit_for")]
    pub inhibit_delay: Span,
    /// Rows further apart than this do not show that a condition held in between.
    #[serde(default = "max_gap")]
    pub max_gap: Span,
    /// Its severity when raised.
    pub severity: Severity,
    /// What the texts and the table show.
    pub value: Option<Spanned<String>>,
    /// What it means, in English.
    pub en: Spanned<String>,
    /// The same in French.
    pub fr: Spanned<String>,
    /// Worse severities, and when they are reached.
    #[serde(default)]
    pub escalate: Vec<Escalation>,
}

/// A worse severity of a rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// The severity.
    pub severity: Spanned<Severity>,
    /// The condition; that of the rule if absent.
    pub when: Option<Spanned<String>>,
    /// How long it must hold.
    #[serde(default = "at_once", rename = "for")]
    pub delay: Span,
}

fn at_once() -> Span {
    Span::seconds(0)
}

fn max_gap() -> Span {
    MAX_GAP
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alarms {
    #[serde(default)]
    alarm: Vec<Rule>,
}

impl Rule {
    /// The condition that clears it.
    pub fn clear_condition(&self) -> String {
        match &self.clear {
            Some(clear) => clear.get_ref().clone(),
            None => format!("NOT ({})", self.when.get_ref()),
        }
    }
}

impl RuleFile {
    /// The rules of a shipped set (`default`, `classic`), no rules (`none`), or those of a file.
    pub fn load(name: &str) -> Result<Self, AlarmError> {
        if name == "none" {
            return Ok(Self::none());
        }
        if let Some((_, text)) = super::SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Self::parse(text, name);
        }
        let path = Path::new(name);
        let text = std::fs::read_to_string(path)
            .map_err(|source| AlarmError::Read { path: path.display().to_string(), source })?;
        Self::parse(&text, name)
    }

    /// The rules to run with the queries of a folder: those of `chosen`, else those of its `alarms.toml`, else none.
    pub fn choose(chosen: Option<&str>, queries: &Path) -> Result<Self, AlarmError> {
        let beside = queries.join("alarms.toml");
        match chosen {
            Some(chosen) => Self::load(chosen),
            None if beside.exists() => Self::load(&beside.display().to_string()),
            None => Ok(Self::none()),
        }
    }

    /// Whether `name` is a set that needs no file.
    pub fn is_shipped(name: &str) -> bool {
        name == "none" || super::SHIPPED.iter().any(|(shipped, _)| *shipped == name)
    }

    /// No rules.
    pub fn none() -> Self {
        Self { file: "none".into(), rules: Vec::new(), text: String::new() }
    }

    /// Reads the text of a file called `file`.
    pub fn parse(text: &str, file: &str) -> Result<Self, AlarmError> {
        let alarms: Alarms = toml::from_str(text).map_err(|error| AlarmError::File {
            file: file.into(),
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            message: error.message().lines().collect::<Vec<_>>().join(" "),
        })?;
        let rules = Self { file: file.into(), rules: alarms.alarm, text: text.into() };
        rules.check()?;
        Ok(rules)
    }

    /// Leaves out the rules over streams that are not in `streams`.
    pub fn restrict<'a>(&mut self, streams: impl Iterator<Item = &'a str>) {
        let streams: HashSet<&str> = streams.collect();
        self.rules.retain(|rule| streams.contains(rule.stream.get_ref().as_str()));
    }

    /// An error of `rule`, at the place `at` of the file.
    pub(super) fn error(
        &self,
        rule: &Rule,
        at: &Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> AlarmError {
        AlarmError::Rule {
            file: self.file.clone(),
            line: line_at(&self.text, at.start),
            rule: rule.name.get_ref().clone(),
            message: message.into(),
            hint,
        }
    }

    fn check(&self) -> Result<(), AlarmError> {
        let mut names = HashSet::new();
        for rule in &self.rules {
            let name = rule.name.get_ref();
            let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if !plain {
                let message = "a name starts with a lower-case letter and holds only a-z, 0-9 and _";
                return Err(self.error(rule, &rule.name.span(), message, None));
            }
            if !names.insert(name) {
                return Err(self.error(rule, &rule.name.span(), "there are two rules of this name", None));
            }
            for words in [&rule.en, &rule.fr] {
                text::check(words.get_ref(), rule.value.is_some())
                    .map_err(|message| self.error(rule, &words.span(), message, None))?;
            }
            let mut severity = rule.severity;
            for escalation in &rule.escalate {
                if *escalation.severity.get_ref() <= severity {
                    let message = format!(
                        "it escalates from {} to {}: each severity must be worse than the one before",
                        severity.name(),
                        escalation.severity.get_ref().name()
                    );
                    return Err(self.error(rule, &escalation.severity.span(), message, None));
                }
                severity = *escalation.severity.get_ref();
            }
        }
        Ok(())
    }
}

/// The line, from 1, of a place in a text.
fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}
