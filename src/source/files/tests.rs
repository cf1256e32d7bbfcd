use std::cell::Cell as Count;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::simulate::{Fleet, FleetConfig, ReadingTable};

type Messages = Vec<(String, Vec<u8>)>;

fn replay(
    path: &Path,
    mapping: Option<&Mapping>,
    rejects: Option<&Path>,
) -> Result<(Summary, Messages), FileError> {
    let file = InputFile::new(path)?;
    let mut messages = Vec::new();
    let replay = Replay { file: &file, mapping, rejects, progress: &|_| {} };
    let summary = replay.run(&mut |key, payload| {
        messages.push((key.to_owned(), payload.to_vec()));
        Ok(())
    })?;
    Ok((summary, messages))
}

fn write(folder: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn json_of(message: &(String, Vec<u8>)) -> Value {
    serde_json::from_slice(&message.1).unwrap()
}

const LINES: &[u8] = b"{\"timestamp\":\"2024-01-15T10:30:00\",\"machine_id\":1, \"x\":1.50}\r\n\
    {\"machine_id\":\"caf\xc3\xa9 \\\"2\\\"\"}\n\n\
    not json\n\
    {\"timestamp\":\"2024-01-15T10:30:00\"}\n\
    {\"machine_id\":null}\n\
    {\"machine_id\":3,\"x\":\xff}\n\
    {\"machine_id\":4}";

#[test]
fn json_lines_go_in_unchanged_with_their_machine_as_key() {
    let folder = TempDir::new().unwrap();
    for path in [write(&folder, "a.jsonl", LINES), write(&folder, "a.jsonl.gz", &gzip(LINES))] {
        let (summary, messages) = replay(&path, None, None).unwrap();
        let keys: Vec<&str> = messages.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["1", "café \"2\"", "", "", "", "", "4"]);
        let lines: Vec<&[u8]> =
            LINES.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
        let expected: Vec<&[u8]> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        let found: Vec<&[u8]> = messages.iter().map(|(_, payload)| payload.as_slice()).collect();
        assert_eq!(found, expected);
        assert_eq!((summary.messages, summary.keyless, summary.rejected), (7, 4, 0));
    }
}

#[test]
fn csv_rows_become_readings_and_bad_rows_are_kept_apart() {
    let folder = TempDir::new().unwrap();
    let csv = b"timestamp,machine_id,temp_room,note\n\
        2024-01-15T10:30:00Z,7,3.5,fine\n\
        never,7,3.5,x\n\
        2024-01-15T10:31:00Z,7,cold,x\n\
        2024-01-15T10:32:00Z,7,4\n\
        2024-01-15T10:33:00Z,7,\xff,x\n\
        user (user)\n\
        2024-01-15T10:34:00Z,7,,\"two\nlines\"\n\
        2024-01-15T10:35:00Z,,1,x\n";
    for path in [write(&folder, "a.csv", csv), write(&folder, "a.csv.gz", &gzip(csv))] {
        let rejects = path.with_extension("rejected.csv");
        let (summary, messages) = replay(&path, None, Some(&rejects)).unwrap();
        assert_eq!(messages.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["7", "7"]);
        let first = json!({"timestamp": "2024-01-15T10:30:00Z", "machine_id": "7", "temp_room": 3.5});
        assert_eq!(json_of(&messages[0]), first);
        assert_eq!(json_of(&messages[1]), json!({"timestamp": "2024-01-15T10:34:00Z", "machine_id": "7"}));
        assert_eq!((summary.messages, summary.rejected), (2, 6));
        assert_eq!(summary.ignored_columns, ["note"]);
        assert_eq!(summary.examples.len(), 5);
        assert_eq!(
            summary.examples[..3],
            [
                "line 3: column `timestamp`: `never` is not a time of the map's format",
                "line 4: column `temp_room`: `cold` is not a number",
                "line 5: 3 fields instead of 4",
            ]
        );
        let kept = std::fs::read(&rejects).unwrap();
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(kept.as_slice());
        assert_eq!(&reader.headers().unwrap()[0], "reject_row");
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 6);
        assert_eq!((&rows[1][0], &rows[1][4]), ("4", "cold"));
        assert_eq!((&rows[5][0], &rows[5][2]), ("10", "2024-01-15T10:35:00Z"));
        let again = replay(&path, None, Some(&rejects)).unwrap_err();
        assert!(again.hint().unwrap().contains("remove that file"), "{again}");
    }
}

#[test]
fn a_map_brings_names_and_units() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "a.csv", b"when;p\n1.2.2024;1,5\n");
    let mapping = Mapping::parse(
        "[timestamp]\ncolumn = \"when\"\nformat = \"%d.%m.%Y\"\n[machine_id]\nvalue = \"case\"\n\
         [columns.pressure_low]\nfrom = \"p\"\noffset = 1.0\n[csv]\ndelimiter = \";\"\ndecimal_comma = true\n",
    )
    .unwrap();
    let (_, messages) = replay(&path, Some(&mapping), None).unwrap();
    assert_eq!(messages[0].0, "case");
    let expected = json!({"timestamp": "2024-02-01T00:00:00Z", "machine_id": "case", "pressure_low": 2.5});
    assert_eq!(json_of(&messages[0]), expected);
}

#[test]
fn parquet_and_json_of_the_same_readings_are_the_same() {
    let folder = TempDir::new().unwrap();
    let config = FleetConfig {
        machines: 3,
        duration: Some(7_200_000_000),
        period: 60_000_000,
        ..FleetConfig::default()
    };
    let mut fleet = Fleet::new(&config).unwrap();
    let (mut table, mut lines) = (ReadingTable::default(), Vec::new());
    while let Some(readings) = fleet.step() {
        for reading in readings {
            table.push(reading);
            reading.write_json(&mut lines);
            lines.push(b'\n');
        }
    }
    let path = folder.path().join("a.parquet");
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), table.schema(), None).unwrap();
    writer.write(&table.take().unwrap()).unwrap();
    writer.close().unwrap();
    let (_, from_json) = replay(&write(&folder, "a.jsonl", &lines), None, None).unwrap();
    let (summary, from_parquet) = replay(&path, None, None).unwrap();
    assert_eq!(from_parquet.len(), 360);
    assert_eq!(summary.ignored_columns, ["kafka_partition", "kafka_offset"]);
    for (left, right) in from_parquet.iter().zip(&from_json) {
        assert_eq!(left.0, right.0);
        let mut right = json_of(right);
        right["machine_id"] = Value::String(left.0.clone());
        assert_eq!(json_of(left), right);
    }
}

#[test]
fn progress_counts_the_bytes_of_the_file() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "a.jsonl", LINES);
    let file = InputFile::new(&path).unwrap();
    let read = Count::new(0);
    let progress = |bytes| read.set(read.get() + bytes);
    let replay = Replay { file: &file, mapping: None, rejects: None, progress: &progress };
    replay.run(&mut |_, _| Ok(())).unwrap();
    assert_eq!(read.get(), file.size().unwrap());
}

#[test]
fn unusable_files_are_named() {
    let folder = TempDir::new().unwrap();
    let kind = |name: &str| InputFile::new(Path::new(name)).map(|file| file.kind);
    assert_eq!(kind("A.CSV.GZ").unwrap(), FileKind::Csv);
    for name in ["a.txt", "a.parquet.gz", "a", "csv"] {
        assert!(kind(name).unwrap_err().hint().is_some(), "{name}");
    }
    let missing = replay(&folder.path().join("no.csv"), None, None).unwrap_err();
    assert!(missing.to_string().contains("no.csv"), "{missing}");
    let empty = replay(&write(&folder, "e.csv", b""), None, None).unwrap_err();
    assert!(matches!(empty, FileError::Empty(_)), "{empty}");
    let bad = replay(&write(&folder, "b.parquet", b"nonsense"), None, None).unwrap_err();
    assert!(matches!(bad, FileError::Parquet { .. }), "{bad}");
    let cut = &gzip(&LINES.repeat(100))[..60];
    let cut = replay(&write(&folder, "c.jsonl.gz", cut), None, None).unwrap_err();
    assert!(matches!(cut, FileError::Read { .. }), "{cut}");
    let mapping = Mapping::by_name();
    let mapped = replay(&write(&folder, "m.jsonl", LINES), Some(&mapping), None).unwrap_err();
    assert!(matches!(mapped, FileError::MapForJson(_)), "{mapped}");
}
