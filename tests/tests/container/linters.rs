//! What linters say of the files in `container/`.

use serde_json::Value;

use contacts_tests::repository;
use contacts_tests::tools::program;

use crate::support::run;

#[test]
fn hadolint_is_content_with_the_dockerfile() {
    let file = repository().join("container/Dockerfile");
    let hadolint = program(&["hadolint"]).unwrap();
    run(
        hadolint,
        ["--failure-threshold=style".as_ref(), file.as_os_str()],
    )
    .unwrap();
}

#[test]
fn the_compose_file_keeps_to_the_compose_specification() {
    let file = repository().join("container/compose.yaml");
    let check = program(&["check-jsonschema"]).unwrap();
    run(
        check,
        [
            "--builtin-schema=vendor.compose-spec".as_ref(),
            file.as_os_str(),
        ],
    )
    .unwrap();
}

#[test]
fn the_configurations_of_prometheus_and_alertmanager_are_valid() {
    let folder = repository().join("container/compose");
    let prometheus = folder.join("prometheus/prometheus.yaml");
    let check = ["check".as_ref(), "config".as_ref(), prometheus.as_os_str()];
    run(program(&["promtool"]).unwrap(), check).unwrap();
    let alertmanager = folder.join("alertmanager.yaml");
    let check = ["check-config".as_ref(), alertmanager.as_os_str()];
    run(program(&["amtool"]).unwrap(), check).unwrap();
}

#[test]
fn what_the_collector_is_to_scrape_is_a_configuration_of_prometheus() {
    let collector = yaml(&repository().join("container/compose/collector.yaml")).unwrap();
    let scraping = tempfile::NamedTempFile::new().unwrap();
    // JSON is YAML as well.
    let text = collector["receivers"]["prometheus"]["config"].to_string();
    std::fs::write(scraping.path(), text).unwrap();
    let check = [
        "check".as_ref(),
        "config".as_ref(),
        scraping.path().as_os_str(),
    ];
    run(program(&["promtool"]).unwrap(), check).unwrap();
}

/// The default of a build argument.
fn argument(dockerfile: &str, name: &str) -> String {
    let lines = dockerfile.lines();
    let mut values = lines.filter_map(|line| line.strip_prefix(&format!("ARG {name}=")));
    values.next().expect(name).to_owned()
}

#[test]
fn the_images_of_the_dockerfile_are_pinned_and_of_the_toolchain_in_use() {
    let root = repository();
    let dockerfile = std::fs::read_to_string(root.join("container/Dockerfile")).unwrap();
    for name in ["BASE", "RUST"] {
        let image = argument(&dockerfile, name);
        let (_, digest) = image.split_once("@sha256:").expect(&image);
        assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()));
    }
    let toolchain = std::fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
    let channel = toolchain.split('"').nth(1).unwrap();
    let image = argument(&dockerfile, "RUST");
    assert!(
        image.starts_with(&format!("rust:{channel}-bookworm@")),
        "{image}"
    );
}

#[test]
fn cargo_is_content_with_what_the_build_is_given() {
    let (root, given) = (repository(), tempfile::tempdir().unwrap());
    let ignored = std::fs::read_to_string(root.join(".dockerignore")).unwrap();
    for path in ignored.lines().filter_map(|line| line.strip_prefix('!')) {
        if !path.starts_with("dist/") {
            let to = given.path().join(path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            let from = root.join(path);
            run("cp", ["-r".as_ref(), from.as_os_str(), to.as_os_str()]).unwrap();
        }
    }
    let manifest = given.path().join("Cargo.toml");
    let words = [
        "metadata",
        "--locked",
        "--format-version=1",
        "--manifest-path",
    ];
    let words = words.map(AsRef::as_ref).into_iter();
    run(env!("CARGO"), words.chain([manifest.as_os_str()])).unwrap();
}

/// A YAML file as JSON, its anchors and merges followed.
pub(crate) fn yaml(path: &std::path::Path) -> anyhow::Result<Value> {
    // The Python of check-jsonschema, which reads YAML by the same library.
    let python = program(&["check-jsonschema"])?.with_file_name("python3");
    let script = "import json, sys; from ruamel.yaml import YAML; \
                  print(json.dumps(YAML(typ='safe').load(open(sys.argv[1]))))";
    let arguments = ["-c".as_ref(), script.as_ref(), path.as_os_str()];
    Ok(serde_json::from_str(&run(python, arguments)?)?)
}
