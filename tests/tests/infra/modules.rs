//! Terraform's own tests of each module and root, with a provider that is not there.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
};

/// At once: each takes a processor for its provider.
const AT_ONCE: usize = 2;

/// The folders that have tests.
fn tested(infra: &Path) -> VecDeque<PathBuf> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).unwrap();
        entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect()
    };
    let mut all = vec![infra.join("bootstrap")];
    for group in ["modules", "environments"] {
        all.extend(folders(&infra.join(group)));
    }
    all.retain(|folder| folder.join("tests").is_dir());
    all.sort();
    all.into()
}

fn terraform(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let done = Command::new("terraform")
        .args(arguments)
        .current_dir(folder)
        .env("TF_IN_AUTOMATION", "1")
        .env_remove("AWS_PROFILE")
        .output()
        .map_err(|error| format!("terraform cannot be started: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let said = [done.stdout, done.stderr].concat();
    Err(format!(
        "{} {arguments:?}: {}",
        folder.display(),
        String::from_utf8_lossy(&said)
    ))
}

#[test]
fn every_module_does_what_its_tests_say() {
    let copy = tempfile::tempdir().unwrap();
    let infra = contacts_tests::cloud::copy_of_infra(copy.path()).unwrap();
    let waiting = Mutex::new(tested(&infra));
    let next = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    let work = || {
        let mut wrong = Vec::new();
        while let Some(folder) = next() {
            let init = ["init", "-backend=false", "-input=false", "-no-color"];
            let tested = terraform(&folder, &init)
                .and_then(|()| terraform(&folder, &["validate", "-no-color"]))
                .and_then(|()| terraform(&folder, &["test", "-no-color"]));
            wrong.extend(tested.err());
        }
        wrong
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
