//! What can be deployed: folders like `dist/`, found again by what the account was given of them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};

use crate::repository;

const PROGRAMS: [&str; 2] = ["api-container", "worker-container"];
const ZIPS: [&str; 2] = ["api-lambda.zip", "worker-lambda.zip"];

/// A version of the product.
#[derive(Clone, Debug)]
pub struct Release {
    /// The folder with its programs and zips.
    pub folder: PathBuf,
    /// The image of its programs, by digest.
    pub image: String,
}

impl Release {
    /// The release of this checkout: `make package` builds what is not built yet.
    ///
    /// # Errors
    /// If the build fails.
    pub fn packaged() -> Result<Self> {
        let repository = repository();
        let done = Command::new("make")
            .arg("--directory")
            .arg(&repository)
            .arg("package")
            .stdout(Stdio::null())
            .status()?;
        ensure!(done.success(), "make package ended with {done}");
        Self::of(&repository.join("dist"))
    }

    /// What `make package` or somebody else has put into a folder. No image is built: its digest stands
    /// for the programs that would be in it.
    ///
    /// # Errors
    /// If one of its files is missing.
    pub fn of(folder: &Path) -> Result<Self> {
        let mut digest = Sha256::new();
        for name in PROGRAMS {
            digest.update(fs::read(folder.join(name)).with_context(|| {
                format!(
                    "there is no {name} in {}: run make package",
                    folder.display()
                )
            })?);
        }
        Ok(Self {
            folder: folder.to_owned(),
            image: format!(
                "contact-manager@sha256:{}",
                HEXLOWER.encode(&digest.finalize())
            ),
        })
    }

    /// The program that the image has under this path.
    pub(super) fn program(&self, path: &str) -> Result<String> {
        let name = path.trim_start_matches('/');
        ensure!(PROGRAMS.contains(&name), "the image has no {path}");
        Ok(self.folder.join(name).display().to_string())
    }

    /// The program in the zip with this hash, unpacked beside it, if the zip is of this release.
    pub(super) fn bootstrap(&self, hash: &str, unpacked: &Path) -> Result<Option<PathBuf>> {
        for name in ZIPS {
            let zip = self.folder.join(name);
            let Ok(bytes) = fs::read(&zip) else {
                continue;
            };
            let digest = Sha256::digest(bytes);
            if BASE64.encode(&digest) != hash {
                continue;
            }
            let folder = unpacked.join(HEXLOWER.encode(&digest));
            if !folder.exists() {
                unpack(&zip, &folder)?;
            }
            return Ok(Some(folder.join("bootstrap")));
        }
        Ok(None)
    }
}

fn unpack(zip: &Path, folder: &Path) -> Result<()> {
    let program = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    let done = Command::new("python3")
        .args(["-c", program])
        .args([zip, folder])
        .status()?;
    ensure!(done.success(), "{} cannot be unpacked", zip.display());
    let bootstrap = folder.join("bootstrap");
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Which of them is meant.
pub(super) fn with_image<'a>(releases: &'a [Release], image: &str) -> Result<&'a Release> {
    let digest = image.rsplit('@').next();
    let found = releases
        .iter()
        .find(|one| one.image.rsplit('@').next() == digest);
    found.with_context(|| format!("nobody has pushed the image {image}"))
}
