//! A folder of this machine. A file appears whole: it is written under another name first.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{ObjectsError, Result};

/// What files that are being written begin with, which no name does.
const UNFINISHED: &str = ".";

#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: Arc<Path>,
    written: Arc<AtomicU64>,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.into(),
            written: Arc::default(),
        }
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let path = self.root.join(name);
        run("GetObject", move || match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    pub(super) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let path = self.root.join(name);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let unfinished = format!("{UNFINISHED}{}-{number}", std::process::id());
        run("PutObject", move || {
            let dir = path.parent().ok_or(ErrorKind::InvalidInput)?;
            let unfinished = dir.join(unfinished);
            let write = || {
                fs::create_dir_all(dir)?;
                let mut file = fs::File::create(&unfinished)?;
                file.write_all(&bytes)?;
                file.sync_all()?;
                fs::rename(&unfinished, &path)
            };
            match write() {
                // Whoever deletes the last file of a folder removes it, perhaps in this moment.
                Err(error) if is_absent(&error) => write(),
                done => done,
            }
        })
        .await
    }

    pub(super) async fn delete(&self, name: &str) -> Result<()> {
        let path = self.root.join(name);
        run("DeleteObject", move || {
            match fs::remove_file(&path) {
                Err(error) if !is_absent(&error) => return Err(error),
                _ => {}
            }
            // Only an empty folder can be removed.
            if let Some(dir) = path.parent() {
                let _ = fs::remove_dir(dir);
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn list(&self, folder: &str) -> Result<Vec<String>> {
        let dir = self.root.join(folder.trim_end_matches('/'));
        let folder = folder.to_owned();
        run("ListObjectsV2", move || {
            let mut names = Vec::new();
            walk(&dir, &folder, &mut names)?;
            names.sort_unstable();
            Ok(names)
        })
        .await
    }
}

fn walk(dir: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if is_absent(&error) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path: PathBuf = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&path, &format!("{prefix}{name}/"), names)?,
            Ok(_) if !name.starts_with(UNFINISHED) => names.push(format!("{prefix}{name}")),
            _ => {}
        }
    }
    Ok(())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

async fn run<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| ObjectsError::new(operation, error.kind())),
        Err(_) => Err(ObjectsError::new(operation, "it broke off")),
    }
}
