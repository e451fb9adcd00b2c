//! A base image of Debian's packages: what the distroless one of the Dockerfile holds, for machines that
//! reach no registry of images.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::support::run;

const PACKAGES: [&str; 4] = ["ca-certificates", "libc6", "libgcc-s1", "tzdata"];

/// Unpacks the packages into `root`, a new folder, without installing them: no script of theirs runs, and
/// nothing of this machine but its package lists is used.
pub(crate) fn unpack(root: &Path) -> Result<()> {
    let downloads = tempfile::tempdir()?;
    download(downloads.path())?;
    fs::create_dir(root)?;
    for folder in ["proc", "tmp", "etc/ssl/certs"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    for package in entries(downloads.path())? {
        run("dpkg-deb", ["--extract".as_ref(), &*package, root])?;
    }
    // The documentation is most of it, and nobody reads it there.
    for folder in ["usr/share/doc", "usr/share/man", "usr/share/lintian"] {
        let folder = root.join(folder);
        if folder.is_dir() {
            fs::remove_dir_all(folder)?;
        }
    }
    fs::write(
        root.join("etc/ssl/certs/ca-certificates.crt"),
        authorities(root)?,
    )?;
    let users = "root:x:0:0:root:/:/nonexistent\nnonroot:x:65532:65532:nonroot:/:/nonexistent\n";
    fs::write(root.join("etc/passwd"), users)?;
    Ok(())
}

fn download(folder: &Path) -> Result<()> {
    let download = || {
        Command::new("apt-get")
            .args(["download", "-qq", "-o", "APT::Sandbox::User=root"])
            .args(PACKAGES)
            .current_dir(folder)
            .output()
            .context("cannot start apt-get: these tests want Debian")
    };
    if !download()?.status.success() {
        // A new machine has no package lists, and old lists name packages that are gone.
        run("apt-get", ["update", "-qq"])?;
        let done = download()?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "apt-get download: {said}");
    }
    Ok(())
}

/// What `update-ca-certificates` would make of the package: all certificates in one file.
fn authorities(root: &Path) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for certificate in entries(&root.join("usr/share/ca-certificates/mozilla"))? {
        all.extend(fs::read(certificate)?);
    }
    Ok(all)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
