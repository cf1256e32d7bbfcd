use super::*;
use proptest::prelude::*;

proptest! {
    /// Against the definition: windows start at offset + k * slide and hold [start, start + size).
    #[test]
    fn panes_and_ends_agree_with_the_definition(
        size in 1i64..200, slide in 1i64..200, offset in -300i64..300, ts in -2_000i64..2_000,
    ) {
        let spec = WindowSpec::hop(slide, size, offset).unwrap();
        let ends: Vec<i64> = (-3_000..3_000)
            .filter(|start: &i64| (start - offset).rem_euclid(slide) == 0)
            .filter(|start| *start <= ts && ts < start + size)
            .map(|start| start + size)
            .collect();
        let pane = spec.pane_of(ts);
        prop_assert!(pane <= ts && ts < pane + spec.pane());
        prop_assert_eq!(spec.covers(pane), !ends.is_empty());
        if let (Some(first), Some(last)) = (ends.first(), ends.last()) {
            prop_assert_eq!(spec.first_end(pane), *first);
            prop_assert_eq!(spec.last_end(pane), *last);
        }
    }
}
