//! JSON readings (design §7).
//!
//! There is no value tree, and no look-up by name for messages that have the keys in the order of the message before.

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};

use super::super::cell::{CellSeed, Wanted};
use super::super::dead::Reason;
use super::framing::unframed;
use super::row::{Fault, Key, Layout, Row};
use crate::schema::{MACHINE_ID, TIMESTAMP};

/// How deep a message may nest; a reading does not nest at all, but may have unknown keys.
const DEEPEST: usize = 64;

/// Reads JSON.
#[derive(Debug, Default)]
pub(super) struct JsonReader {
    /// The keys of the message before, in order.
    order: Vec<Key>,
}

impl JsonReader {
    /// Parses one message into an empty row.
    pub(super) fn read<'a>(
        &mut self,
        layout: &Layout,
        payload: &'a [u8],
        row: &mut Row<'a>,
    ) -> Result<(), Fault> {
        let text = std::str::from_utf8(unframed(payload)).map_err(|error| {
            (Reason::InvalidUtf8, format!("invalid UTF-8 at byte {}", error.valid_up_to()))
        })?;
        if nested_deeper_than(text, DEEPEST) {
            return Err((Reason::NotJson, format!("nested deeper than {DEEPEST} levels")));
        }
        let mut json = sonic_rs::Deserializer::from_json(text);
        let seed = RowSeed { reader: self, layout, row };
        seed.deserialize(&mut json).and_then(|()| json.end()).map_err(|error| explain(&error))
    }

    /// What `name` stands for; `at` is its place in the message.
    fn key(&self, layout: &Layout, name: &str, at: usize) -> Key {
        if let Some(&guess) = self.order.get(at)
            && match guess {
                Key::Timestamp => name == TIMESTAMP,
                Key::MachineId => name == MACHINE_ID,
                Key::Sensor(i) => layout.sensors[i].0 == name,
                Key::Unknown => false,
            }
        {
            return guess;
        }
        layout.key(name)
    }
}

/// Why a message could not be parsed. The parser adds a picture of the place below its first line.
fn explain(error: &sonic_rs::Error) -> Fault {
    let text = error.to_string().lines().next().unwrap_or_default().to_string();
    if !error.is_unmatched_type() {
        return (Reason::NotJson, text);
    }
    let reason = if text.contains(OBJECT) { Reason::NotAnObject } else { Reason::WrongType };
    (reason, text)
}

/// Whether brackets nest deeper than `limit`. The parser recurses, so without a limit a message of brackets alone
/// would end the process. Few messages have so many brackets at all; only those are looked at one by one.
fn nested_deeper_than(text: &str, limit: usize) -> bool {
    let opens = |b: &&u8| matches!(b, b'[' | b'{');
    if text.as_bytes().iter().filter(opens).count() <= limit {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// What a message must be.
const OBJECT: &str = "a JSON object";

struct RowSeed<'d, 'r, 'a> {
    reader: &'d mut JsonReader,
    layout: &'d Layout,
    row: &'r mut Row<'a>,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for RowSeed<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for RowSeed<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(OBJECT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(key) = map.next_key_seed(KeySeed { reader: self.reader, layout: self.layout, at })? {
            match key {
                Key::Timestamp => {
                    let seed = CellSeed { name: TIMESTAMP, wanted: Wanted::Instant };
                    self.row.timestamp = map.next_value_seed(seed)?;
                }
                Key::MachineId => {
                    let seed = CellSeed { name: MACHINE_ID, wanted: Wanted::Id };
                    self.row.machine_id = map.next_value_seed(seed)?;
                }
                Key::Sensor(i) => {
                    let (name, kind) = &self.layout.sensors[i];
                    let seed = CellSeed { name, wanted: Wanted::Value(*kind) };
                    self.row.sensors[i] = map.next_value_seed(seed)?;
                }
                Key::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                    self.row.unknown += 1;
                }
            }
            match self.reader.order.get_mut(at) {
                Some(known) => *known = key,
                // A message with endless keys must not make the order endless.
                None if at <= self.layout.sensors.len() + 16 => self.reader.order.push(key),
                None => {}
            }
            at += 1;
        }
        Ok(())
    }
}

struct KeySeed<'d> {
    reader: &'d JsonReader,
    layout: &'d Layout,
    at: usize,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Key;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
        Ok(self.reader.key(self.layout, name, self.at))
    }
}
