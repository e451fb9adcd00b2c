//! What Terraform applies is what runs: an environment is applied to a simulated account, read back,
//! started, and used through the load balancer that was applied.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test, in its helpers too"
)]

mod calls;
mod leaving;
mod modules;
mod permissions;
mod tools;

use contacts_tests::{
    client::{Request, Response},
    cloud::{Cloud, Release},
    drill::{deploy, destroy, is_as_planned, switch},
    vcards,
};

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
    for kind in [
        "load_balancers",
        "target_groups",
        "functions",
        "services",
        "tables",
    ] {
        assert_eq!(applied[kind].as_array().map(Vec::len), Some(0), "{kind}");
    }
    let parameters = &applied["parameters"];
    assert!(parameters.as_object().unwrap().is_empty(), "{parameters}");
}
