//! Programs that tests start: watched, killable, and never left behind.
//!
//! A static is not dropped and a killed test drops nothing, so a child cannot be ended by `Drop` alone. Each
//! child is therefore on a leash: a small shell, started with it, waits on a pipe that only the test process
//! holds. When that end closes, for whatever reason, the shell kills the child and removes its folder.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::wait;

/// Becomes the child itself (`exec`), so that the child's process id is the one that was spawned; before that
/// it forks the watcher. A line on the pipe says that the child was already reaped: its id may be someone
/// else's by now. The end of the pipe is the end in either case.
const LEASH: &str = r#"
    dir=$1; shift
    exec 3<&0
    {
        if read -r _; then
            while read -r _; do :; done
        else
            kill -9 $$
        fi
        rm -rf -- "$dir"
    } <&3 2>/dev/null &
    exec 3<&-
    exec "$@" </dev/null
"#;

/// How long an orderly end, or the last step of a killed one, may take.
const END: Duration = Duration::from_secs(30);

/// A running program with its output in files.
pub struct Process {
    name: String,
    child: Child,
    leash: Option<ChildStdin>,
    dir: PathBuf,
}

/// The binary under test, ready for arguments.
pub fn coldstream() -> Command {
    Command::new(env!("CARGO_BIN_EXE_coldstream"))
}

/// A new folder for a program's files. It is the program's once given to [`Process::spawn_in`].
pub fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("coldstream-test-").tempdir().unwrap()
}

impl Process {
    /// Starts a program; its standard output and error are captured.
    pub fn spawn(command: &Command) -> Self {
        Self::spawn_in(folder(), command)
    }

    /// [`Process::spawn`] with a folder that holds the program's files and is removed when it has ended.
    pub fn spawn_in(dir: tempfile::TempDir, command: &Command) -> Self {
        let dir = dir.keep();
        let program = Path::new(command.get_program());
        let mut leashed = Command::new("sh");
        leashed.args(["-c", LEASH, "leash"]).arg(&dir).arg(program).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => leashed.env(key, value),
                None => leashed.env_remove(key),
            };
        }
        if let Some(current) = command.get_current_dir() {
            leashed.current_dir(current);
        }
        leashed
            .stdin(Stdio::piped())
            .stdout(File::create(dir.join("stdout")).unwrap())
            .stderr(File::create(dir.join("stderr")).unwrap());
        // A group of its own: Ctrl-C in the terminal reaches the test process, and the leash does the rest.
        std::os::unix::process::CommandExt::process_group(&mut leashed, 0);
        let mut child = leashed.spawn().unwrap();
        let leash = child.stdin.take();
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, child, leash, dir }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote on standard output so far.
    pub fn stdout(&self) -> String {
        self.captured("stdout")
    }

    /// What it wrote on standard error so far.
    pub fn stderr(&self) -> String {
        self.captured("stderr")
    }

    /// Waits for a line, on either output, that contains `text`, and returns the line. Fails at once when the
    /// program ends without it.
    #[track_caller]
    pub fn wait_for_line(&mut self, text: &str, limit: Duration) -> String {
        let what = format!("a line with `{text}` from {}", self.name);
        wait::until(&what, limit, || {
            // Asked first: what an ended program wrote is complete.
            let ended = self.try_wait();
            // A line counts when it is finished: without its end it may still grow.
            let found = [self.stdout(), self.stderr()].iter().find_map(|output| {
                output
                    .split_inclusive('\n')
                    .find(|line| line.ends_with('\n') && line.contains(text))
                    .map(|line| line.trim_end().to_owned())
            });
            match (found, ended) {
                (Some(line), _) => Ok(line),
                (None, Some(status)) => panic!("{what}: it ended with {status}\n{}", self.tail()),
                (None, None) => Err(self.tail()),
            }
        })
    }

    /// Its exit status, once it has ended.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().unwrap();
        if status.is_some() {
            self.unleash();
        }
        status
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        wait::until(&what, limit, || self.try_wait().ok_or_else(|| self.tail()))
    }

    /// Ends it as a power cut would (SIGKILL).
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.wait(END);
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait(END)
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let command = format!("kill -{name} $0");
        let sent = Command::new("sh").args(["-c", &command, &self.id().to_string()]).status().unwrap();
        assert!(sent.success(), "{} is not running", self.name);
    }

    /// Memory that it has, in bytes.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is running");
        let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().unwrap();
        kib * 1024
    }

    /// The last lines of both outputs, for messages.
    pub fn tail(&self) -> String {
        let mut text = format!("--- {} (process {})\n", self.name, self.id());
        for output in [self.stdout(), self.stderr()] {
            let lines: Vec<&str> = output.lines().collect();
            for line in &lines[lines.len().saturating_sub(20)..] {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }

    fn captured(&self, stream: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join(stream)).unwrap_or_default()).into_owned()
    }

    /// Tells the watcher that the child is reaped, so that it no longer kills that id.
    fn unleash(&mut self) {
        if let Some(leash) = &mut self.leash {
            // A watcher that is gone has nothing to be told.
            leash.write_all(b"reaped\n").ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Closing the pipe is what ends the child; waiting for it keeps its ports from the next test.
        self.leash = None;
        self.child.wait().ok();
    }
}
