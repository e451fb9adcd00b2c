//! The tests of `infra/tools` and of the workflows' shell, which are in another language.

use std::process::Command;

use contacts_tests::moto;

#[test]
fn the_tools_do_what_their_tests_say() {
    python_tests_pass("infra/tools/tests");
}

#[test]
fn the_shell_of_the_workflows_does_what_its_tests_say() {
    python_tests_pass(".github/tests");
}

fn python_tests_pass(folder: &str) {
    let done = Command::new(moto::python().unwrap())
        .args(["-m", "unittest", "discover", folder])
        .current_dir(contacts_tests::repository())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("\nOK"), "{said}");
}
