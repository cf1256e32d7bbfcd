//! The texts of a rule, with the value put in.

/// Decimals that are shown: enough to tell a value from its limit, no more than a sensor gives.
fn decimals(value: f64) -> usize {
    match value.abs() {
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    }
}

/// A value as people write it.
fn shown(value: f64) -> String {
    let text = format!("{value:.*}", decimals(value));
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

/// Checks the placeholders of a template.
pub(super) fn check(template: &str, has_value: bool) -> Result<(), String> {
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else {
            return Err("a `{` in the text has no `}`".into());
        };
        let name = &rest[start + 1..start + length];
        if !["value", "percent"].contains(&name) {
            return Err(format!("the text has `{{{name}}}`: there are only {{value}} and {{percent}}"));
        }
        if !has_value {
            return Err(format!("the text has `{{{name}}}`, and the rule names no `value`"));
        }
        rest = &rest[start + length + 1..];
    }
    Ok(())
}

/// The template with the value: `{value}`, or `{percent}` for a hundred times it. `?` where it is not known.
pub(super) fn fill(template: &str, value: Option<f64>, decimal_comma: bool) -> String {
    if !template.contains('{') {
        return template.to_owned();
    }
    let words = |value: Option<f64>| match value {
        None => "?".to_owned(),
        Some(value) if decimal_comma => shown(value).replace('.', ","),
        Some(value) => shown(value),
    };
    template
        .replace("{percent}", &words(value.map(|value| (value * 100.0).round())))
        .replace("{value}", &words(value))
}
