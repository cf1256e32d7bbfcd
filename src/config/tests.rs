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

#[test]
fn a_format_with_schemas_needs_a_registry() {
    let with = |format: &str| LEAST.replace("[archive]", &format!("format = \"{format}\"\n[archive]"));
    assert_eq!(Config::parse(LEAST, "c.toml").unwrap().format().unwrap().0, Format::Json);
    for format in ["avro", "protobuf"] {
        let failed = Config::parse(&with(format), "c.toml").unwrap_err();
        let expected = format!(
            "c.toml: kafka.format: `{format}` needs a schema registry, and there is no [schema_registry]"
        );
        assert_eq!(failed.to_string(), expected);
        assert!(failed.hint().unwrap().contains("[schema_registry]"));
        let text = with(format) + "[schema_registry]\nurl = \"http://127.0.0.1:8081\"\n";
        let (found, absent, registry) = Config::parse(&text, "c.toml").unwrap().format().unwrap();
        assert_eq!((found.to_string().as_str(), absent), (format, Absent::Null));
        let registry = registry.unwrap();
        assert_eq!((registry.timeout.as_secs(), registry.retry_unknown.as_secs()), (10, 30));
    }
    let text = error(&with("xml"));
    assert!(text.starts_with("c.toml:4: unknown variant `xml`, expected one of `json`, `avro`"), "{text}");
}

#[test]
fn the_keys_of_the_registry_are_checked() {
    let with = |keys: &str| format!("{LEAST}[schema_registry]\n{keys}\n");
    for (keys, said) in [
        ("url = \"registry:8081\"", "schema_registry.url: `registry:8081` is no address of a registry"),
        ("url = \"file:///etc\"", "schema_registry.url: `file:///etc` is no address"),
        ("url = \"http://anna:geheim@r\"", "schema_registry.url: it has a name or a password in it"),
        ("url = \"http://r\"\nusername = \"anna\"", "schema_registry.password: it is missing"),
        ("url = \"http://r\"\npassword = \"geheim\"", "schema_registry.username: it is missing"),
        ("url = \"http://r\"\ntimeout = \"0s\"", "schema_registry.timeout: "),
        ("username = \"anna\"", "missing field `url`"),
        ("url = \"http://r\"\nuser = \"anna\"", "unknown field `user`"),
    ] {
        let text = error(&with(keys));
        assert!(text.contains(said) && !text.contains("geheim"), "{text}");
    }
    let login = with("url = \"https://r/path\"\nusername = \"anna\"\npassword = \"geheim\"");
    let config = Config::parse(&login, "c.toml").unwrap();
    assert!(!format!("{config:?}").contains("geheim"));
    assert_eq!(config.format().unwrap().2.unwrap().login, Some(("anna".into(), "geheim".into())));
}
