//! What is known of the machines: the file, and those that have sent readings without being in it.

use std::collections::BTreeSet;

use super::Finding;
use crate::config::MachinesConfig;
use crate::machine::Machines;

/// How many machines are named one by one.
const NAMED: usize = 5;

/// Reads the file and compares it with the machines that the archive has met.
pub(super) fn judge(config: &MachinesConfig, met: Option<&BTreeSet<String>>) -> Finding {
    let Some(path) = config.file.as_deref() else {
        return Finding::ok("machines", "no file of machines: every machine has defaults");
    };
    let machines = match Machines::load(path) {
        Ok(machines) => machines,
        Err(error) => return Finding::failure("machines", &error, error.hint()),
    };
    let said = format!("{}: {} machines", path.display(), machines.len());
    let unknown: Vec<&str> =
        met.into_iter().flatten().map(String::as_str).filter(|id| !machines.machine(id).1).collect();
    if unknown.is_empty() {
        return Finding::ok("machines", said);
    }
    let mut names = unknown.iter().take(NAMED).map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    if unknown.len() > NAMED {
        names.push_str(", …");
    }
    let cure = "add them as [[machines]]; until then they have [defaults], and what needs their refrigerant or ratings is NULL";
    let seen = format!("{said}; {} that have sent readings are not in it: {names}", unknown.len());
    Finding::warning("machines", seen, Some(cure.into()))
}
