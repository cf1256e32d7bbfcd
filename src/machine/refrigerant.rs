//! Refrigerants by name, as far as limits need them.

/// Name, and the highest condensing temperature (°C, dew) of usual components: about 0.9 of the pressure for which they are
/// built (PS), or what the compressor's envelope allows where that is less.
const KNOWN: [(&str, f64); 15] = [
    ("R134a", 65.0),
    ("R404A", 55.0),
    ("R410A", 58.0),
    ("R32", 58.0),
    ("R290", 60.0),
    ("R600a", 65.0),
    ("R717", 50.0),
    ("R744", 25.0),
    ("R448A", 57.0),
    ("R449A", 57.0),
    ("R407C", 60.0),
    ("R507A", 55.0),
    ("R513A", 65.0),
    ("R1234yf", 65.0),
    ("R1234ze(E)", 70.0),
];

/// The name that the tables use.
pub(super) fn canonical(text: &str) -> Option<&'static str> {
    let plain = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let wanted = plain(text);
    KNOWN.iter().map(|(name, _)| *name).find(|name| plain(name) == wanted)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, _)| *name)
}

/// Highest condensing temperature, °C.
pub(super) fn condensing_max(name: &str) -> Option<f64> {
    KNOWN.iter().find(|(known, _)| *known == name).map(|(_, t)| *t)
}

/// Saturation pressure of the vapour, bar absolute, at `t` °C.
pub(super) fn p_sat(_name: &str, _t: f64) -> Option<f64> {
    None
}
