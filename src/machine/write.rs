//! Machines as the text of a `machines.toml`.

use std::fmt::Write;

use super::quantity::{Quantity, TABLES};
use super::{Machine, Machines};

impl Machines {
    /// The text of a file that says the same.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        if self.defaults != Machine::default() {
            text.push_str("[defaults]\n");
            write_machine(&mut text, &self.defaults);
            text.push('\n');
        }
        for (id, machine) in &self.entries {
            text.push_str("[[machines]]\n");
            line(&mut text, "id", &quoted(id));
            write_machine(&mut text, machine);
            text.push('\n');
        }
        text
    }
}

fn write_machine(text: &mut String, machine: &Machine) {
    let texts = [
        ("site", machine.site.as_deref()),
        ("name", machine.name.as_deref()),
        ("refrigerant", machine.refrigerant.map(|refrigerant| refrigerant.name())),
        ("pressure_reference", machine.pressure_reference.map(|reference| reference.name())),
        ("application", machine.application.map(|application| application.name())),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            line(text, key, &quoted(value));
        }
    }
    let given = |table: &'static str| {
        let quantities = Quantity::ALL.into_iter().filter(move |quantity| quantity.spec().table == table);
        quantities.filter_map(|quantity| Some((quantity.spec().key, machine.get(quantity)?)))
    };
    for (key, value) in given("") {
        line(text, key, &format!("{value:?}"));
    }
    for table in TABLES {
        let pairs: Vec<String> = given(table).map(|(key, value)| format!("{key} = {value:?}")).collect();
        if !pairs.is_empty() {
            line(text, table, &format!("{{ {} }}", pairs.join(", ")));
        }
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    // Writing to a text cannot fail.
    let written = writeln!(text, "{key} = {value}");
    debug_assert!(written.is_ok());
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}
