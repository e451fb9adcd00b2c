//! Neither artifact carries the other's dependencies, and neither the embedded database.

use std::collections::BTreeSet;
use std::process::Command;

/// What a door is built from: each package as `name`, each of its enabled features as `name/feature`.
fn built_from(door: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--package",
            "worker",
            "--no-default-features",
        ])
        .args([
            "--features",
            door,
            "--edges",
            "normal,features",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
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

fn assert_without(built: &BTreeSet<String>, unwanted: &[&str]) {
    let found: Vec<_> = built
        .iter()
        .filter(|name| unwanted.contains(&name.as_str()))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_lambda_build_has_no_server_and_no_prometheus_exporter() {
    let built = built_from("lambda");
    assert!(
        built.contains("lambda_runtime") && built.contains("aws-sdk-sqs"),
        "{built:?}"
    );
    assert_without(
        &built,
        &[
            "axum",
            "contacts-http",
            "hyper/server",
            "hyper-util/server",
            "lambda_http",
            "metrics-exporter-prometheus",
        ],
    );
}

#[test]
fn the_container_build_has_nothing_of_lambda() {
    let built = built_from("container");
    assert!(
        built.contains("hyper/server") && built.contains("aws-sdk-sqs"),
        "{built:?}"
    );
    let of_lambda: Vec<_> = built
        .iter()
        .filter(|name| name.contains("lambda"))
        .collect();
    assert!(of_lambda.is_empty(), "{of_lambda:?}");
}

#[test]
fn no_build_has_the_embedded_database() {
    for door in ["lambda", "container"] {
        assert_without(
            &built_from(door),
            &[
                "contacts-embedded",
                "dynoxide-rs",
                "rusqlite",
                "libsqlite3-sys",
            ],
        );
    }
}
