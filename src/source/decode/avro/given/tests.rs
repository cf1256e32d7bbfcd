use super::*;

#[test]
fn a_decimal_is_rounded_once() {
    for (digits, scale, nearest) in [
        ("41", 1, 4.1),
        ("-3", 1, -0.3),
        ("9007199254740993", 0, 9007199254740992.0),
        ("123456789012345678901234567890", 25, 12345.678901234567),
        ("1", 76, 1e-76),
        ("0", 5, 0.0),
    ] {
        assert_eq!(decimal(digits, scale), nearest, "{digits}e-{scale}");
    }
}
