//! An environment is applied to a simulated account, used, moved through the targets and destroyed.

use std::{fs, path::Path};

use anyhow::Result;
use contacts_tests::{
    client::{Request, Response},
    cloud::{Cloud, Release},
    drill::{deploy, destroy, is_as_planned, release_with, switch},
    vcards,
};
use serde_json::Value;
use tempfile::TempDir;

/// What the simulated account still holds of an environment that is gone, and why that is as it should be.
const STAYS: [(&str, &str); 10] = [
    ("cloudwatch.metric_data.", "for 15 months they can be read"),
    ("kms.keys.", "for 30 days they can be brought back"),
    ("iam.access_keys.", "a task's own, which end by themselves"),
    (
        "sts.assumed_roles.",
        "a task's own, which end by themselves",
    ),
    ("ssm._parameters./aws/service/", "AWS's own"),
    ("ec2.enis.", "on AWS they go with their host"),
    ("ec2.volumes.", "on AWS they go with their host"),
    (
        "ec2.launch_template_insert_order.",
        "an order of what is gone",
    ),
    ("ec2.network_acls.", "on AWS they go with their VPC"),
    ("ec2.tags.", "on AWS they go with what they are on"),
];

const CONTACTS: &str = "/v1/books/default/contacts";

async fn get(cloud: &Cloud, path: &str, token: Option<&str>, accept: &str) -> Response {
    let request = Request::new("GET", path).header("host", "contacts.example");
    let request = request.header("accept", accept);
    let request = match token {
        Some(token) => request.bearer(token),
        None => request,
    };
    cloud.alb.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_is_applied_used_moved_through_the_targets_and_destroyed() {
    // Others may be building.
    let release = tokio::task::spawn_blocking(Release::packaged).await;
    let release = release.unwrap().unwrap();
    let cloud = Cloud::start().await.unwrap();
    deploy(&cloud, "lambda", &release).await.unwrap();
    is_as_planned(&cloud).await.unwrap();
    assert_eq!(get(&cloud, "/health", None, "*/*").await.status, 200);
    for nowhere in ["/metrics", "/", "/v2/books"] {
        assert_eq!(
            get(&cloud, nowhere, None, "*/*").await.status,
            404,
            "{nowhere}"
        );
    }
    let token = cloud.token("ada").await.unwrap();

    let mut sent = Vec::new();
    for vcard in vcards::all().unwrap() {
        let create = Request::new("POST", CONTACTS).header("host", "contacts.example");
        let create = create.bearer(&token).body("text/vcard", vcard.clone());
        let created = cloud.alb.send(create).await;
        if created.status == 201 {
            let id = created.json().unwrap()["id"].as_str().unwrap().to_owned();
            sent.push((id, vcard));
        }
    }

    let folder = TempDir::new().unwrap();
    let second = another(&release, folder.path()).unwrap();
    deploy(&cloud, "lambda", &second).await.unwrap();
    is_as_planned(&cloud).await.unwrap();

    // `make drill` goes all six ways.
    for (target, left) in [("fargate", (0, 2)), ("ec2", (0, 2))] {
        let report = switch(&cloud, &token, target).await.unwrap();
        assert!(
            report.is_unharmed(),
            "{target}: {report}\n{}",
            cloud.logs().await
        );
        let applied = cloud.applied().await.unwrap();
        let count = |kind: &str| applied[kind].as_array().map_or(0, Vec::len);
        assert_eq!((count("functions"), count("services")), left, "{target}");
        for (id, vcard) in &sent {
            let path = format!("{CONTACTS}/{id}");
            let read = get(&cloud, &path, Some(&token), "text/vcard").await;
            assert_eq!(read.body, *vcard, "{target}");
        }
    }
    let check = cloud.store().await.unwrap().check().await.unwrap();
    assert_eq!(check.findings, []);

    destroy(&cloud).await.unwrap();
    let applied = cloud.applied().await.unwrap();
    let added = applied["added"].as_array().unwrap();
    let left = added.iter().filter_map(Value::as_str);
    let left: Vec<_> = left
        .filter(|name| !STAYS.iter().any(|(kind, _)| name.starts_with(kind)))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
}

/// A release of the same programs whose zips are others.
fn another(release: &Release, folder: &Path) -> Result<Release> {
    let other = release_with(release, folder, &[])?;
    for name in ["api-lambda.zip", "worker-lambda.zip"] {
        let zip = folder.join(name);
        let mut bytes = fs::read(&zip)?;
        // The last field of a zip is the length of its comment, which follows.
        let comment = b"another";
        let end = bytes.len() - 2;
        bytes[end..].copy_from_slice(&u16::try_from(comment.len())?.to_le_bytes());
        bytes.extend(comment);
        fs::write(&zip, bytes)?;
    }
    Ok(other)
}
