//! The image of `container/Dockerfile`, built from what `make package` builds.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, Result};
use contacts::{Contacts, Identity, NewToken, Scope};
use contacts_embedded::Engine;
use contacts_store::Store;
use contacts_tests::client::{Client, Request};
use contacts_tests::process::{Process, free_address};
use contacts_tests::repository;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

use crate::base;
use crate::buildah::{Buildah, Built};
use crate::support::{run, until};

/// How much the image may be larger than its base.
const LIMIT: u64 = 60 * 1024 * 1024;

/// The image, and its files where a process can be started in them.
#[derive(Debug)]
pub(crate) struct Image {
    built: Built,
    again: Built,
    base: PathBuf,
    root: PathBuf,
    _turn: File,
}

/// The image that all tests of this binary share, built by the first that asks.
pub(crate) async fn image() -> &'static Image {
    static SHARED: OnceCell<Image> = OnceCell::const_new();
    let make = || async {
        let made = tokio::task::spawn_blocking(Image::make).await;
        made.expect("making it does not panic")
            .unwrap_or_else(|error| panic!("{error:#}"))
    };
    SHARED.get_or_init(make).await
}

/// What a container engine does for a process, by the kernel alone: a root that is read-only, `/proc` in
/// it, and the user and the group, by number and without further groups.
const ENTER: &str = r#"
    set -e
    mount --bind "$0" "$0"
    mount --rbind /proc "$0/proc"
    mount -o remount,bind,ro "$0"
    user=$1
    shift
    exec chroot --userspec="$user" --groups= "$0" "$@"
"#;

impl Image {
    fn make() -> Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("container");
        // Until this process ends: another run would begin by clearing the folder.
        let turn = File::create(folder.with_extension("lock"))?;
        turn.lock()?;
        let store = Buildah::new(&folder)?;
        let base = folder.join("base");
        base::unpack(&base)?;
        store.base(&base)?;
        run(
            "make",
            [
                "--directory".as_ref(),
                repository().as_os_str(),
                "package-container".as_ref(),
            ],
        )?;
        let built = store.build("first")?;
        let again = store.build("again")?;
        let root = store.unpacked(&built)?;
        Ok(Self {
            built,
            again,
            base,
            root,
            _turn: turn,
        })
    }

    /// Starts a command in the image as an engine would that is told of a read-only root. The environment
    /// is the image's, and over it the given one.
    pub(crate) fn start(
        &self,
        command: &[&str],
        environment: &[(String, String)],
    ) -> Result<Process> {
        let root = self.root.to_str().context("the path is UTF-8")?;
        let user = self.built.config["User"].as_str().context("a user")?;
        let mut arguments = vec!["--mount", "/bin/sh", "-c", ENTER, root, user];
        arguments.extend(command);
        let own = self.built.config["Env"].as_array().into_iter().flatten();
        let own = own.filter_map(|pair| pair.as_str()?.split_once('='));
        let mut all: Vec<_> = own
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        all.extend_from_slice(environment);
        Process::start(Path::new("/usr/bin/unshare"), &arguments, &all)
    }

    /// Runs a command in the image to its end.
    pub(crate) async fn run(
        &self,
        command: &[&str],
        environment: &[(String, String)],
    ) -> Result<ExitStatus> {
        Ok(self.start(command, environment)?.wait().await?)
    }

    /// The command of the image's own health check.
    fn health_check(&self) -> Vec<&str> {
        let test = self.built.config["Healthcheck"]["Test"].as_array().unwrap();
        let words: Vec<&str> = test.iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(words[0], "CMD", "without a shell there is no CMD-SHELL");
        words[1..].to_vec()
    }
}

fn pair(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

/// A line of `/proc/PID/status`.
fn status<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().split_whitespace().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_as_its_user_on_a_read_only_root() {
    let image = image().await;
    let engine = Engine::memory().unwrap();
    let contacts = Contacts::new(Store::new(engine.client(), "contacts", 90));
    contacts.store().create_table().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let database = contacts_embedded::serve(engine, listener).await.unwrap();
    let maker = Identity {
        principal: "somebody".to_owned(),
        scopes: Scope::ALL.to_vec(),
    };
    let new = NewToken {
        name: "test".to_owned(),
        scopes: Scope::ALL.to_vec(),
        expires: None,
    };
    let (_, token) = contacts.create_token(&maker, &new).await.unwrap();

    let address = free_address().unwrap();
    let own = database.environment();
    let mut environment = own.map(|(name, value)| pair(name, value)).to_vec();
    environment.extend([
        pair("CONTACTS_TABLE", "contacts"),
        pair("CONTACTS_LISTEN", address),
        pair("CONTACTS_METRICS_LISTEN", free_address().unwrap()),
    ]);
    let check = image.health_check();
    let unborn = image.run(&check, &environment).await.unwrap();
    assert_eq!(unborn.code(), Some(1), "nobody answers yet");

    let command = image.built.config["Cmd"].as_array().unwrap();
    let command: Vec<&str> = command.iter().map(|word| word.as_str().unwrap()).collect();
    let mut process = image.start(&command, &environment).unwrap();
    until("a healthy API", async || {
        Ok(image.run(&check, &environment).await?.success())
    })
    .await
    .unwrap_or_else(|error| panic!("{error}: {}", process.output()));

    let client = Client::new(address);
    let path = "/v1/books/default/contacts";
    let card = json!({"@type": "Card", "version": "1.0", "name": {"full": "Ada Lovelace"}});
    let create = Request::new("POST", path).json(&card).bearer(&token);
    let created = client.send(&create).await.unwrap();
    assert_eq!(created.status, 201, "{created:?}");
    let location = created.text("location").unwrap();
    let read = Request::new("GET", location).bearer(&token);
    let read = client.send(&read).await.unwrap();
    assert_eq!(read.json().unwrap()["card"]["name"], card["name"]);

    let proc = PathBuf::from(format!("/proc/{}", process.pid()));
    let text = fs::read_to_string(proc.join("status")).unwrap();
    assert_eq!(status(&text, "Uid:"), ["65532"; 4]);
    assert_eq!(status(&text, "Gid:"), ["65532"; 4]);
    assert!(status(&text, "Groups:").is_empty());
    assert_eq!(status(&text, "CapEff:"), ["0000000000000000"]);
    let mounts = fs::read_to_string(proc.join("mountinfo")).unwrap();
    // The fifth field is the place as the process sees it, the sixth how it is mounted (proc(5)).
    let root = mounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        (fields[4] == "/").then(|| fields[5].to_owned())
    });
    assert!(root.unwrap().split(',').any(|option| option == "ro"));

    let ended = process.terminate(Duration::from_mins(1)).await.unwrap();
    assert_eq!(ended.code(), Some(0), "{}", process.output());
}

#[tokio::test]
async fn there_is_no_shell_and_nothing_that_its_user_could_change() {
    let image = image().await;
    for shell in ["/bin/sh", "/bin/bash", "/bin/busybox", "/usr/bin/env"] {
        let ended = image.run(&[shell], &[]).await.unwrap();
        assert_eq!(
            ended.code(),
            Some(127),
            "{shell}: not found, says chroot(1)"
        );
    }
    for (path, entry) in tree(&image.root) {
        assert_eq!((entry.uid(), entry.gid()), (0, 0), "{}", path.display());
        let is_for_all = path.ends_with("tmp") || entry.is_symlink();
        let writable = entry.mode() & 0o022 != 0;
        assert!(is_for_all || !writable, "{}", path.display());
    }
    for binary in ["api-container", "worker-container"] {
        let mode = fs::metadata(image.root.join(binary)).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o555, "{binary}");
    }
}

#[tokio::test]
async fn it_says_what_it_is_and_how_to_run_it() {
    let config = &image().await.built.config;
    let label = |name: &str| config["Labels"][format!("org.opencontainers.image.{name}")].clone();
    assert_eq!(label("title"), "contact-manager");
    assert_eq!(label("licenses"), "Apache-2.0");
    assert_eq!(label("version"), "1.2.3");
    assert_eq!(
        label("revision"),
        "0123456789abcdef0123456789abcdef01234567"
    );
    assert_eq!(config["User"], "65532:65532");
    // Else a task definition's command would be its arguments.
    assert!(config["Entrypoint"].as_array().is_none_or(Vec::is_empty));
    assert_eq!(config["Cmd"], json!(["/api-container"]));
    assert_eq!(config["StopSignal"], "SIGTERM");
    assert!(config["ExposedPorts"]["8080/tcp"].is_object(), "{config}");
}

#[tokio::test]
async fn it_adds_two_files_and_less_than_sixty_megabytes_to_its_base() {
    let image = image().await;
    let files = |root: &Path| {
        let entries = tree(root).into_iter().filter(|(_, entry)| entry.is_file());
        let own = |path: PathBuf| path.strip_prefix(root).unwrap().to_owned();
        entries
            .map(|(path, entry)| (own(path), entry.len()))
            .collect::<Vec<_>>()
    };
    let base = files(&image.base);
    let added: Vec<_> = files(&image.root)
        .into_iter()
        .filter(|file| !base.contains(file))
        .collect();
    let names: Vec<_> = added
        .iter()
        .map(|(path, _)| path.to_str().unwrap())
        .collect();
    assert_eq!(names, ["api-container", "worker-container"]);
    let bytes: u64 = added.iter().map(|(_, bytes)| bytes).sum();
    assert!(bytes <= LIMIT, "{bytes} bytes");
}

#[tokio::test]
async fn built_twice_it_has_the_same_layers() {
    let image = image().await;
    assert_eq!(image.built.layers.len(), 2, "the base's and its own");
    assert_eq!(image.built.layers, image.again.layers);
}

/// Every entry below a folder, sorted.
fn tree(root: &Path) -> Vec<(PathBuf, fs::Metadata)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            found.push((path, metadata));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}
