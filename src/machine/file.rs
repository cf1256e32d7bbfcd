//! `machines.toml`, key by key, so that whatever is wrong is named with its line, its machine and its key.
//!
//! ```toml
//! [defaults]                        # what holds for machines that say nothing else, and for unknown ones
//! pressure_reference = "gauge"
//!
//! [[machines]]
//! id = 7                            # as in the readings: a number or a text
//! refrigerant = "R449A"
//! application = "low"
//! setpoints = { room = -20 }
//! limits = { condensing_max = 50 }  # °C, in place of what follows from the refrigerant
//! ```

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeInteger, DeTable, DeValue};

use super::error::{MachineError, Place};
use super::quantity::{Quantity, TABLES};
use super::{Application, Machine, Machines, PressureReference, refrigerant};
use crate::thermo::Refrigerant;

/// A value with its place in the text.
type Value<'a> = toml::Spanned<DeValue<'a>>;

impl Machines {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, MachineError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| MachineError::Read { path: shown.clone(), source })?;
        Self::parse(&text, &shown)
    }

    /// Checks the text of a file called `file`.
    ///
    /// # Errors
    /// [`MachineError::Invalid`], which names the line, the machine and the key.
    pub fn parse(text: &str, file: &str) -> Result<Self, MachineError> {
        let reader = Reader { text, file };
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map(|span| reader.line(&span));
            let place = Place { file: Some(file.into()), line, ..Place::default() };
            let message = error.message().lines().collect::<Vec<_>>().join(" ");
            let hint = Some("the file is TOML: https://toml.io".into());
            MachineError::Invalid { place: Box::new(place), message, hint }
        })?;
        let (mut defaults, mut entries, mut lines) = (Machine::default(), Vec::new(), Vec::new());
        for (key, value) in table.get_ref() {
            let at = At { reader: &reader, machine: None, table: "" };
            match key.get_ref().as_ref() {
                "defaults" => defaults = at.of("defaults").machine(value)?.1,
                "machines" => {
                    for entry in at.list(value)? {
                        let id = id_of(entry);
                        let at = At { reader: &reader, machine: id.as_deref(), table: "" };
                        let (id, machine) = at.machine(entry)?;
                        let hint = "give the machine_id of its readings: id = 7 or id = \"cold-store-2\"";
                        let id = id.ok_or_else(|| {
                            at.error(entry.span(), "id", "it is missing", Some(hint.into()))
                        })?;
                        lines.push(reader.line(&entry.span()));
                        entries.push((id, machine));
                    }
                }
                other => {
                    let hint = Some("the file has [defaults] and [[machines]]".into());
                    return Err(at.error(key.span(), other, "there is no such key", hint));
                }
            }
        }
        let ids: Vec<String> = entries.iter().map(|(id, _)| id.clone()).collect();
        Self::new(defaults, entries).map_err(|error| match error {
            MachineError::Invalid { place, message, hint } => {
                // The last entry of the id: where it is there twice, that is the one too many.
                let entry = ids.iter().rposition(|id| Some(id) == place.machine.as_ref());
                let line = entry.map(|entry| lines[entry]);
                let place = Place { file: Some(file.into()), line, ..*place };
                MachineError::Invalid { place: Box::new(place), message, hint }
            }
            other => other,
        })
    }
}

/// The id of an entry, as far as it has one.
fn id_of(entry: &Value) -> Option<String> {
    match entry.get_ref().as_table()?.get("id")?.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => whole(number).map(|number| number.to_string()),
        _ => None,
    }
}

fn whole(number: &DeInteger) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The text that is read.
struct Reader<'a> {
    text: &'a str,
    file: &'a str,
}

impl Reader<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.text[..span.start.min(self.text.len())].matches('\n').count() + 1
    }
}

/// Where in the file we are.
#[derive(Clone, Copy)]
struct At<'a> {
    reader: &'a Reader<'a>,
    machine: Option<&'a str>,
    /// The table around the key; empty for that of a machine.
    table: &'a str,
}

impl<'a> At<'a> {
    fn of(self, table: &'a str) -> Self {
        Self { table, ..self }
    }

    fn error(self, span: Range<usize>, key: &str, message: &str, hint: Option<String>) -> MachineError {
        let key = if self.table.is_empty() { key.to_string() } else { format!("{}.{key}", self.table) };
        MachineError::Invalid {
            place: Box::new(Place {
                file: Some(self.reader.file.into()),
                line: Some(self.reader.line(&span)),
                machine: self.machine.map(str::to_string),
                key: Some(key),
            }),
            message: message.into(),
            hint,
        }
    }

    /// The tables of a list; one table alone is a list of one.
    fn list<'v>(self, value: &'v Value<'v>) -> Result<Vec<&'v Value<'v>>, MachineError> {
        match value.get_ref() {
            DeValue::Array(entries) => Ok(entries.iter().collect()),
            other => {
                let message = format!("it is {}, not a list of machines", article(other.type_str()));
                Err(self.error(
                    value.span(),
                    "machines",
                    &message,
                    Some("write [[machines]], in two brackets".into()),
                ))
            }
        }
    }

    fn entries<'v>(self, value: &'v Value<'v>) -> Result<&'v DeTable<'v>, MachineError> {
        value.get_ref().as_table().ok_or_else(|| {
            let message = format!("it is {}, not a table", article(value.get_ref().type_str()));
            self.error(value.span(), "", &message, Some("write key = value lines below it".into()))
        })
    }

    /// An entry, and its id where it has one.
    fn machine(self, value: &Value) -> Result<(Option<String>, Machine), MachineError> {
        let (mut id, mut machine) = (None, Machine::default());
        for (key, value) in self.entries(value)? {
            let name: &str = key.get_ref();
            match name {
                "id" if self.table.is_empty() => id = Some(self.id(value)?),
                "site" => machine.site = Some(self.text(name, value)?.into()),
                "name" => machine.name = Some(self.text(name, value)?.into()),
                "refrigerant" => machine.refrigerant = Some(self.refrigerant(value)?),
                "pressure_reference" => {
                    let all = PressureReference::ALL.map(|reference| (reference.name(), reference));
                    machine.pressure_reference = Some(self.one_of(name, value, &all)?);
                }
                "application" => {
                    let all = Application::ALL.map(|application| (application.name(), application));
                    machine.application = Some(self.one_of(name, value, &all)?);
                }
                _ if TABLES.contains(&name) => {
                    let inside = self.of(name);
                    for (key, value) in inside.entries(value)? {
                        inside.quantity(&mut machine, name, key, value)?;
                    }
                }
                _ => self.quantity(&mut machine, "", key, value)?,
            }
        }
        Ok((id, machine))
    }

    fn quantity(
        self,
        machine: &mut Machine,
        table: &str,
        key: &toml::Spanned<Cow<'_, str>>,
        value: &Value,
    ) -> Result<(), MachineError> {
        let name: &str = key.get_ref();
        let Some(quantity) = Quantity::of_key(table, name) else {
            return Err(self.error(key.span(), name, "there is no such key", Some(keys_of(table, name))));
        };
        let spec = quantity.spec();
        let number = match value.get_ref() {
            DeValue::Integer(digits) => whole(digits).map(|number| number as f64),
            DeValue::Float(digits) => digits.as_str().parse::<f64>().ok(),
            _ => None,
        };
        let unit = if spec.unit == "1/kWh" { "" } else { spec.unit };
        let about = format!("{} ({}), from {} to {}", spec.about, spec.unit, spec.low, spec.high);
        match number {
            Some(number) if (spec.low..=spec.high).contains(&number) => {
                machine.set(quantity, Some(number));
                Ok(())
            }
            Some(number) => {
                let message = format!("{number} {unit}").trim_end().to_string() + " cannot be";
                Err(self.error(value.span(), name, &message, Some(about)))
            }
            None => {
                let message = format!("it is {}, not a number", article(value.get_ref().type_str()));
                Err(self.error(value.span(), name, &message, Some(about)))
            }
        }
    }

    fn id(self, value: &Value) -> Result<String, MachineError> {
        let found = match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => whole(number).map(|number| number.to_string()),
            _ => None,
        };
        found.ok_or_else(|| {
            let message =
                format!("it is {}, not a text or a whole number", article(value.get_ref().type_str()));
            let hint = "as in the readings: id = 7 or id = \"cold-store-2\"";
            self.error(value.span(), "id", &message, Some(hint.into()))
        })
    }

    fn text<'v>(self, key: &str, value: &'v Value) -> Result<&'v str, MachineError> {
        value.get_ref().as_str().ok_or_else(|| {
            let message = format!("it is {}, not a text", article(value.get_ref().type_str()));
            self.error(value.span(), key, &message, Some(format!("write {key} = \"…\"")))
        })
    }

    fn refrigerant(self, value: &Value) -> Result<Refrigerant, MachineError> {
        let text = self.text("refrigerant", value)?;
        Refrigerant::parse(text).ok_or_else(|| {
            let message = format!("`{text}` is no refrigerant that Coldstream knows");
            self.error(
                value.span(),
                "refrigerant",
                &message,
                Some(format!("it knows {}", refrigerant::names())),
            )
        })
    }

    fn one_of<T: Copy>(self, key: &str, value: &Value, all: &[(&str, T)]) -> Result<T, MachineError> {
        let text = self.text(key, value)?;
        let found = all.iter().find(|(name, _)| *name == text);
        found.map(|(_, found)| *found).ok_or_else(|| {
            let names = all.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
            self.error(
                value.span(),
                key,
                &format!("`{text}` cannot be"),
                Some(format!("it is one of {names}")),
            )
        })
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

/// The keys that there are; first the table in which one of this name stands.
fn keys_of(table: &str, name: &str) -> String {
    let elsewhere = Quantity::ALL.into_iter().find(|q| q.spec().key == name || q.spec().column == name);
    if let Some(spec) = elsewhere.map(Quantity::spec) {
        return match spec.table {
            "" => format!("`{}` stands in the machine's entry itself", spec.key),
            table => format!("write {table} = {{ {} = … }}", spec.key),
        };
    }
    let quantities = Quantity::ALL.into_iter().map(Quantity::spec).filter(|spec| spec.table == table);
    let mut keys: Vec<&str> = quantities.map(|spec| spec.key).collect();
    if table.is_empty() {
        let others = ["id", "site", "name", "refrigerant", "pressure_reference", "application"];
        keys = others.into_iter().chain(keys).chain(TABLES).collect();
    }
    format!("the keys are {}", keys.join(", "))
}
