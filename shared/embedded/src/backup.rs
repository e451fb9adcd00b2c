//! Copies of a data folder, made while it is in use, and brought back while it is not.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rusqlite::{Connection, OpenFlags};
use tempfile::NamedTempFile;

use crate::Engine;
use crate::folder::database_file;

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

/// Puts the content of a backup into `dir` in one transaction. What the folder held before is kept
/// in a new file beside it, whose path is returned.
///
/// # Errors
/// When a process holds the folder, `file` is no backup of this product or of a newer version, or a
/// disk fails; the folder then holds what it held.
pub fn restore(dir: &Path, file: &Path) -> Result<Option<PathBuf>> {
    if !file.is_file() {
        bail!("no backup at {}: name an existing file", file.display());
    }
    let path = file.to_str().context("the path must be UTF-8")?;
    let held_data = database_file(dir)
        .metadata()
        .is_ok_and(|metadata| metadata.len() > 0);
    let engine = Engine::open(dir)?;
    let previous = held_data.then(|| {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ");
        dir.join(format!("before-restore-{now}.sqlite"))
    });
    if let Some(previous) = &previous {
        backup(dir, previous)?;
    }
    engine
        .replace_with(path)
        .with_context(|| format!("cannot restore {}", file.display()))?;
    Ok(previous)
}

fn taken(file: &Path) -> anyhow::Error {
    anyhow!(
        "{} exists already: move it away, or choose another name",
        file.display()
    )
}
