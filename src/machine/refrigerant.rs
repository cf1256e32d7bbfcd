//! What limits need of refrigerants.

use crate::thermo::{Line, Refrigerant};

/// The highest condensing temperature (°C, dew) of usual components: about 0.9 of the pressure for which they are built
/// (PS), or what the compressor's envelope allows where that is less.
pub(super) fn condensing_max(refrigerant: Refrigerant) -> f64 {
    use Refrigerant::*;
    match refrigerant {
        R1234zeE => 70.0,
        R134a | R513A | R1234yf | R600a => 65.0,
        R290 | R407C => 60.0,
        R32 | R410A => 58.0,
        R448A | R449A => 57.0,
        R404A | R507A => 55.0,
        R717 => 50.0,
        R744 => 25.0,
    }
}

/// The lowest (°C, dew): below it there is too little pressure for an expansion valve.
pub(super) fn condensing_min(refrigerant: Refrigerant) -> f64 {
    if refrigerant == Refrigerant::R744 { -15.0 } else { 15.0 }
}

/// The highest discharge temperature, °C: beyond it oil breaks down. Ammonia is hotter at the same work.
pub(super) fn discharge_max(refrigerant: Option<Refrigerant>) -> f64 {
    if refrigerant == Some(Refrigerant::R717) { 150.0 } else { 110.0 }
}

/// Saturation pressure of the vapour, bar absolute, at `t` °C; `None` outside the property table.
pub(super) fn p_sat(refrigerant: Refrigerant, t: f64) -> Option<f64> {
    refrigerant.properties().p_sat(t, Line::Dew)
}

/// All names.
pub(super) fn names() -> String {
    Refrigerant::ALL.map(Refrigerant::name).join(", ")
}
