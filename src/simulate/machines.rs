//! The `machines.toml` of a simulated fleet: what its owner would know of it.

use std::fmt::Write;

use super::design::Build;
use super::fleet::Fleet;

/// Machines of one site.
const ON_SITE: u32 = 10;
/// Price of a kilowatt-hour.
const PRICE: f64 = 0.22;

impl Fleet {
    /// The text of a `machines.toml` with every machine of the fleet.
    pub fn machines_toml(&self) -> String {
        let mut text = String::from("# The machines of a simulated fleet.\n");
        for (machine, build) in self.builds() {
            // Writing to a text cannot fail.
            let written = entry(&mut text, machine, build);
            debug_assert!(written.is_ok());
        }
        text
    }
}

fn entry(text: &mut String, machine: u32, build: &Build) -> std::fmt::Result {
    let reference = if build.gauge { "gauge" } else { "absolute" };
    let (current, power) = build.rated;
    writeln!(text, "\n[[machines]]\nid = {machine}")?;
    writeln!(text, "site = \"site-{}\"", (machine - 1) / ON_SITE + 1)?;
    writeln!(text, "name = \"Cold room {machine}\"")?;
    writeln!(text, "refrigerant = \"{}\"", build.refrigerant.name())?;
    writeln!(text, "pressure_reference = \"{reference}\"")?;
    writeln!(text, "application = \"{}\"", build.application.name())?;
    writeln!(text, "altitude = {:.1}", build.altitude)?;
    // From m³/s to m³/h.
    writeln!(text, "displacement = {:.3}", build.unit.displacement * 3_600.0)?;
    writeln!(text, "rated_current = {current:.2}\nrated_power = {power:.2}")?;
    writeln!(text, "electricity_price = {PRICE}")?;
    let (room, superheat) = (build.set_point, build.unit.superheat);
    writeln!(text, "setpoints = {{ room = {room:.1}, superheat = {superheat:.1} }}")
}
