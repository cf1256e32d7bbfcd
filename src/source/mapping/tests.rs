use std::path::Path;

use serde_json::{Value, json};

use super::*;

const HEAD: &str = "[timestamp]\ncolumn = \"t\"\n[machine_id]\nvalue = \"m\"\n";

fn headers(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// One row of texts through a map.
fn convert(map: &str, names: &[&str], row: &[&str]) -> Result<(String, Value), RowError> {
    let cells: Vec<Cell<'_>> = row.iter().map(|text| Cell::Text(text)).collect();
    convert_cells(map, names, &cells)
}

fn convert_cells(map: &str, names: &[&str], cells: &[Cell<'_>]) -> Result<(String, Value), RowError> {
    let mapping = Mapping::parse(map).unwrap();
    let binding = mapping.bind(&headers(names)).unwrap();
    let (mut key, mut json) = (String::new(), Vec::new());
    binding.write(cells, &mut key, &mut json)?;
    Ok((key, serde_json::from_slice(&json).unwrap()))
}

fn time(format: &str, text: &str) -> Option<Value> {
    let map = format!("[timestamp]\ncolumn = \"t\"\n{format}\n[machine_id]\nvalue = \"m\"\n");
    convert(&map, &["t"], &[text]).ok().map(|(_, reading)| reading["timestamp"].clone())
}

#[test]
fn a_row_becomes_a_reading_in_its_units() {
    let map = r#"
        [timestamp]
        column = "time"
        format = "%d.%m.%Y %H:%M:%S"
        offset = "+02:00"
        [machine_id]
        column = "unit"
        [columns.pressure_low]
        from = "suction"
        offset = 1.01325
        unit = "bar"
        [columns.power]
        from = "watts"
        scale = -0.001
        min = 0.0
        [columns.operating_mode]
        from = "defrost"
        values = { "0" = "cooling", "1" = "defrost" }
        [columns.door_open]
        from = "door"
        type = "boolean"
        [columns.starts]
        from = "starts"
        type = "int64"
        [constants]
        fan_speed = 50
        site = "Nantes \"Sud\""
    "#;
    let names = ["unit", "time", "suction", "watts", "defrost", "door", "starts", "other"];
    let row = ["case \"7\"", "15.01.2024 10:30:00", "1.5", "-2400", "1", "yes", "12", "?"];
    let (key, reading) = convert(map, &names, &row).unwrap();
    assert_eq!(key, "case \"7\"");
    assert_eq!(
        reading,
        json!({
            "timestamp": "2024-01-15T08:30:00Z", "machine_id": "case \"7\"", "pressure_low": 1.5 + 1.01325,
            "power": 2.4, "operating_mode": "defrost", "door_open": true, "starts": 12, "fan_speed": 50,
            "site": "Nantes \"Sud\"",
        })
    );
}

#[test]
fn missing_and_impossible_values_are_left_out() {
    let map = format!("{HEAD}[columns.power]\nfrom = \"p\"\nmin = 0.0\nmax = 10.0\n");
    let power = |text: &str| {
        convert(&map, &["t", "p"], &["0", text]).map(|(_, reading)| reading.get("power").cloned())
    };
    assert_eq!(power("0").unwrap(), Some(json!(0.0)));
    assert_eq!(power(" 10.0 ").unwrap(), Some(json!(10.0)));
    for text in ["", "  ", "NaN", "null", "NA", "n/a", "-0.1", "10.1", "inf", "1e400"] {
        assert_eq!(power(text).unwrap(), None, "{text}");
    }
    let error = power("abc").unwrap_err();
    assert_eq!(error.to_string(), "column `p`: `abc` is not a number");
}

#[test]
fn timestamps_are_read_in_every_format() {
    let utc = |text: &str| Some(json!(text));
    for (format, text, expected) in [
        ("", "2024-01-15T10:30:00Z", "2024-01-15T10:30:00Z"),
        ("", "2024-01-15T10:30:00+01:00", "2024-01-15T09:30:00Z"),
        ("", "2024-01-15 10:30:00.25", "2024-01-15T10:30:00.250000Z"),
        ("", "1705314600000", "2024-01-15T10:30:00Z"),
        ("offset = \"-05:30\"", "2024-01-15T10:30:00", "2024-01-15T16:00:00Z"),
        ("format = \"rfc3339\"", "2024-01-15T10:30:00", "2024-01-15T10:30:00Z"),
        ("format = \"epoch_s\"", "1705314600.5", "2024-01-15T10:30:00.500000Z"),
        ("format = \"epoch_ms\"", "1705314600001", "2024-01-15T10:30:00.001000Z"),
        ("format = \"%d/%m/%y %H:%M\"", "24/06/21 16:45", "2021-06-24T16:45:00Z"),
        ("format = \"%Y-%m-%d\"", "2021-06-24", "2021-06-24T00:00:00Z"),
        ("format = \"%Y-%m-%d %H:%M %z\"", "2021-06-24 16:45 +0200", "2021-06-24T14:45:00Z"),
    ] {
        assert_eq!(time(format, text), utc(expected), "{format} {text}");
    }
    for (format, text) in [
        ("", ""),
        ("", "yesterday"),
        ("", "2024-13-01T00:00:00Z"),
        ("", "99999999999999999"),
        ("format = \"rfc3339\"", "1705314600000"),
        ("format = \"epoch_s\"", "2024-01-15T10:30:00Z"),
        ("format = \"%d/%m/%y %H:%M\"", "24/13/21 16:45"),
    ] {
        assert_eq!(time(format, text), None, "{format} {text}");
    }
}

#[test]
fn typed_cells_need_no_text() {
    let map = format!("{HEAD}[columns.power]\nfrom = \"p\"\n[columns.operating_mode]\nfrom = \"p\"\n");
    let (_, reading) = convert_cells(&map, &["t", "p"], &[Cell::Time(1_500_000), Cell::Int(3)]).unwrap();
    assert_eq!(reading["timestamp"], "1970-01-01T00:00:01.500000Z");
    assert_eq!((&reading["power"], &reading["operating_mode"]), (&json!(3.0), &json!("3")));
    let zoned = HEAD.replace("column = \"t\"", "column = \"t\"\noffset = \"+01:00\"");
    let (_, reading) = convert_cells(&zoned, &["t"], &[Cell::LocalTime(3_600_000_000)]).unwrap();
    assert_eq!(reading["timestamp"], "1970-01-01T00:00:00Z");
    let (_, reading) = convert_cells(&zoned, &["t"], &[Cell::Time(3_600_000_000)]).unwrap();
    assert_eq!(reading["timestamp"], "1970-01-01T01:00:00Z");
}

#[test]
fn decimal_commas_are_read_where_declared() {
    let map =
        format!("{HEAD}[columns.power]\nfrom = \"p\"\n[csv]\ndelimiter = \";\"\ndecimal_comma = true\n");
    assert_eq!(Mapping::parse(&map).unwrap().delimiter(), b';');
    assert_eq!(convert(&map, &["t", "p"], &["0", "2,5"]).unwrap().1["power"], json!(2.5));
}

#[test]
fn rows_of_another_width_or_without_machine_are_refused() {
    let map = "[timestamp]\ncolumn = \"t\"\n[machine_id]\ncolumn = \"m\"\n";
    let error = convert(map, &["t", "m"], &["0"]).unwrap_err();
    assert_eq!(error, RowError::Fields { found: 1, wanted: 2 });
    let error = convert(map, &["t", "m"], &["0", " "]).unwrap_err();
    assert!(error.to_string().contains("column `m`"), "{error}");
}

#[test]
fn a_text_outside_of_the_values_is_refused() {
    let map = format!("{HEAD}[columns.operating_mode]\nfrom = \"d\"\nvalues = {{ \"0\" = \"off\" }}\n");
    assert_eq!(convert(&map, &["t", "d"], &["0", "0"]).unwrap().1["operating_mode"], "off");
    assert!(convert(&map, &["t", "d"], &["0", "2"]).unwrap_err().to_string().contains("`2`"));
}

#[test]
fn mistakes_in_a_map_are_named() {
    for (map, mention) in [
        ("", "missing field `timestamp`"),
        (
            "[timestamp]\ncolumn = \"t\"\nzone = 1\n[machine_id]\nvalue = \"m\"\n",
            "line 3: unknown field `zone`",
        ),
        ("[timestamp]\ncolumn = 3\n", "line 2: invalid type"),
        ("[timestamp]\ncolumn = \"t\"\n[machine_id]\n", "`machine_id`: give either `value` or `column`"),
        (&format!("{HEAD}[columns.power]\nscale = 2.0\n"), "missing field `from`"),
        (&format!("{HEAD}[columns.powr]\nfrom = \"p\"\n"), "`columns.powr`: is not a built-in column"),
        (&format!("{HEAD}[columns.Bad]\nfrom = \"p\"\ntype = \"text\"\n"), "`columns.Bad`"),
        (
            &format!("{HEAD}[columns.power]\nfrom = \"p\"\nunit = \"W\"\n"),
            "the reading's unit is `kW`, not `W`",
        ),
        (&format!("{HEAD}[columns.power]\nfrom = \"p\"\ntype = \"text\"\n"), "`columns.power.type`"),
        (&format!("{HEAD}[columns.power]\nfrom = \"p\"\nmin = 2.0\nmax = 1.0\n"), "is larger than `max`"),
        (&format!("{HEAD}[columns.power]\nfrom = \"p\"\nscale = nan\n"), "must be finite"),
        (&format!("{HEAD}[columns.power]\nfrom = \"p\"\nvalues = {{ a = \"b\" }}\n"), "text columns only"),
        (&format!("{HEAD}[columns.operating_mode]\nfrom = \"p\"\nscale = 2.0\n"), "for numbers only"),
        (&format!("{HEAD}[constants]\npower = \"high\"\n"), "`constants.power`: is not Float64"),
        (&format!("{HEAD}[constants]\nmachine_id = \"m\"\n"), "a section of its own"),
        (&format!("{HEAD}[constants]\nlist = [1]\n"), "must be a number, a text or a truth value"),
        (&format!("{HEAD}[columns.power]\nfrom = \"p\"\n[constants]\npower = 1\n"), "also under [columns]"),
        (&format!("{HEAD}[csv]\ndecimal_comma = true\n"), "needs another `delimiter`"),
        (&format!("{HEAD}[csv]\ndelimiter = \"é\"\n"), "cannot separate fields"),
        (
            "[timestamp]\ncolumn = \"t\"\nformat = \"unix\"\n[machine_id]\nvalue = \"m\"\n",
            "`unix` is none of",
        ),
        ("[timestamp]\ncolumn = \"t\"\nformat = \"%Q\"\n[machine_id]\nvalue = \"m\"\n", "strftime pattern"),
        ("[timestamp]\ncolumn = \"t\"\noffset = \"CET\"\n[machine_id]\nvalue = \"m\"\n", "not like `+02:00`"),
    ] {
        let error = Mapping::parse(map).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(mention), "{map}\ngave: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_missing_map_is_named() {
    let error = Mapping::load(Path::new("no-such-map.toml")).unwrap_err();
    assert!(error.to_string().contains("no-such-map.toml"));
}

#[test]
fn a_column_that_the_file_lacks_is_named_with_those_it_has() {
    let mapping = Mapping::parse(&format!("{HEAD}[columns.power]\nfrom = \"watts\"\n")).unwrap();
    let error = mapping.bind(&headers(&["t", "p"])).unwrap_err();
    assert_eq!(error.to_string(), "the file has no column `watts`");
    assert!(error.hint().unwrap().contains("t, p"));
    let error = Mapping::by_name().restricted_to(&headers(&["time"])).bind(&headers(&["time"])).unwrap_err();
    assert!(error.hint().unwrap().contains("--map"), "{error}");
}

#[test]
fn the_shipped_maps_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/maps");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        Mapping::load(&entry.unwrap().path()).unwrap();
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn the_display_case_comes_in_absolute_bar_and_positive_power() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/maps");
    let mapping = Mapping::load(&folder.join("r290_display_case.toml")).unwrap();
    let names = "timestamp,defrost,ambient_c,suction_bar_gauge,liquid_bar_gauge,discharge_line_c,\
                 suction_line_at_comp_c,product_avg_c,return_air_c,coil_in_left_c,total_amps,total_watts_signed";
    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
    // Made up for this test.
    let row = "2025-01-02 03:04:05,0,23.5,2.0,9.0,58.0,8.5,3.0,10.5,-3.0,9.1,-2100";
    let cells: Vec<Cell<'_>> = row.split(',').map(Cell::Text).collect();
    let (mut key, mut out) = (String::new(), Vec::new());
    mapping.bind(&names).unwrap().write(&cells, &mut key, &mut out).unwrap();
    let reading: Value = serde_json::from_slice(&out).unwrap();
    let near = |name: &str, value: f64| {
        let found = reading[name].as_f64().unwrap();
        assert!((found - value).abs() < 1e-9, "{name}: {found}");
    };
    near("pressure_low", 3.01325);
    near("pressure_high", 10.01325);
    near("power", 2.1);
    near("temp_room", 10.5);
    assert_eq!(reading["operating_mode"], "cooling");
    assert_eq!(reading["timestamp"], "2025-01-02T03:04:05Z");
}
