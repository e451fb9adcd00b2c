//! The tests of `infra/tools`, which are in its own language.

use std::{path::Path, process::Command};

use contacts_tests::moto;

#[test]
fn the_tools_do_what_their_tests_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let done = Command::new(moto::python().unwrap())
        .args(["-m", "unittest", "discover", "infra/tools/tests"])
        .current_dir(root)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("\nOK"), "{said}");
}
