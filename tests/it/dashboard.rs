//! The dashboard in Chromium: the tests are written for Node, see `dashboard/e2e`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::parts::process::Process;

#[test]
fn the_dashboard_in_a_browser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboard");
    assert!(
        folder.join("node_modules/playwright-core").exists() && folder.join("dist/index.html").exists(),
        "the dashboard is not built: run `make dashboard`, then build again"
    );
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-reporter=spec", "e2e/dashboard.test.mjs"])
        .env("COLDSTREAM_BIN", env!("CARGO_BIN_EXE_coldstream"))
        .current_dir(&folder);
    let mut tests = Process::spawn(&command);
    let status = tests.wait(Duration::from_secs(480));
    assert!(status.success(), "{status}\n{}{}", tests.stdout(), tests.stderr());
}
