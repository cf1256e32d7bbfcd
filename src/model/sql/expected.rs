//! `expected` and `expected_error` of one baseline, over the machine and its conditions as arguments.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use crate::model::baseline::Expectation;

#[derive(Debug)]
pub(super) struct BoundExpected {
    /// `expected[name@version]`: two baselines over the same columns stay two expressions, in plans and by name.
    name: String,
    baseline: Arc<Expectation>,
    /// Whether the size of a usual deviation is asked for, and not the expectation.
    error: bool,
    signature: Signature,
}

impl BoundExpected {
    pub(super) fn new(baseline: Arc<Expectation>, error: bool) -> Self {
        let mut arguments = vec![DataType::Utf8];
        if !error {
            arguments.extend(vec![DataType::Float64; baseline.conditions().len()]);
        }
        let function = if error { "expected_error" } else { "expected" };
        Self {
            name: format!("{function}[{}@{}]", baseline.name(), baseline.version()),
            baseline,
            error,
            signature: Signature::exact(arguments, Volatility::Immutable),
        }
    }
}

/// The name holds the version, and the version stands for everything that influences an expectation.
impl PartialEq for BoundExpected {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for BoundExpected {}

impl Hash for BoundExpected {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for BoundExpected {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays =
            args.args.iter().map(|arg| arg.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let Some((machines, conditions)) = arrays.split_first() else {
            return Err(DataFusionError::Internal(format!("{} without its machine", self.name)));
        };
        let machines = machines.as_string::<i32>();
        let values = if self.error {
            self.baseline.error(machines)
        } else {
            let columns: Vec<_> =
                conditions.iter().map(|array| array.as_primitive::<Float64Type>()).collect();
            self.baseline.expected(machines, &columns)
        };
        Ok(ColumnarValue::Array(Arc::new(values)))
    }
}
