//! Other people's readers of our tables, in Python.

use std::path::Path;
use std::process::Command;

use super::installed;

/// Runs a script of `tests/python` in the environment of `scripts/parts.sh` and returns what it printed. The
/// test fails with the script's own words when it fails.
pub fn run<'a>(script: &str, args: &[&str], env: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
    let output = Command::new(installed("venv/bin/python")).arg(path).args(args).envs(env).output().unwrap();
    assert!(
        output.status.success(),
        "{script} {} ended with {}\n{}",
        args.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8(output.stdout).unwrap()
}
