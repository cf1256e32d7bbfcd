use arrow::array::{Array, AsArray};
use arrow::datatypes::Float64Type;

use crate::machine::quantity::Quantity as Q;
use crate::machine::{Application, Machine, MachineError, Machines, PressureReference, columns};
use crate::thermo::Refrigerant;

const FILE: &str = r#"
# The plant in the harbour.
[defaults]
site = "Harbour"
pressure_reference = "gauge"
altitude = 12
electricity_price = 0.21

[[machines]]
id = 7
name = "Cold store 2"
refrigerant = "R-449a"
application = "low"
rated_current = 14
setpoints = { room = -20, superheat = 7.5 }
limits = { condensing_max = 50, pressure_low_min = 0.2 }

[[machines]]
id = "rack-1"
site = "Depot"
altitude = 0x10

[machines.limits]
discharge_max = 120.5
"#;

#[test]
fn a_machine_has_what_it_says_and_else_the_defaults() {
    let machines = Machines::parse(FILE, "machines.toml").unwrap();
    assert_eq!(machines.len(), 2);
    let (seven, known) = machines.machine("7");
    assert!(known);
    assert_eq!((seven.site.as_deref(), seven.name.as_deref()), (Some("Harbour"), Some("Cold store 2")));
    assert_eq!(seven.refrigerant, Some(Refrigerant::R449A));
    assert_eq!(seven.pressure_reference, Some(PressureReference::Gauge));
    assert_eq!(seven.application, Some(Application::Low));
    assert_eq!(seven.get(Q::Altitude), Some(12.0));
    assert_eq!(seven.get(Q::SetpointRoom), Some(-20.0));
    assert_eq!(seven.get(Q::RatedPower), None);
    let (rack, known) = machines.machine("rack-1");
    assert!(known);
    assert_eq!((rack.site.as_deref(), rack.get(Q::Altitude)), (Some("Depot"), Some(16.0)));
    assert_eq!(rack.get(Q::DischargeMax), Some(120.5));
    let (other, known) = machines.machine("8");
    assert!(!known);
    assert_eq!((other.site.as_deref(), other.refrigerant), (Some("Harbour"), None));
    assert_eq!(other.get(Q::ElectricityPrice), Some(0.21));
}

/// The columns hold what the machine has, in the order of the ids asked for.
#[test]
fn rows_have_a_column_for_everything() {
    let machines = Machines::parse(FILE, "machines.toml").unwrap();
    let rows = machines.rows(&["8", "7"]).unwrap();
    let text = |name: &str| rows.column_by_name(name).unwrap().as_string::<i32>().clone();
    assert_eq!(text("machine_id").iter().collect::<Vec<_>>(), [Some("8"), Some("7")]);
    assert_eq!(text("refrigerant").iter().collect::<Vec<_>>(), [None, Some("R449A")]);
    assert_eq!(text("application").iter().collect::<Vec<_>>(), [None, Some("low")]);
    for quantity in Q::ALL {
        let column = rows.column_by_name(quantity.spec().column).unwrap().as_primitive::<Float64Type>();
        let value = column.is_valid(1).then(|| column.value(1));
        assert_eq!(value, machines.machine("7").0.get(quantity), "{}", quantity.spec().column);
    }
    assert_eq!(rows.schema(), columns::schema());
}

#[test]
fn what_is_written_is_read_as_the_same() {
    let machines = Machines::parse(FILE, "machines.toml").unwrap();
    assert_eq!(Machines::parse(&machines.to_toml(), "again").unwrap(), machines);
    let odd = Machine {
        name: Some("\"quotes\"\nand = more # of it".into()),
        pressure_reference: Some(PressureReference::Absolute),
        ..Machine::default()
    };
    let odd = odd.with(Q::RoomMax, 1e-7).with(Q::RatedCurrent, 12.0);
    let machines = Machines::new(Machine::default(), vec![("äöü \\".into(), odd)]).unwrap();
    assert_eq!(Machines::parse(&machines.to_toml(), "again").unwrap(), machines);
    assert_eq!(Machines::parse("", "empty").unwrap(), Machines::default());
}

/// Message, hint.
fn refused(text: &str) -> (String, String) {
    let error = Machines::parse(text, "m.toml").expect_err(text);
    (error.to_string(), error.hint().unwrap_or_default())
}

#[test]
fn a_wrong_key_is_named_with_line_and_machine() {
    let cases = [
        (
            "[[machines]]\nid = 1\nrefrigerant = \"R999\"",
            "m.toml:3: machine `1`: refrigerant: `R999`",
            "R134a, R404A",
        ),
        ("[[machines]]\nrefrigerant = \"R32\"", "m.toml:1: id: it is missing", "id = 7"),
        (
            "[[machines]]\nid = 1\ncolour = 3",
            "m.toml:3: machine `1`: colour: there is no such key",
            "rated_current",
        ),
        (
            "[[machines]]\nid = 1\nroom_max = 3",
            "m.toml:3: machine `1`: room_max: there is no",
            "limits = { room_max = … }",
        ),
        (
            "[[machines]]\nid = 1\nlimits = { rated_current = 3 }",
            "m.toml:3: machine `1`: limits.rated_current: there is no",
            "in the machine's entry itself",
        ),
        (
            "[[machines]]\nid = \"a\"\naltitude = \"high\"",
            "m.toml:3: machine `a`: altitude: it is a string, not",
            "m",
        ),
        (
            "[[machines]]\nid = \"a\"\naltitude = 9999",
            "m.toml:3: machine `a`: altitude: 9999 m cannot be",
            "-500 to 6000",
        ),
        (
            "[[machines]]\nid = \"a\"\nrated_current = nan",
            "m.toml:3: machine `a`: rated_current: NaN A cannot",
            "5000",
        ),
        (
            "[[machines]]\nid = 1\n[[machines]]\nid = 2\n[[machines]]\nid = \"1\"",
            "m.toml:5: machine `1`: id: the id is there",
            "one entry",
        ),
        ("[[machines]]\nid = true", "m.toml:2: id: it is a boolean", "id = 7"),
        (
            "[[machines]]\nid = 1\napplication = \"cold\"",
            "m.toml:3: machine `1`: application: `cold` cannot",
            "\"medium\"",
        ),
        (
            "[[machines]]\nid = 1\nsetpoints = 3",
            "m.toml:3: machine `1`: setpoints.: it is an integer",
            "key = value",
        ),
        (
            "[[machines]]\nid = 1\nlimits = { room_min = 5, room_max = 4 }",
            "m.toml:1: machine `1`: limits.room_min: ",
            "below",
        ),
        ("[machine]\nid = 1", "m.toml:1: machine: there is no such key", "[[machines]]"),
        ("[defaults]\nid = 1", "m.toml:2: defaults.id: there is no such key", ""),
        ("machines = 3", "m.toml:1: machines: it is an integer", "[[machines]]"),
        ("[[machines]]\nid = ", "m.toml:2: ", "TOML"),
    ];
    for (text, message, hint) in cases {
        let (found, told) = refused(text);
        assert!(found.starts_with(message), "{text}\n{found}");
        assert!(told.contains(hint), "{text}\n{told}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Machines::load(std::path::Path::new("no/such/machines.toml")).unwrap_err();
    assert!(matches!(error, MachineError::Read { .. }));
    assert!(error.to_string().contains("no/such/machines.toml"));
    assert!(error.hint().is_some());
}
