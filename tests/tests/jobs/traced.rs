//! What belongs to one request can be found in the logs of whoever worked for it.

use std::time::Duration;

use contacts_tests::calls::Role;
use contacts_tests::client::{Client, Request};
use contacts_tests::process::{Server, build};
use contacts_tests::worker::Site;
use serde_json::Value;

const TRACE: &str = "1-67891233-abcdef012345678912345678";

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_a_job_are_logged_under_the_request_that_asked_for_it() {
    let site = Site::new(Duration::from_secs(30)).await.unwrap();
    let (code, token) = site.command(&["token", "ada"]).await.unwrap();
    assert_eq!(code, Some(0), "{token}");
    let api = tokio::task::spawn_blocking(|| build("api", "api-container", &["container"]));
    let api = api.await.unwrap().unwrap();
    let api = Server::start(&api, &site.environment_of(Role::Api))
        .await
        .unwrap();
    let client = Client::new(api.address);
    let send = async |method: &str, path: &str, body: Option<Value>| {
        let request = Request::new(method, path).bearer(token.trim());
        let request = request
            .header("x-request-id", "who-asked")
            .header("x-amzn-trace-id", format!("Root={TRACE};Sampled=0"));
        let request = body
            .iter()
            .fold(request, |request, body| request.json(body));
        client.send(&request).await.unwrap()
    };
    let book = send(
        "POST",
        "/v1/books",
        Some(serde_json::json!({"name": "Old"})),
    )
    .await;
    let book = book.json().unwrap()["id"].as_str().unwrap().to_owned();
    let card = serde_json::json!({"@type": "Card", "version": "1.0", "name": {"full": "Ada"}});
    let made = send("POST", &format!("/v1/books/{book}/contacts"), Some(card)).await;
    assert_eq!(made.status, 201);
    let gone = send("DELETE", &format!("/v1/books/{book}"), None).await;
    assert_eq!(gone.status, 202);
    let job = gone.json().unwrap()["id"].as_str().unwrap().to_owned();

    let worker = site.container().await.unwrap();
    let step = worker.process.output();
    let step = step.wait_for(|line| line.text.contains("a step")).await;
    let step: Value = serde_json::from_str(&step.unwrap().text).unwrap();
    let answered = api.process.output();
    let answered = answered.wait_for(|line| line.text.contains("DELETE")).await;
    let answered: Value = serde_json::from_str(&answered.unwrap().text).unwrap();
    for (field, value) in [("request_id", "who-asked"), ("trace_id", TRACE)] {
        assert_eq!(answered[field], value, "{answered}");
        assert_eq!(step[field], value, "{step}");
    }
    assert_eq!(step["job"], job.as_str(), "{step}");
    assert_eq!(step["outcome"], "done", "{step}");
}
