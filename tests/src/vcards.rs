//! vCards that real programs wrote. Their folder is not a part of the repository.

use std::fs;

use anyhow::Result;

const FOLDER: &str = "../shared/data/vcards";

/// The files, by name; none where the folder is missing.
///
/// # Errors
/// If a file cannot be read.
pub fn files() -> Result<Vec<(String, Vec<u8>)>> {
    let folder = crate::repository().join(FOLDER);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "vcf") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            files.push((name.into_owned(), fs::read(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

/// The vCards of a file, each as it stands there.
#[must_use]
pub fn split(file: &[u8]) -> Vec<Vec<u8>> {
    let mut cards: Vec<Vec<u8>> = Vec::new();
    let mut inside = false;
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii() == b"BEGIN:VCARD" {
            inside = true;
            cards.push(Vec::new());
        }
        if let Some(card) = cards.last_mut().filter(|_| inside) {
            card.extend_from_slice(line);
        }
        inside &= line.trim_ascii() != b"END:VCARD";
    }
    cards
}

/// The vCards of all files, each as it stands there; none where the folder is missing.
///
/// # Errors
/// If a file cannot be read.
pub fn all() -> Result<Vec<Vec<u8>>> {
    Ok(files()?.iter().flat_map(|(_, file)| split(file)).collect())
}
