use super::*;

#[test]
fn file_names_are_read_back_and_sort_as_numbers() {
    let (nine, ten) = (manifest_file(Epoch(9)), manifest_file(Epoch(10)));
    assert!(nine < ten);
    assert_eq!(ChainFile::parse(&ten), Some(ChainFile::Manifest(Epoch(10))));
    assert_eq!(ChainFile::parse(&state_file(Epoch(9))), Some(ChainFile::State(Epoch(9))));
    for other in ["10.json", "00000000000000000010.tmp", "readme", "0000000000000000001x.json"] {
        assert_eq!(ChainFile::parse(other), None, "{other}");
    }
}
