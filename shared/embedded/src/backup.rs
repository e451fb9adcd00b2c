//! Copies of a data folder, made while it is in use, and brought back while it is not.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rusqlite::{Connection, OpenFlags};
use tempfile::{NamedTempFile, TempDir};

use crate::Engine;
use crate::folder::{Folder, database_file};

/// Copies the database of `dir` into the new `file` (0600), as it stood at one moment.
///
/// The folder may be in use, by this process or another: the copy is one read transaction, which
/// holds up no writer. The file appears under its name only when it is whole. Blocks for as long as
/// it takes to read and write the data.
///
/// # Errors
/// When `dir` holds no database, `file` exists already, or a disk fails.
pub fn backup(dir: &Path, file: &Path) -> Result<()> {
    let source = database_file(dir);
    if !source.is_file() {
        bail!("no database in {}: name the data folder", dir.display());
    }
    if file.exists() {
        return Err(taken(file));
    }
    let parent = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let copy = NamedTempFile::new_in(parent)
        .map_err(|error| anyhow!("cannot write into {} ({error})", parent.display()))?;
    let path = copy.path().to_str().context("the path must be UTF-8")?;
    // Not read-only: the first reader of a folder that nobody holds has to set up the WAL index.
    Connection::open_with_flags(&source, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .and_then(|connection| connection.execute("VACUUM INTO ?1", [path]))
        .with_context(|| format!("cannot copy {}", source.display()))?;
    copy.as_file().sync_all()?;
    copy.persist_noclobber(file).map_err(|_| taken(file))?;
    File::open(parent)?.sync_all()?;
    Ok(())
}

/// A backup that has been read and found whole, in a folder of its own inside the data folder, which
/// stays as it was until [`Staged::commit`].
#[derive(Debug)]
pub struct Staged {
    dir: PathBuf,
    /// Whether the data folder held something before.
    replaces: bool,
    engine: Engine,
    staging: TempDir,
    _folder: Folder,
}

/// Reads the backup `file` beside the data of `dir`, which no process may hold meanwhile.
///
/// # Errors
/// When a process holds the folder, `file` is damaged, no backup of this product or of a newer
/// version, or a disk fails.
pub fn stage(dir: &Path, file: &Path) -> Result<Staged> {
    if !file.is_file() {
        bail!("no backup at {}: name an existing file", file.display());
    }
    let path = file.to_str().context("the path must be UTF-8")?;
    let held = database_file(dir).metadata();
    let replaces = held.is_ok_and(|metadata| metadata.len() > 0);
    let folder = Folder::take(dir)?;
    check(file)?;
    let staging = tempfile::Builder::new()
        .prefix("restore-")
        .tempdir_in(dir)
        .with_context(|| format!("cannot write into {}", dir.display()))?;
    let engine = Engine::open(staging.path())?;
    engine
        .replace_with(path)
        .with_context(|| format!("cannot restore {}", file.display()))?;
    Ok(Staged {
        dir: dir.to_owned(),
        replaces,
        engine,
        staging,
        _folder: folder,
    })
}

impl Staged {
    /// The restored database, to be looked at or adjusted before it takes its place.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Puts it in the place of the folder's database, in one step: after a crash the folder has the
    /// one or the other. What was there before is kept beside it, whole or damaged as it was, in a new
    /// file whose path is returned.
    ///
    /// # Errors
    /// When a disk fails; the folder then holds what it held.
    pub fn commit(self) -> Result<Option<PathBuf>> {
        let staged = database_file(self.staging.path());
        drop(self.engine);
        fold_log(&staged).context("cannot finish the restored database")?;
        let main = database_file(&self.dir);
        let previous = self.replaces.then(|| {
            let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ");
            self.dir.join(format!("before-restore-{now}.sqlite"))
        });
        if let Some(previous) = &previous {
            // Of a damaged database, what cannot be folded in is kept as it is.
            let folded = fold_log(&main).is_ok();
            fs::hard_link(&main, previous)?;
            if !folded {
                keep_log(&main, previous)?;
            }
        }
        for suffix in LOGS {
            // A log of the old database would be played into the new one.
            match fs::remove_file(beside(&main, suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        fs::rename(&staged, &main)?;
        File::open(&self.dir)?.sync_all()?;
        Ok(previous)
    }
}

/// `SQLite`'s files beside the main one.
const LOGS: [&str; 2] = ["-wal", "-shm"];

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Refuses a file that is no database, or a damaged one.
fn check(file: &Path) -> Result<()> {
    let verdict = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(
        |connection| {
            connection.query_row("PRAGMA integrity_check(1)", [], |row| {
                row.get::<_, String>(0)
            })
        },
    );
    if verdict.as_deref() == Ok("ok") {
        return Ok(());
    }
    bail!(
        "{} is no backup, or a damaged one: choose another; nothing was changed",
        file.display()
    )
}

/// Moves what the write-ahead log holds into the database's main file.
fn fold_log(database: &Path) -> Result<()> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    ensure!(busy == 0, "{} is in use", database.display());
    Ok(())
}

fn keep_log(main: &Path, previous: &Path) -> Result<()> {
    match fs::rename(beside(main, "-wal"), beside(previous, "-wal")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn taken(file: &Path) -> anyhow::Error {
    anyhow!(
        "{} exists already: move it away, or choose another name",
        file.display()
    )
}
