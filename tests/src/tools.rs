//! Programs that the tests start: where they are, those from npm installed once and outside the clone, and
//! scripts that are never left running.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Where the scripts and the pinned versions lie.
const NPM: &str = "tests/npm";

/// The folder whose `node_modules` holds what `tests/npm/package-lock.json` pins, installed by
/// `npm ci` if no earlier run has done so. Blocks, for some seconds the first time.
///
/// # Errors
/// If npm is missing or cannot reach its registry.
pub fn npm() -> Result<PathBuf> {
    let lock = fs::read(crate::repository().join(NPM).join("package-lock.json"))?;
    let cache = cache()?;
    fs::create_dir_all(&cache)?;
    // A new lock file is a new folder, so that a checkout of another version is not disturbed.
    let ready = cache.join(format!("npm-{:016x}", fnv1a(&lock)));
    let turn = File::create(cache.join("npm.lock"))?;
    turn.lock()?;
    if !ready.is_dir() {
        let fresh = tempfile::tempdir_in(&cache)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(
                crate::repository().join(NPM).join(file),
                fresh.path().join(file),
            )?;
        }
        let done = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(fresh.path())
            .output()
            .context("cannot start npm: install Node.js 20 or later with npm")?;
        ensure!(
            done.status.success(),
            "npm ci failed: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        fs::rename(fresh.keep(), &ready)?;
    }
    Ok(ready)
}

/// Where programs are: on the path, and where the Makefile puts its tools.
#[must_use]
pub fn program_folders() -> Vec<PathBuf> {
    let tools = cache().and_then(|cache| Ok(fs::read_dir(cache.join("tools"))?));
    let mut tools: Vec<PathBuf> = tools
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .flat_map(|tool| [tool.join("bin"), tool])
        .collect();
    // The newest version of a tool first.
    tools.sort_by(|a, b| b.cmp(a));
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(tools).collect()
}

/// The path of a program, which may go by any of these names.
///
/// # Errors
/// If it is not installed.
pub fn program(names: &[&str]) -> Result<PathBuf> {
    program_folders()
        .iter()
        .flat_map(|folder| names.iter().map(|name| folder.join(name)))
        .find(|path| path.is_file())
        .with_context(|| format!("{} is missing: `make test-tools` installs it", names[0]))
}

/// Debian's Alertmanager looks for its templates in `/usr/share`, where a package that is unpacked and not
/// installed has nothing: this process sees the package's own there.
const ALERTMANAGER: &str = r#"#!/bin/sh
exec unshare --mount sh -c 'mount --bind "${0%/bin/*}/share" /usr/share && exec "$0" "$@"' "#;

/// Makes `alertmanager` in a folder, which starts Debian's; its path.
///
/// # Errors
/// If it is not installed.
pub fn alertmanager(folder: &Path) -> Result<PathBuf> {
    let program = program(&["prometheus-alertmanager"])?;
    let script = folder.join("alertmanager");
    fs::write(&script, format!("{ALERTMANAGER}{program:?} \"$@\"\n"))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

/// The path of a script in `tests/npm`.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    crate::repository().join(NPM).join(name)
}

fn cache() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(base.join("contact-manager"))
}

/// Names a folder; nothing depends on its being hard to forge.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A script that says `{"ok": …}` or `{"error": …}` on a line of its own when it has started, and
/// again for each line it is told. It ends when its standard input does: when this value is dropped,
/// and also when the process that holds it dies, however it dies.
#[derive(Debug)]
pub struct Script {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Script {
    /// Starts the command and waits for its first line, which is returned as well. Blocks.
    ///
    /// # Errors
    /// If it cannot be started, or says that it cannot work.
    pub fn start(command: &mut Command) -> Result<(Self, Value)> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("standard output is piped")?;
        let mut script = Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
        };
        let first = script.listen()?;
        Ok((script, first))
    }

    /// Tells it one line and waits for the answer. Blocks.
    ///
    /// # Errors
    /// If it reports one, or has ended.
    pub fn ask(&mut self, question: &Value) -> Result<Value> {
        let stdin = self.stdin.as_mut().context("the script has ended")?;
        writeln!(stdin, "{question}")?;
        self.listen()
    }

    fn listen(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let mut answer: Value = serde_json::from_str(&line)
            .with_context(|| format!("expected a line of JSON, got {line:?}"))?;
        if let Some(error) = answer.get("error") {
            bail!("{error}");
        }
        Ok(answer["ok"].take())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.stdin = None;
        // Nothing can be done about a failure here, and nothing is lost by it.
        let _ = self.child.wait();
    }
}
