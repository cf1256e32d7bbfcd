use std::sync::Arc;

use arrow::array::{Array, ArrayRef, DictionaryArray, Float64Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};

use super::*;

const NAMES: [Option<&str>; 6] =
    [Some("R134a"), Some("R134a"), None, Some("R-744"), Some("R22"), Some("R1234ze(E)")];

/// The names in every kind of column that may hold them.
fn columns(names: Vec<Option<&str>>) -> Vec<ArrayRef> {
    let plain: ArrayRef = Arc::new(StringArray::from(names.clone()));
    let dictionary: DictionaryArray<Int32Type> = names.into_iter().collect();
    let mut all = vec![plain.clone(), Arc::new(dictionary) as ArrayRef];
    all.extend([DataType::LargeUtf8, DataType::Utf8View].iter().map(|kind| cast(&plain, kind).unwrap()));
    all
}

#[test]
fn names_are_read_from_every_kind_of_text() {
    use Refrigerant::{R134a, R744, R1234zeE};
    let each = Refrigerants::Each(vec![Some(R134a), Some(R134a), None, Some(R744), None, Some(R1234zeE)]);
    for column in columns(NAMES.to_vec()) {
        assert_eq!(Refrigerants::of(&column).unwrap(), each, "{}", column.data_type());
    }
    for column in columns(vec![Some("R744"); 3]) {
        assert_eq!(Refrigerants::of(&column).unwrap(), Refrigerants::One(R744), "{}", column.data_type());
    }
    // One value in the dictionary, and a row without it.
    for column in columns(vec![Some("R744"), None]) {
        assert_eq!(Refrigerants::of(&column).unwrap(), Refrigerants::Each(vec![Some(R744), None]));
    }
    for column in columns(vec![None; 2]) {
        assert_eq!(Refrigerants::of(&column).unwrap(), Refrigerants::Each(vec![None; 2]));
    }
    for column in columns(vec![]) {
        assert_eq!(Refrigerants::of(&column).unwrap(), Refrigerants::Each(vec![]));
    }
    let error = Refrigerants::of(&Int64Array::from(vec![134])).unwrap_err().to_string();
    assert!(error.contains("not Int64") && error.contains("'R134a'"), "{error}");
}

#[test]
fn a_column_has_the_values_of_single_calls_and_null_for_everything_else() {
    let names: StringArray = NAMES.into_iter().collect();
    let fluids = Refrigerants::of(&names).unwrap();
    let p = Float64Array::from(vec![Some(2.0), None, Some(2.0), Some(20.0), Some(2.0), Some(900.0)]);
    let found = t_sat(&fluids, &p, Line::Dew);
    let expected = [
        Refrigerant::R134a.properties().t_sat(2.0, Line::Dew),
        None,
        None,
        Refrigerant::R744.properties().t_sat(20.0, Line::Dew),
        None,
        None,
    ];
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    assert!(expected[0].is_some() && expected[3].is_some());

    let fluid = Refrigerant::R290.properties();
    let fluids = Refrigerants::One(Refrigerant::R290);
    // A slice, so that values and NULLs begin elsewhere than their buffers.
    let p1 = Float64Array::from(vec![None, Some(3.0), None, Some(3.0), Some(f64::NAN)]).slice(1, 4);
    let t1 = Float64Array::from(vec![Some(5.0), Some(5.0), Some(-60.0), Some(5.0)]);
    let p2 = Float64Array::from(vec![12.0; 4]);
    let h2s = isentropic_enthalpy(&fluids, &p1, &t1, &p2);
    let expected = fluid.isentropic_enthalpy(3.0, 5.0, 12.0);
    assert_eq!(h2s.iter().collect::<Vec<_>>(), [expected, None, None, None]);
    assert!(expected.is_some());
    assert_eq!(
        vapour_temperature(&fluids, &p2, &h2s).iter().next().unwrap(),
        fluid.vapour_temperature(12.0, expected.unwrap())
    );
    assert_eq!(p_sat(&fluids, &t1, Line::Bubble).value(0), fluid.p_sat(5.0, Line::Bubble).unwrap());
    assert_eq!(liquid_enthalpy(&fluids, &t1).value(0), fluid.liquid_enthalpy(5.0).unwrap());
    assert_eq!(
        vapour(&fluids, Quantity::Density, &p1, &t1).value(0),
        fluid.vapour_density(3.0, 5.0).unwrap()
    );
}
