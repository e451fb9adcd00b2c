//! The data folder: private to its owner, and held by one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

/// `SQLite`'s main file; `-wal` and `-shm` stand beside it and take over its permissions.
const DATABASE: &str = "contacts.sqlite";
const LOCK: &str = "contacts.lock";

/// A data folder that this process holds until the value is dropped, or the process dies.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Advisory: the kernel releases it with the file descriptor, after a crash too.
    _lock: File,
}

impl Folder {
    /// Takes the folder, making it (0700) if it is missing.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        make_private(path)?;
        let lock = private_file(&path.join(LOCK)).map_err(|error| unwritable(path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "the data folder {} is in use by another process: stop that one first, or name \
                 another folder",
                path.display()
            ),
            Err(TryLockError::Error(error)) => bail!(
                "the data folder {} cannot be locked ({error}): use a folder on a local disk",
                path.display()
            ),
        }
        // SQLite would create it by the umask; an empty file is a valid, empty database.
        private_file(&path.join(DATABASE)).map_err(|error| unwritable(path, &error))?;
        for suffix in ["-wal", "-shm"] {
            let file = path.join(format!("{DATABASE}{suffix}"));
            match fs::set_permissions(&file, Permissions::from_mode(0o600)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(unwritable(path, &error));
                }
                _ => {}
            }
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The database file inside it.
    pub(crate) fn database(&self) -> PathBuf {
        database_file(&self.path)
    }
}

/// Where the database lies in a data folder, whoever holds it.
pub(crate) fn database_file(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// Makes the folder 0700. One that holds other things is not ours to close (it may be `/tmp`), so it
/// must be closed already.
fn make_private(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .and_then(|()| {
            let mode = fs::metadata(path)?.permissions().mode();
            if mode & 0o077 == 0 {
                return Ok(true);
            }
            let ours = path.join(LOCK).exists() || fs::read_dir(path)?.next().is_none();
            if ours {
                fs::set_permissions(path, Permissions::from_mode(0o700))?;
            }
            Ok(ours)
        })
        .map_err(|error| unwritable(path, &error))
        .and_then(|private| {
            if private {
                return Ok(());
            }
            bail!(
                "the data folder {} holds other files and is open to other users: name a folder of \
                 its own, or close it with `chmod 700`",
                path.display()
            )
        })
}

fn private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

fn unwritable(path: &Path, error: &io::Error) -> anyhow::Error {
    anyhow!(
        "cannot write to the data folder {} ({error}): make it writable for this user, or name \
         another folder",
        path.display()
    )
}
