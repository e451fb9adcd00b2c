//! The packaged artifacts of `make package`, as they are deployed.

mod dependencies;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use contacts_tests::client::Request;
use contacts_tests::twins::{Twins, member};
use serde_json::json;

/// Amazon Linux 2023, where both run, has glibc 2.34.
const GLIBC: (u32, u32) = (2, 34);

fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
    let done = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Asserts that the file is for this machine and needs no newer glibc than there will be.
fn fits_amazon_linux(binary: &Path) {
    let path = binary.to_str().expect("the path is UTF-8");
    let head = run(
        "readelf",
        &["--wide", "--file-header", path],
        Path::new("/"),
    );
    assert!(head.contains("ELF64") && head.contains("X86-64"), "{head}");
    let symbols = run(
        "readelf",
        &["--wide", "--version-info", path],
        Path::new("/"),
    );
    let versions: Vec<(u32, u32)> = symbols
        .split("GLIBC_")
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
            let mut parts = rest[..end.unwrap_or(rest.len())].split('.');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        })
        .collect();
    let newest = versions.iter().max().expect("it is linked with glibc");
    assert!(*newest <= GLIBC, "{path} needs glibc {newest:?}");
}

#[tokio::test]
async fn the_packaged_artifacts_start_and_give_the_same_bytes() {
    let root = contacts_tests::repository().canonicalize().unwrap();
    // Cargo decides what is to be built.
    run("make", &["package"], &root);
    let container = root.join("dist/api-container");

    let folder = tempfile::tempdir().unwrap();
    let zip = root.join("dist/api-lambda.zip");
    let unzip = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nz.extractall(sys.argv[2])\nprint(*(f'{i.filename} {i.external_attr >> 16 & 0o777:o}' for i in z.infolist()))";
    let entries = run(
        "python3",
        &[
            "-c",
            unzip,
            zip.to_str().unwrap(),
            folder.path().to_str().unwrap(),
        ],
        &root,
    );
    let entries = entries.trim();
    assert!(
        entries.starts_with("bootstrap 7") && !entries.contains('\n'),
        "{entries}"
    );
    let bootstrap = folder.path().join("bootstrap");
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).unwrap();

    for binary in [&container, &bootstrap] {
        fits_amazon_linux(binary);
    }
    let twins = Twins::of(&container, &bootstrap, &[], 1).await.unwrap();
    let contacts = "/v1/books/default/contacts";
    let card = json!({"@type": "Card", "version": "1.0", "name": {"full": "Ada Lovelace"}});
    let made = twins
        .each(|_| Request::new("POST", contacts).json(&card))
        .await;
    assert_eq!(made[0].status, 201);
    for id in member(&made, "id").unwrap() {
        for accept in ["application/json", "text/vcard"] {
            let read = Request::new("GET", format!("{contacts}/{id}")).header("accept", accept);
            assert_eq!(twins.same(read).await.status, 200);
        }
    }
    let found = twins
        .same(Request::new("GET", format!("{contacts}?q=love")))
        .await;
    assert_eq!(found.json().unwrap()["items"].as_array().unwrap().len(), 2);
}
