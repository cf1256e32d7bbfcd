//! What is known of a machine, as far as it is shown beside its state.

use arrow::array::{Array, AsArray, RecordBatch};

use super::super::proto;
use crate::machine::columns::KNOWN;
use crate::schema::MACHINE_ID;

/// What the table of machines says of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    /// Whether the file of machines knows it; if not, the rest are its defaults.
    pub(super) known: bool,
    site: String,
    name: String,
    refrigerant: String,
    application: String,
}

impl About {
    /// What rows of the table say, each with its machine.
    pub(super) fn of(rows: &RecordBatch) -> Vec<(String, Self)> {
        let text = |name: &str, row: usize| {
            let column = rows.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
            column.filter(|column| column.is_valid(row)).map_or("", |column| column.value(row)).to_string()
        };
        let known = rows.column_by_name(KNOWN).and_then(|column| column.as_boolean_opt());
        let about = |row| {
            let about = Self {
                known: known.is_some_and(|known| known.value(row)),
                site: text("site", row),
                name: text("name", row),
                refrigerant: text("refrigerant", row),
                application: text("application", row),
            };
            (text(MACHINE_ID, row), about)
        };
        (0..rows.num_rows()).map(about).collect()
    }
}

impl From<About> for proto::MachineAbout {
    fn from(about: About) -> Self {
        let About { known, site, name, refrigerant, application } = about;
        Self { known, site, name, refrigerant, application }
    }
}
