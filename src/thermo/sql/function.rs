//! A declared function as DataFusion calls it: whole columns in, a column out.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, StringBuilder};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::columns::{Numbers, Words};
use super::declare::{Body, Declaration, Kind};
use super::formula::atmosphere;
use super::mode::{Mode, Signs};
use super::{Reference, known_refrigerants};
use crate::thermo::{Line, Properties, Refrigerant};

/// A declared function.
#[derive(Debug)]
pub struct Function {
    declaration: &'static Declaration,
    signature: Signature,
}

/// Names are unique.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.declaration.name == other.declaration.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.declaration.name.hash(state);
    }
}

impl Function {
    /// The function of a declaration.
    pub fn new(declaration: &'static Declaration) -> Self {
        Self { declaration, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn is_text(&self) -> bool {
        matches!(self.declaration.body, Body::Mode)
    }

    /// The columns of arguments of one kind.
    fn words<'a>(&self, args: &'a [ArrayRef], kind: Kind) -> Option<&'a ArrayRef> {
        args.iter().zip(self.declaration.arguments).find(|(_, a)| a.kind == kind).map(|(arg, _)| arg)
    }

    fn numbers(&self, args: &[ArrayRef]) -> Result<Numbers> {
        let numbers = args.iter().zip(self.declaration.arguments).filter(|(_, a)| a.kind == Kind::Number);
        Numbers::of(numbers.map(|(arg, _)| arg))
    }

    fn of_numbers(
        &self,
        args: &[ArrayRef],
        rows: usize,
        formula: impl Fn(&[f64]) -> Option<f64>,
    ) -> Result<ArrayRef> {
        let numbers = self.numbers(args)?;
        let mut results = Float64Builder::with_capacity(rows);
        let mut row_numbers = Vec::with_capacity(args.len());
        for row in 0..rows {
            let known = numbers.all(row, &mut row_numbers);
            results.append_option(finite(known.then(|| formula(&row_numbers)).flatten()));
        }
        Ok(Arc::new(results.finish()))
    }

    fn of_fluid(
        &self,
        args: &[ArrayRef],
        rows: usize,
        formula: fn(&Properties, Line, &[f64]) -> Option<f64>,
    ) -> Result<ArrayRef> {
        let refrigerant = self.words(args, Kind::Refrigerant);
        let mut refrigerants =
            Words::of(refrigerant, |text| Refrigerant::parse(text).map(Refrigerant::properties))?;
        let mut lines =
            self.words(args, Kind::Line).map(|words| Words::of(Some(words), Line::parse)).transpose()?;
        let numbers = self.numbers(args)?;
        let mut results = Float64Builder::with_capacity(rows);
        let mut row_numbers = Vec::with_capacity(args.len());
        for row in 0..rows {
            let known = numbers.all(row, &mut row_numbers);
            let line = lines.as_mut().map_or(Some(Line::Dew), |lines| lines.get(row));
            let result = match (refrigerants.get(row), line) {
                (Some(properties), Some(line)) if known => formula(properties, line, &row_numbers),
                _ => None,
            };
            results.append_option(finite(result));
        }
        Ok(Arc::new(results.finish()))
    }

    /// The pressure of the air matters to a gauge only.
    fn absolute(&self, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let mut references = Words::of(self.words(args, Kind::Reference), Reference::parse)?;
        let numbers = self.numbers(args)?;
        let mut results = Float64Builder::with_capacity(rows);
        for row in 0..rows {
            let altitude = if numbers.count() > 1 { numbers.get(1, row) } else { Some(0.0) };
            let result = match (numbers.get(0, row), references.get(row)) {
                (Some(p), Some(Reference::Absolute)) => Some(p),
                (Some(p), Some(Reference::Gauge)) => altitude.and_then(atmosphere).map(|air| p + air),
                _ => None,
            };
            results.append_option(finite(result).filter(|p| *p > 0.0));
        }
        Ok(Arc::new(results.finish()))
    }

    fn mode(&self, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let mut reported = Words::of(self.words(args, Kind::Text), Mode::parse)?;
        let numbers = self.numbers(args)?;
        let mut results = StringBuilder::with_capacity(rows, 8 * rows);
        for row in 0..rows {
            let mode = reported.get(row).or_else(|| {
                let sign = |index| numbers.get(index, row);
                let signs = Signs {
                    current: sign(0),
                    power: sign(1),
                    high: sign(2),
                    low: sign(3),
                    coil: sign(4),
                    room: sign(5),
                };
                signs.mode()
            });
            results.append_option(mode.map(Mode::name));
        }
        Ok(Arc::new(results.finish()))
    }
}

/// A number that is none (an overflow of absurd arguments) is not known.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.declaration.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let declared = self.declaration;
        if types.len() < declared.required() || types.len() > declared.arguments.len() {
            return plan_err!("{}() is called as {}", declared.name, declared.signature());
        }
        let coerced = types.iter().zip(declared.arguments).map(|(of, argument)| {
            let number = argument.kind == Kind::Number;
            match of {
                DataType::Null if number => Ok(DataType::Float64),
                DataType::Null => Ok(DataType::Utf8),
                of if number && of.is_numeric() => Ok(DataType::Float64),
                of if !number && is_text(of) => Ok(DataType::Utf8),
                other => {
                    let wants = if number { "a number" } else { "a text" };
                    let (name, unit) = (argument.name, argument.unit);
                    plan_err!("{}(): {name} is {wants} ({unit}), not {other}", declared.name)
                }
            }
        });
        coerced.collect()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(if self.is_text() { DataType::Utf8 } else { DataType::Float64 })
    }

    /// A constant that is wrong is wrong for every row, so the query does not run.
    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        for (value, argument) in args.scalar_arguments.iter().zip(self.declaration.arguments) {
            let Some(text) = value.and_then(|value| value.try_as_str().flatten()) else { continue };
            let name = self.declaration.name;
            match argument.kind {
                Kind::Refrigerant if Refrigerant::parse(text).is_none() => {
                    return plan_err!(
                        "{name}(): unknown refrigerant `{text}`; known: {}",
                        known_refrigerants().join(", ")
                    );
                }
                Kind::Line if Line::parse(text).is_none() => {
                    return plan_err!("{name}(): the line is 'dew' or 'bubble', not `{text}`");
                }
                Kind::Reference if Reference::parse(text).is_none() => {
                    return plan_err!("{name}(): a pressure is 'absolute' or 'gauge', not `{text}`");
                }
                _ => {}
            }
        }
        let of = self.return_type(&[])?;
        Ok(Arc::new(Field::new(self.name(), of, true)))
    }

    fn is_strict(&self) -> bool {
        !matches!(self.declaration.body, Body::Mode | Body::Absolute)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // Constants stay one row long: there is no need to unfold them, nor to compute with them more than once.
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let short = |arg: &ColumnarValue| match arg {
            ColumnarValue::Scalar(value) => value.to_array(),
            ColumnarValue::Array(array) => Ok(Arc::clone(array)),
        };
        let arrays = args.args.iter().map(short).collect::<Result<Vec<_>>>()?;
        let result = match self.declaration.body {
            Body::Numbers(formula) => self.of_numbers(&arrays, rows, formula)?,
            Body::Fluid(formula) => self.of_fluid(&arrays, rows, formula)?,
            Body::Absolute => self.absolute(&arrays, rows)?,
            Body::Mode => self.mode(&arrays, rows)?,
        };
        if constant {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

fn is_text(of: &DataType) -> bool {
    match of {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}
