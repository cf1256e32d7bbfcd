//! What a SQL function says of itself: its arguments, units, range, source and examples, once for the planner and the page.

use crate::thermo::{Line, Properties};

/// One SQL function.
#[derive(Debug)]
pub struct Declaration {
    /// Name in SQL.
    pub name: &'static str,
    /// What it is about: a heading of the page.
    pub topic: Topic,
    /// Its arguments in order; the optional ones are last.
    pub arguments: &'static [Argument],
    /// Unit of the result, or what the text is.
    pub result: &'static str,
    /// What it gives: a sentence or two.
    pub summary: &'static str,
    /// Where it has an answer; outside it is NULL.
    pub range: &'static str,
    /// Where the physics comes from.
    pub source: &'static str,
    /// Calls and what they give; a test runs them.
    pub examples: &'static [Example],
    /// How it is computed.
    pub body: Body,
}

/// The headings of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Pressures.
    Pressure,
    /// Properties of refrigerants.
    Properties,
    /// The cycle and the compressor.
    Cycle,
    /// What a machine is doing.
    Mode,
}

impl Topic {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Pressure, Self::Properties, Self::Cycle, Self::Mode];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Pressure => "Pressures",
            Self::Properties => "Properties of refrigerants",
            Self::Cycle => "Cycle and compressor",
            Self::Mode => "Operating mode",
        }
    }
}

/// One argument.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    /// Its name on the page and in messages.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Unit, or a word on what it is.
    pub unit: &'static str,
    /// What an optional argument is when it is left out, as the page writes it.
    pub otherwise: Option<&'static str>,
}

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number of any type; it is computed with in double precision.
    Number,
    /// The name of a refrigerant.
    Refrigerant,
    /// `'dew'` or `'bubble'`.
    Line,
    /// `'absolute'` or `'gauge'`.
    Reference,
    /// Any text.
    Text,
}

/// A call and its result.
#[derive(Debug)]
pub struct Example {
    /// The call.
    pub call: &'static str,
    /// What it gives: a number rounded to the digits that are written, a text in quotes, or NULL.
    pub gives: &'static str,
}

/// Numbers that a formula takes, in the order of the arguments, all known and finite.
pub type Numbers<'a> = &'a [f64];

/// How a function is computed, row by row. A row in which an argument is NULL, or no number, gives NULL.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// From numbers alone.
    Numbers(fn(Numbers<'_>) -> Option<f64>),
    /// From the properties of a refrigerant, one of its two saturation lines, and numbers.
    Fluid(fn(&Properties, Line, Numbers<'_>) -> Option<f64>),
    /// `to_absolute`.
    Absolute,
    /// `operating_mode`, which is there to make something of what is missing.
    Mode,
}

impl Declaration {
    /// How it is called: `t_sat(refrigerant, p[, line])`.
    pub fn signature(&self) -> String {
        let mut text = format!("{}(", self.name);
        for (i, argument) in self.arguments.iter().enumerate() {
            if argument.otherwise.is_some() {
                text.push('[');
            }
            if i > 0 {
                text.push_str(", ");
            }
            text.push_str(argument.name);
        }
        text.push(')');
        let optional = self.arguments.iter().filter(|a| a.otherwise.is_some()).count();
        text.insert_str(text.len() - 1, &"]".repeat(optional));
        text
    }

    /// How many arguments must be there.
    pub fn required(&self) -> usize {
        self.arguments.iter().filter(|a| a.otherwise.is_none()).count()
    }
}

/// A number.
pub const fn number(name: &'static str, unit: &'static str) -> Argument {
    Argument { name, kind: Kind::Number, unit, otherwise: None }
}

/// A number that may be left out.
pub const fn optional(name: &'static str, unit: &'static str, otherwise: &'static str) -> Argument {
    Argument { name, kind: Kind::Number, unit, otherwise: Some(otherwise) }
}

/// The refrigerant.
pub const REFRIGERANT: Argument =
    Argument { name: "refrigerant", kind: Kind::Refrigerant, unit: "name", otherwise: None };

/// One of the two saturation lines.
pub const LINE: Argument =
    Argument { name: "line", kind: Kind::Line, unit: "`'dew'` or `'bubble'`", otherwise: Some("`'dew'`") };
