//! Images without an engine: buildah with a store of its own, far from the system's.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use contacts_tests::repository;
use serde_json::Value;

use crate::support::run;

/// The image that stands in for the Dockerfile's `BASE`.
const BASE: &str = "localhost/base";

/// A store of images.
#[derive(Debug)]
pub(crate) struct Buildah {
    folder: PathBuf,
}

/// What buildah says of an image.
#[derive(Debug)]
pub(crate) struct Built {
    /// Its configuration (Docker Image Specification 1.2).
    pub(crate) config: Value,
    /// The digests of its layers, unpacked.
    pub(crate) layers: Vec<Value>,
    /// Its name in the store.
    pub(crate) name: String,
}

impl Buildah {
    /// A new store in `folder`, whatever was there before.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let policy = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
        fs::write(folder.join("policy.json"), policy)?;
        // No place to pull from: whatever is not in the store is an error, at once.
        fs::write(
            folder.join("registries.conf"),
            "unqualified-search-registries = []\n",
        )?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Makes the base image of the tree at `root`.
    pub(crate) fn base(&self, root: &Path) -> Result<()> {
        let working = self.run(["from", "scratch"])?;
        let working = working.trim();
        self.run(["add", "--quiet", working, &text(root)?, "/"])?;
        self.run(["config", "--env", "PATH=/usr/sbin:/usr/bin", working])?;
        let policy = self.policy()?;
        let commit = ["commit", "--quiet", "--timestamp", "0"];
        self.run(
            commit
                .into_iter()
                .chain(["--signature-policy", &policy, working, BASE]),
        )?;
        Ok(())
    }

    /// Builds the image of this repository, of the packaged binaries, on the base.
    pub(crate) fn build(&self, tag: &str) -> Result<Built> {
        let context = self.context(tag)?;
        let name = format!("localhost/contact-manager:{tag}");
        let file = text(&context.join("container/Dockerfile"))?;
        let (policy, context) = (self.policy()?, text(&context)?);
        // OCI's format has no place for a health check.
        self.run([
            "bud",
            "--quiet",
            "--isolation=chroot",
            "--format=docker",
            "--layers=false",
            "--no-cache",
            "--pull-never",
            "--timestamp=0",
            "--build-arg=BINARIES=prebuilt",
            "--build-arg=VERSION=1.2.3",
            "--build-arg=REVISION=0123456789abcdef0123456789abcdef01234567",
            &format!("--build-arg=BASE={BASE}"),
            &format!("--signature-policy={policy}"),
            &format!("--file={file}"),
            &format!("--tag={name}"),
            &context,
        ])?;
        let said = self.run(["inspect", "--type=image", &name])?;
        let mut image: Value = serde_json::from_str(&said)?;
        let mut image = image["Docker"].take();
        let layers = image["rootfs"]["diff_ids"].as_array();
        Ok(Built {
            layers: layers.context("an image has layers")?.clone(),
            config: image["config"].take(),
            name,
        })
    }

    /// A folder with what is in the image.
    pub(crate) fn unpacked(&self, built: &Built) -> Result<PathBuf> {
        let policy = self.policy()?;
        let from = ["from", "--pull-never", "--signature-policy", &policy];
        let working = self.run(from.into_iter().chain([&*built.name]))?;
        let path = self.run(["mount", working.trim()])?;
        Ok(PathBuf::from(path.trim()))
    }

    /// A copy of what a build takes of this repository. No two have the same times or permissions, as no
    /// two clones have.
    fn context(&self, tag: &str) -> Result<PathBuf> {
        let context = self.folder.join(format!("context-{tag}"));
        for folder in ["container", "dist"] {
            fs::create_dir_all(context.join(folder))?;
        }
        for (file, mode) in [
            (".dockerignore", 0o644),
            ("container/Dockerfile", 0o644),
            ("dist/api-container", 0o755),
            (
                "dist/worker-container",
                if tag == "first" { 0o755 } else { 0o700 },
            ),
            ("Cargo.toml", 0o644),
        ] {
            fs::copy(repository().join(file), context.join(file)).context(file)?;
            fs::set_permissions(context.join(file), fs::Permissions::from_mode(mode))?;
        }
        Ok(context)
    }

    fn policy(&self) -> Result<String> {
        text(&self.folder.join("policy.json"))
    }

    fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        let own = [
            OsString::from("--storage-driver=vfs"),
            "--root".into(),
            self.folder.join("store").into(),
            "--runroot".into(),
            self.folder.join("run").into(),
            "--registries-conf".into(),
            self.folder.join("registries.conf").into(),
        ];
        let all = arguments.into_iter().map(|one| one.as_ref().to_owned());
        run("buildah", own.into_iter().chain(all))
    }
}

fn text(path: &Path) -> Result<String> {
    let path = path.to_str().context("the path is UTF-8")?;
    Ok(path.to_owned())
}
