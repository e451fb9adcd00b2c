//! Neither target's artifacts carry the other's dependencies, and none the embedded database.

use std::collections::BTreeSet;
use std::process::Command;

/// What is deployed; `make package` builds all of it for one target together.
const ALL: &[&str] = &["api", "worker"];

/// What functions are built from for a target: each package as `name`, each of its enabled features as
/// `name/feature`.
fn built_from(functions: &[&str], target: &str) -> BTreeSet<String> {
    let packages = functions.iter().flat_map(|name| ["--package", name]);
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--no-default-features"])
        .args(packages)
        .args(["--features", target])
        .args(["--edges", "normal,features", "--prefix", "none"])
        .current_dir(contacts_tests::repository())
        .output()
        .expect("cargo runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    // Lines are `name v1.2.3 …` or `name feature "feature" …`.
    String::from_utf8(output.stdout)
        .expect("it is text")
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            match (words.next()?, words.next(), words.next()) {
                (name, Some("feature"), Some(feature)) => {
                    Some(format!("{name}/{}", feature.trim_matches('"')))
                }
                (name, ..) => Some(name.to_owned()),
            }
        })
        .collect()
}

fn assert_with(built: &BTreeSet<String>, wanted: &[&str]) {
    assert!(wanted.iter().all(|name| built.contains(*name)), "{built:?}");
}

fn assert_without(built: &BTreeSet<String>, unwanted: &[&str]) {
    let found: Vec<_> = built
        .iter()
        .filter(|name| unwanted.contains(&name.as_str()))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_lambda_builds_have_no_server_and_no_prometheus_exporter() {
    let server = [
        "axum/tokio",
        "axum/http1",
        "axum/http2",
        "hyper/server",
        "hyper-util/server",
        "contacts-http/server",
        "metrics-exporter-prometheus",
    ];
    for functions in [ALL, &["api"], &["worker"]] {
        assert_without(&built_from(functions, "lambda"), &server);
    }
    assert_with(
        &built_from(&["api"], "lambda"),
        &["lambda_http/alb", "axum"],
    );
    let worker = built_from(&["worker"], "lambda");
    assert_with(&worker, &["lambda_runtime", "aws-sdk-sqs"]);
    assert_without(&worker, &["axum", "contacts-http", "lambda_http"]);
}

#[test]
fn the_container_builds_have_nothing_of_lambda() {
    for (functions, wanted) in [
        (ALL, "axum"),
        (&["api"], "axum"),
        (&["worker"], "aws-sdk-sqs"),
    ] {
        let built = built_from(functions, "container");
        assert_with(&built, &["hyper/server", wanted]);
        let of_lambda: Vec<_> = built
            .iter()
            .filter(|name| name.contains("lambda"))
            .collect();
        assert!(of_lambda.is_empty(), "{of_lambda:?}");
    }
}

#[test]
fn no_deployed_build_has_the_embedded_database() {
    let engine = [
        "contacts-embedded",
        "dynoxide-rs",
        "rusqlite",
        "libsqlite3-sys",
    ];
    for target in ["lambda", "container"] {
        assert_without(&built_from(ALL, target), &engine);
    }
}
