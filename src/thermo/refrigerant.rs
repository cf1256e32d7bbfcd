//! Which refrigerants there are, and where each keeps its table.

use std::fmt;
use std::sync::LazyLock;

use super::{Properties, table};

/// A refrigerant that Coldstream has properties of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // their names say it
pub enum Refrigerant {
    R134a,
    R404A,
    R410A,
    R32,
    R290,
    R600a,
    R717,
    R744,
    R448A,
    R449A,
    R407C,
    R507A,
    R513A,
    R1234yf,
    R1234zeE,
}

/// The table's text and what is made of it at its first use.
macro_rules! tables {
    ($($refrigerant:ident $file:literal),* $(,)?) => {
        impl Refrigerant {
            /// The properties. The first call for a refrigerant reads its table, which takes less than a millisecond.
            pub fn properties(self) -> &'static Properties {
                match self {
                    $(Self::$refrigerant => {
                        // A table that cannot be read answers nothing. It is part of the program, and a test reads them all.
                        static TABLE: LazyLock<Properties> = LazyLock::new(|| {
                            table::parse(include_str!(concat!("tables/", $file, ".txt"))).unwrap_or_default()
                        });
                        &TABLE
                    })*
                }
            }

            /// The text of the table.
            #[cfg(test)]
            pub(super) fn table(self) -> &'static str {
                match self {
                    $(Self::$refrigerant => include_str!(concat!("tables/", $file, ".txt")),)*
                }
            }
        }
    };
}

tables! {
    R134a "R134a", R404A "R404A", R410A "R410A", R32 "R32", R290 "R290", R600a "R600a", R717 "R717", R744 "R744",
    R448A "R448A", R449A "R449A", R407C "R407C", R507A "R507A", R513A "R513A", R1234yf "R1234yf",
    R1234zeE "R1234ze(E)",
}

impl Refrigerant {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::R134a,
        Self::R404A,
        Self::R410A,
        Self::R32,
        Self::R290,
        Self::R600a,
        Self::R717,
        Self::R744,
        Self::R448A,
        Self::R449A,
        Self::R407C,
        Self::R507A,
        Self::R513A,
        Self::R1234yf,
        Self::R1234zeE,
    ];

    /// The name of ASHRAE standard 34, such as `R134a` or `R1234ze(E)`.
    pub fn name(self) -> &'static str {
        match self {
            Self::R134a => "R134a",
            Self::R404A => "R404A",
            Self::R410A => "R410A",
            Self::R32 => "R32",
            Self::R290 => "R290",
            Self::R600a => "R600a",
            Self::R717 => "R717",
            Self::R744 => "R744",
            Self::R448A => "R448A",
            Self::R449A => "R449A",
            Self::R407C => "R407C",
            Self::R507A => "R507A",
            Self::R513A => "R513A",
            Self::R1234yf => "R1234yf",
            Self::R1234zeE => "R1234ze(E)",
        }
    }

    /// The refrigerant of a name as people write it: `R134a`, `R-134A`, `r 134a`, `HFO-1234ze(E)`, `NH3`, `propane`. `None` for
    /// any other.
    pub fn parse(text: &str) -> Option<Self> {
        // The usual case without looking at single letters.
        if let Some(exact) = Self::ALL.into_iter().find(|refrigerant| refrigerant.name() == text) {
            return Some(exact);
        }
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        let plain: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
        let number = ["hfc", "hfo", "hc", "r"].into_iter().find_map(|prefix| {
            plain.strip_prefix(prefix).filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        });
        Some(match number.unwrap_or(&plain) {
            "134a" => Self::R134a,
            "404a" => Self::R404A,
            "410a" => Self::R410A,
            "32" => Self::R32,
            "290" | "propane" => Self::R290,
            "600a" | "isobutane" => Self::R600a,
            "717" | "nh3" | "ammonia" => Self::R717,
            "744" | "co2" => Self::R744,
            "448a" => Self::R448A,
            "449a" => Self::R449A,
            "407c" => Self::R407C,
            "507" | "507a" => Self::R507A,
            "513a" => Self::R513A,
            "1234yf" => Self::R1234yf,
            "1234ze" | "1234zee" => Self::R1234zeE,
            _ => return None,
        })
    }
}

impl fmt::Display for Refrigerant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
