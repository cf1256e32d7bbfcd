//! Chunks that come, change and go, against a plain map.

use arrow::array::Int64Array;
use proptest::prelude::*;

use super::*;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("value", DataType::Int64, false)]))
}

fn chunk(value: i64, rows: usize) -> RecordBatch {
    RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from_value(value, rows))]).unwrap()
}

/// What happens to a chunk between two checkpoints.
#[derive(Debug, Clone, Copy)]
enum Change {
    Put(usize),
    Remove,
}

fn steps() -> impl Strategy<Value = Vec<Vec<(i64, Change)>>> {
    let change = prop_oneof![3 => (1usize..400).prop_map(Change::Put), 1 => Just(Change::Remove)];
    prop::collection::vec(prop::collection::vec((-3i64..12, change), 0..4), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn what_is_read_is_what_was_there(steps in steps()) {
        let mut ledger = Ledger::default();
        let mut chunks: BTreeMap<i64, RecordBatch> = BTreeMap::new();
        let mut pieces: Vec<(String, Bytes)> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let mut changed = BTreeSet::new();
            for (chunk_number, change) in step {
                match change {
                    Change::Put(rows) => {
                        chunks.insert(chunk_number, chunk(number as i64, rows));
                        changed.insert(chunk_number);
                    }
                    Change::Remove => {
                        chunks.remove(&chunk_number);
                    }
                }
            }
            let all = ledger.wants_all();
            let state = chunks.iter().map(|(&n, batch)| {
                let given = all || changed.contains(&n);
                (n, if given { Chunk::Changed(batch.clone()) } else { Chunk::Unchanged })
            });
            let state = OperatorState { marks: serde_json::json!(number), chunks: state.collect() };
            let written = ledger.write("s.0", &schema(), state).unwrap();
            let news = written.iter().filter(|p| matches!(p.content, Content::Lasting(_))).count();
            prop_assert!(news <= 1);
            pieces = stored(&pieces, written).unwrap();
            // Only what is referred to is kept, and not much more than what is alive.
            let held: usize = pieces.iter().map(|(_, bytes)| bytes.len()).sum();
            let alive: usize = chunks.values().map(|batch| batch.num_rows() * 16 + 600).sum();
            prop_assert!(pieces.len() <= MOST_PARTS + 2, "{} pieces", pieces.len());
            prop_assert!(held <= 2 * alive + 2 * LEAST_DEAD as usize, "{held} bytes for {alive}");

            let named: HashMap<&str, &Bytes> = pieces.iter().map(|(n, b)| (n.as_str(), b)).collect();
            let (read, marks, found) = Ledger::read("s.0", &schema(), &named).unwrap();
            prop_assert_eq!(marks, serde_json::json!(number));
            prop_assert_eq!(&found, &chunks);
            if number % 3 == 0 {
                ledger = read;
            }
        }
    }
}

#[test]
fn what_is_missing_or_foreign_is_named() {
    let mut ledger = Ledger::default();
    let chunks = BTreeMap::from([(7, Chunk::Changed(chunk(1, 2)))]);
    let state = OperatorState { marks: serde_json::Value::Null, chunks };
    let pieces = stored(&[], ledger.write("s.0", &schema(), state).unwrap()).unwrap();
    let read = |pieces: &[(String, Bytes)], schema: &SchemaRef| {
        let named: HashMap<&str, &Bytes> = pieces.iter().map(|(n, b)| (n.as_str(), b)).collect();
        Ledger::read("s.0", schema, &named).map(|_| ()).unwrap_err().to_string()
    };
    let other = Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, false)]));
    assert!(read(&pieces, &other).contains("not those of the query"));
    let without: Vec<_> = pieces.iter().filter(|(name, _)| name != "s.0#0").cloned().collect();
    assert_eq!(read(&without, &schema()), "the state of stream `s.0#0` cannot be read: it is missing");
    let unknown =
        OperatorState { marks: serde_json::Value::Null, chunks: BTreeMap::from([(8, Chunk::Unchanged)]) };
    assert!(ledger.write("s.0", &schema(), unknown).unwrap_err().to_string().contains("never written"));
    let kept = vec![StatePart { name: "x#1".into(), content: Content::Kept }];
    assert!(stored(&pieces, kept).unwrap_err().to_string().contains("never written"));
}
