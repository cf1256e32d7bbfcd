use super::*;

const LEAST: &str =
    "[kafka]\nbrokers = \"127.0.0.1:9092\"\ntopic = \"readings\"\n[archive]\nurl = \"file:///tmp/a\"\n";

fn error(text: &str) -> String {
    Config::parse(text, "c.toml").unwrap_err().to_string()
}

#[test]
fn the_least_configuration_has_defaults_for_the_rest() {
    let config = Config::parse(LEAST, "c.toml").unwrap();
    assert_eq!(config.kafka.group, "coldstream");
    assert_eq!(config.serve.listen, "127.0.0.1:5001");
    assert_eq!(config.archive.commit_interval.micros(), 10_000_000);
    assert_eq!(config.dataflow.on_query_change, OnQueryChange::Rebuild);
}

#[test]
fn the_shipped_file_holds_the_defaults() {
    let shipped = Config::parse(include_str!("../../coldstream.toml"), "coldstream.toml").unwrap();
    let least = Config::parse(LEAST, "c.toml").unwrap();
    assert_eq!(format!("{:?}", shipped.dataflow), format!("{:?}", least.dataflow));
    assert_eq!(format!("{:?}", shipped.serve), format!("{:?}", least.serve));
    assert_eq!(shipped.archive.commit_interval, least.archive.commit_interval);
    assert_eq!(shipped.kafka.group, least.kafka.group);
}

#[test]
fn a_wrong_key_is_named_with_its_line() {
    let text = error(&format!("{LEAST}[serve]\nlistten = \"x\"\n"));
    assert!(text.starts_with("c.toml:7: unknown field `listten`, expected"), "{text}");
}

#[test]
fn a_missing_key_is_named() {
    let text = error("[kafka]\nbrokers = \"b\"\n[archive]\nurl = \"x\"\n");
    assert!(text.contains("missing field `topic`"), "{text}");
}

#[test]
fn a_wrong_value_is_explained() {
    let text = error(&format!("{LEAST}[dataflow]\nmax_delay = \"soon\"\n"));
    assert!(text.starts_with("c.toml:7:") && text.contains("`soon` is not a duration"), "{text}");
}

#[test]
fn extra_columns_are_checked() {
    let column =
        |name: &str| format!("{LEAST}[[columns]]\nname = \"{name}\"\ntype = \"float64\"\nunit = \"bar\"\n");
    let config = Config::parse(&column("oil_pressure"), "c.toml").unwrap();
    assert_eq!(config.reading_schema().unwrap().sensors().last().unwrap().name, "oil_pressure");
    assert!(error(&column("superheat")).contains("`superheat` exists already"));
    assert!(error(&column("Oil pressure")).contains("lower-case"));
}
