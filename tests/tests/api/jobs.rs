//! Jobs: work that outlives its request.

use std::time::Duration;

use contacts::{Job, JobId, NewJob};
use contacts_jobs::{Failure, Message};
use contacts_store::{Decision, Done, Op, Progress};
use contacts_tests::app::Caller;
use contacts_tests::client::{Request, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{
    CONTACTS, add, body, card, created, is_id, is_time, members, ok, problem, somebody, text,
};

const JOB: [&str; 11] = [
    "id", "kind", "book", "state", "progress", "outcomes", "created", "started", "updated",
    "finished", "error",
];

/// The path of a new book with so many contacts.
async fn book_of(me: &Caller, count: usize) -> String {
    let book = created(&me.post("/v1/books", &json!({"name": "Full"})).await);
    let path = format!("/v1/books/{}", text(&book["id"]));
    let items: Vec<_> = (0..count)
        .map(|number| json!({"op": "create", "card": card(&format!("Person {number}"))}))
        .collect();
    for some in items.chunks(200) {
        ok(&me
            .post(&format!("{path}/contacts/batch"), &json!({"items": some}))
            .await);
    }
    path
}

/// The job of a 202, which says where to look and when.
fn accepted(response: &Response) -> Value {
    assert_eq!(response.status, 202, "{}", body(response));
    let job = response.json().unwrap();
    assert_eq!(members(&job), JOB);
    is_id(&job["id"]);
    is_time(&job["created"]);
    let location = format!("/v1/jobs/{}", text(&job["id"]));
    assert_eq!(response.text("location"), Some(&*location));
    assert_eq!(response.text("retry-after"), Some("1"));
    job
}

fn at(job: &Value) -> String {
    format!("/v1/jobs/{}", text(&job["id"]))
}

async fn start(me: &Caller, kind: &str, book: &str) -> Value {
    accepted(
        &me.post("/v1/jobs", &json!({"kind": kind, "book": book}))
            .await,
    )
}

fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// A job of another kind than there are, as a later version may leave one.
async fn strange(me: &Caller, kind: &str) -> Job {
    let new = NewJob {
        id: JobId::at(Timestamp::now()),
        kind: kind.to_owned(),
        owner: "somebody".to_owned(),
        origin: contacts_store::Origin::default(),
        book: None,
        total: None,
    };
    me.app.store().create_job(&new, None).await.unwrap()
}

#[tokio::test]
async fn a_book_with_contacts_is_gone_at_once_and_its_job_removes_what_it_held() {
    let me = somebody().await;
    let kept = add(&me, "Kept").await;
    let path = book_of(&me, 120).await;
    let response = me.delete(&path).await;
    let job = accepted(&response);
    assert_eq!(job["kind"], "delete-book");
    assert_eq!(job["book"], id_of(&path));
    assert_eq!(job["state"], "queued");
    assert_eq!(job["progress"], json!({"done": 0, "total": 120}));

    for gone in [
        me.get(&path).await,
        me.delete(&path).await,
        me.patch(&path, &json!({"name": "x"})).await,
        me.get(&format!("{path}/contacts")).await,
        me.get(&format!("{path}/contacts?q=person")).await,
        me.get(&format!("{path}/changes")).await,
        me.post(&format!("{path}/contacts"), &card("x")).await,
        me.post(&format!("{path}/contacts/batch"), &json!({"items": []}))
            .await,
        me.post(
            "/v1/jobs",
            &json!({"kind": "verify-book", "book": id_of(&path)}),
        )
        .await,
    ] {
        problem(&gone, 404, "book-not-found");
    }
    assert_eq!(
        me.all("/v1/books").await.unwrap().len(),
        1,
        "the default book"
    );

    me.app.work().await.unwrap();
    let response = me.get(&at(&job)).await;
    assert_eq!(
        response.text("retry-after"),
        None,
        "there is no more to wait for"
    );
    let done = ok(&response);
    assert_eq!(members(&done), JOB);
    assert_eq!(done["state"], "succeeded");
    assert_eq!(done["progress"], json!({"done": 120, "total": 120}));
    assert_eq!(done["outcomes"], json!({"deleted": 120}));
    assert_eq!(done["error"], Value::Null);
    for moment in ["created", "started", "updated", "finished"] {
        is_time(&done[moment]);
    }
    for item in me.app.items().await.unwrap() {
        let key = item["pk"].as_s().unwrap().to_owned() + item["sk"].as_s().unwrap();
        assert!(!key.contains(id_of(&path)), "{key}");
    }
    assert_eq!(ok(&me.get(&crate::support::at(&kept)).await), kept);
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn elsewhere_a_deleted_book_is_gone_within_seconds() {
    let me = somebody().await;
    let elsewhere = me.app.sibling().await.unwrap();
    let there = Caller {
        app: elsewhere,
        token: me.token.clone(),
    };
    let path = book_of(&me, 3).await;
    let contacts = format!("{path}/contacts");
    let contact = ok(&there.get(&contacts).await)["items"][0].clone();
    let contact = format!("{contacts}/{}", text(&contact["id"]));
    accepted(&me.delete(&path).await);
    // What asks the book itself knows at once, and nothing can be written any more.
    for gone in [
        there.get(&path).await,
        there.patch(&path, &json!({"name": "x"})).await,
        there.delete(&path).await,
        there.post(&contacts, &card("late")).await,
        there.put(&contact, &card("late")).await,
        there.delete(&contact).await,
        there.get(&format!("{path}/changes")).await,
    ] {
        problem(&gone, 404, "book-not-found");
    }
    assert_eq!(there.all("/v1/books").await.unwrap().len(), 1);
    // Membership is remembered for five seconds.
    let gone = async {
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        while there.get(&contacts).await.status != 404 || there.get(&contact).await.status != 404 {
            looks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .unwrap();
    me.app.work().await.unwrap();
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn an_empty_book_goes_without_a_job_and_the_default_book_stays() {
    let me = somebody().await;
    add(&me, "Kept").await;
    let empty = book_of(&me, 0).await;
    assert_eq!(me.delete(&empty).await.status, 204);
    problem(&me.delete("/v1/books/default").await, 409, "default-book");
    assert_eq!(me.all("/v1/jobs").await.unwrap(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_full_book_is_deleted_only_as_its_preconditions_say() {
    let me = somebody().await;
    let path = book_of(&me, 2).await;
    let etag = ok(&me.get(&path).await)["etag"].clone();
    let delete = |tag: &str| me.send(Request::new("DELETE", &path).header("if-match", tag));
    problem(&delete("\"77\"").await, 412, "precondition-failed");
    assert_eq!(ok(&me.get(&path).await)["contacts"], 2);
    accepted(&delete(text(&etag)).await);
    problem(&delete(text(&etag)).await, 404, "book-not-found");
}

#[tokio::test]
async fn jobs_come_newest_first_in_pages() {
    let me = somebody().await;
    add(&me, "Ada").await;
    let mut made = Vec::new();
    for number in 0..7 {
        let kind = ["verify-book", "reindex-book"][number % 2];
        made.insert(0, start(&me, kind, "default").await["id"].clone());
        // While one waits, it is the one that is given.
        assert_eq!(start(&me, kind, "default").await["id"], made[0]);
        let items = me.app.items().await.unwrap();
        let messages = items
            .iter()
            .filter(|item| item["pk"].as_s().unwrap() == "Q");
        assert_eq!(messages.count(), 1);
        me.app.work().await.unwrap();
        // Identifiers sort by the millisecond.
        let now = Timestamp::now().as_millisecond();
        while Timestamp::now().as_millisecond() == now {
            tokio::task::yield_now().await;
        }
    }
    for limit in [1, 2, 3, 7, 8, 500] {
        let listed = me.all(&format!("/v1/jobs?limit={limit}")).await.unwrap();
        let ids: Vec<_> = listed.iter().map(|job| job["id"].clone()).collect();
        assert_eq!(ids, made, "{limit}");
    }
    let whole = ok(&me.get("/v1/jobs?limit=7").await);
    assert_eq!(
        members(&whole),
        ["items"],
        "nothing comes after the last one"
    );
    let page = ok(&me.get("/v1/jobs?limit=2").await);
    let next = format!("/v1/jobs?cursor={}", text(&page["cursor"]));
    let other = me.app.caller("other").await.unwrap();
    problem(&other.get(&next).await, 400, "invalid-parameter");
    for query in ["limit=0", "limit=501", "cursor=x", "state=failed"] {
        problem(
            &me.get(&format!("/v1/jobs?{query}")).await,
            400,
            "invalid-parameter",
        );
    }
    assert_eq!(other.all("/v1/jobs").await.unwrap(), Vec::<Value>::new());
    me.app.work().await.unwrap();
    let all = me.all("/v1/jobs").await.unwrap();
    assert!(all.iter().all(|job| job["state"] == "succeeded"), "{all:?}");
}

#[tokio::test]
async fn a_repeat_with_the_key_gets_the_same_job() {
    let me = somebody().await;
    let request = |kind: &str| {
        let body = json!({"kind": kind, "book": "default"});
        let request = Request::new("POST", "/v1/jobs").header("idempotency-key", "once");
        me.send(request.json(&body))
    };
    let first = request("verify-book").await;
    let job = accepted(&first);
    me.app.work().await.unwrap();
    let again = request("verify-book").await;
    assert_eq!(
        (again.status, &again.body),
        (202, &first.body),
        "as it was answered"
    );
    assert_eq!(again.text("location"), first.text("location"));
    assert_eq!(again.text("retry-after"), Some("1"));
    problem(&request("reindex-book").await, 422, "idempotency-mismatch");
    let all = me.all("/v1/jobs").await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["id"], job["id"]);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_and_frees_its_key() {
    let me = somebody().await;
    let post = |body: Value| {
        let request = Request::new("POST", "/v1/jobs").header("idempotency-key", "key");
        me.send(request.json(&body))
    };
    for kind in [
        "",
        "paint",
        "delete-book",
        "purge",
        "sweep-outbox",
        "VERIFY-BOOK",
    ] {
        let refused = post(json!({"kind": kind, "book": "default"})).await;
        let refused = problem(&refused, 400, "invalid-json");
        let detail = text(&refused["detail"]);
        assert!(detail.contains("reindex-book, verify-book"), "{detail}");
    }
    for wrong in [
        json!({}),
        json!([]),
        json!({"kind": "verify-book"}),
        json!({"book": "default"}),
        json!({"kind": 1, "book": "default"}),
        json!({"kind": "verify-book", "book": "default", "force": true}),
    ] {
        problem(&post(wrong).await, 400, "invalid-json");
    }
    for nowhere in ["x", "00000000000000000000000000"] {
        let refused = post(json!({"kind": "verify-book", "book": nowhere})).await;
        problem(&refused, 404, "book-not-found");
    }
    accepted(&post(json!({"kind": "verify-book", "book": "default"})).await);
}

#[tokio::test]
async fn somebody_elses_job_does_not_exist() {
    let me = somebody().await;
    let mine = start(&me, "verify-book", "default").await;
    let other = me.app.caller("other").await.unwrap();
    for path in [
        at(&mine),
        "/v1/jobs/x".to_owned(),
        format!("/v1/jobs/{}", JobId::random()),
    ] {
        for answer in [
            other.get(&path).await,
            other.delete(&path).await,
            other.get(&format!("{path}/report")).await,
        ] {
            problem(&answer, 404, "job-not-found");
        }
    }
    let book = ok(&me.get("/v1/books/default").await);
    let theirs = json!({"kind": "verify-book", "book": book["id"]});
    problem(
        &other.post("/v1/jobs", &theirs).await,
        404,
        "book-not-found",
    );
    assert_eq!(ok(&me.get(&at(&mine)).await), mine);
}

#[tokio::test]
async fn a_job_is_cancelled_at_once_or_at_its_next_step() {
    let me = somebody().await;
    add(&me, "Ada").await;
    let queued = start(&me, "verify-book", "default").await;
    let response = me.delete(&at(&queued)).await;
    let cancelled = ok(&response);
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(response.text("retry-after"), None);
    is_time(&cancelled["finished"]);

    let running = start(&me, "reindex-book", "default").await;
    let id: JobId = text(&running["id"]).parse().unwrap();
    me.app.store().begin_job(id, 1).await.unwrap().unwrap();
    let response = me.delete(&at(&running)).await;
    assert_eq!(ok(&response)["state"], "running", "until its next step");
    assert_eq!(response.text("retry-after"), Some("1"));
    assert_eq!(ok(&me.delete(&at(&running)).await)["state"], "running");
    me.app.work().await.unwrap();
    let stopped = ok(&me.get(&at(&running)).await);
    assert_eq!(stopped["state"], "cancelled");
    assert_eq!(stopped["progress"]["done"], 0);
    assert_eq!(stopped["error"], Value::Null);
    assert_eq!(
        ok(&me.get(&at(&queued)).await),
        cancelled,
        "no worker revives it"
    );
    // What has ended stays as it ended.
    let done = start(&me, "verify-book", "default").await;
    me.app.work().await.unwrap();
    let done = ok(&me.get(&at(&done)).await);
    assert_eq!(done["state"], "succeeded", "{done}");
    assert_eq!(ok(&me.delete(&at(&done)).await), done);
    assert_eq!(ok(&me.delete(&at(&stopped)).await), stopped);
}

#[tokio::test]
async fn the_deletion_of_a_book_cannot_be_stopped() {
    let me = somebody().await;
    let path = book_of(&me, 1).await;
    let job = accepted(&me.delete(&path).await);
    problem(&me.delete(&at(&job)).await, 409, "job-not-stoppable");
    me.app.work().await.unwrap();
    assert_eq!(ok(&me.delete(&at(&job)).await)["state"], "succeeded");
}

#[tokio::test]
async fn a_failed_job_says_why_and_what_to_do() {
    let me = somebody().await;
    let job = strange(&me, "of-tomorrow").await;
    me.app.tell(&Message::job(job.id)).await.unwrap();
    me.app.work().await.unwrap();
    let failed = ok(&me.get(&format!("/v1/jobs/{}", job.id)).await);
    assert_eq!(failed["state"], "failed");
    is_time(&failed["finished"]);
    let error = &failed["error"];
    assert_eq!(error["type"], "/docs#job-unknown-kind");
    assert!(!text(&error["title"]).is_empty());
    assert!(text(&error["detail"]).contains("make redrive"));
    let docs = body(&me.get("/docs").await);
    for failure in Failure::ALL {
        let anchor = format!("id=\"job-{}\"", failure.code());
        assert!(docs.contains(&anchor), "{anchor}");
    }
}

#[tokio::test]
async fn a_job_on_a_book_that_goes_fails_as_that() {
    let me = somebody().await;
    let path = book_of(&me, 2).await;
    let verify = start(&me, "verify-book", id_of(&path)).await;
    accepted(&me.delete(&path).await);
    me.app.work().await.unwrap();
    let failed = ok(&me.get(&at(&verify)).await);
    assert_eq!(failed["state"], "failed");
    assert_eq!(failed["error"]["type"], "/docs#job-book-deleted");
    me.app.check().await.unwrap();
}

/// Takes the UID rows of all contacts away.
async fn damage(me: &Caller) -> usize {
    let mut count = 0;
    for item in me.app.items().await.unwrap() {
        if item["pk"].as_s().unwrap().starts_with("U#") {
            let delete = me.app.database().delete_item().table_name("contacts");
            let delete = delete
                .key("pk", item["pk"].clone())
                .key("sk", item["sk"].clone());
            delete.send().await.unwrap();
            count += 1;
        }
    }
    count
}

#[tokio::test]
async fn verify_book_finds_and_mends_and_its_report_tells() {
    let me = somebody().await;
    for name in ["Ada", "Bob", "Cleo"] {
        add(&me, name).await;
    }
    let sound = start(&me, "verify-book", "default").await;
    assert_eq!(sound["progress"], json!({"done": 0, "total": 3}));
    me.app.work().await.unwrap();
    let sound = ok(&me.get(&at(&sound)).await);
    assert_eq!(
        sound["outcomes"],
        json!({"found": 0, "leftovers": 0, "mended": 0})
    );
    assert_eq!(sound["progress"], json!({"done": 3, "total": 3}));
    let report = format!("{}/report", at(&sound));
    assert_eq!(ok(&me.get(&report).await), json!({"items": []}));

    assert_eq!(damage(&me).await, 3);
    assert!(me.app.check().await.is_err());
    let job = start(&me, "verify-book", "default").await;
    me.app.work().await.unwrap();
    let job = ok(&me.get(&at(&job)).await);
    assert_eq!(
        job["outcomes"],
        json!({"found": 3, "leftovers": 0, "mended": 3})
    );
    me.app.check().await.unwrap();

    let report = format!("{}/report", at(&job));
    let lines = me.all(&report).await.unwrap();
    assert_eq!(lines.len(), 3);
    for line in &lines {
        is_id(&line["contact"]);
        assert_eq!(line["what"], "the UID row is missing or another contact's");
        assert_eq!(line["mended"], true);
    }
    for limit in [1, 2, 3, 500] {
        assert_eq!(
            me.all(&format!("{report}?limit={limit}")).await.unwrap(),
            lines
        );
    }
    assert_eq!(by_lines(&me, &report).await, lines);
    reports_have_their_errors(&me, &report).await;
}

/// The report as NDJSON, following `Link`.
async fn by_lines(me: &Caller, report: &str) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut path = format!("{report}?limit=2");
    loop {
        let page = me
            .send(Request::new("GET", &path).header("accept", "application/x-ndjson"))
            .await;
        assert_eq!(page.text("content-type"), Some("application/x-ndjson"));
        assert_eq!(page.status, 200);
        let text = body(&page);
        assert!(text.ends_with('\n'));
        lines.extend(
            text.lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
        let Some(link) = page.text("link") else {
            return lines;
        };
        let (target, relation) = link.split_once(">; ").unwrap();
        assert_eq!(relation, "rel=\"next\"");
        path = target.strip_prefix('<').unwrap().to_owned();
    }
}

async fn reports_have_their_errors(me: &Caller, report: &str) {
    let page = ok(&me.get(&format!("{report}?limit=1")).await);
    let cursor = text(&page["cursor"]);
    let another = start(me, "verify-book", "default").await;
    let foreign = format!("{}/report?cursor={cursor}", at(&another));
    problem(&me.get(&foreign).await, 400, "invalid-parameter");
    problem(
        &me.get(&format!("{report}?limit=0")).await,
        400,
        "invalid-parameter",
    );
    let image = Request::new("GET", report).header("accept", "image/png");
    let refused = problem(&me.send(image).await, 406, "not-acceptable");
    assert_eq!(
        refused["offered"],
        json!(["application/json", "application/x-ndjson"])
    );
}

/// Gives the contacts terms as an older version might have.
async fn let_go_of_terms(me: &Caller) {
    let store = me.app.store();
    let book = ok(&me.get("/v1/books/default").await);
    let book = text(&book["id"]).parse().unwrap();
    let page = store.list(book, None, 100).await.unwrap();
    let ops: Vec<Op<()>> = page
        .items
        .iter()
        .map(|item| Op {
            id: Some(item.id),
            decide: Box::new(|stored| {
                let stored = stored.unwrap();
                Ok(Decision::Reindex(Box::new(contacts_store::Entry {
                    uid: stored.head.uid.clone(),
                    json: stored.json.clone(),
                    original: None,
                    vcard_version: None,
                    sort_name: "zzz".to_owned(),
                    summary: "{}".to_owned(),
                    terms: [].into(),
                })))
            }),
        })
        .collect();
    let done = store.write(book, &ops, None).await.unwrap();
    assert!(done.iter().all(|done| matches!(done, Done::Reindexed(_))));
}

#[tokio::test]
async fn reindex_book_makes_contacts_findable_and_leaves_them_as_they_are() {
    let me = somebody().await;
    let vcard = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada Lovelace\r\nX-ODD:1\r\nEND:VCARD\r\n";
    let ada = created(&me.post_vcard(CONTACTS, vcard.as_bytes()).await);
    for number in 0..60 {
        add(&me, &format!("Person {number}")).await;
    }
    let before = me.all(CONTACTS).await.unwrap();
    let found = |query: &str| {
        let (me, path) = (me.clone(), format!("{CONTACTS}?q={query}"));
        async move { me.all(&path).await.unwrap().len() }
    };
    assert_eq!((found("ada").await, found("person").await), (1, 60));
    let_go_of_terms(&me).await;
    assert_eq!((found("ada").await, found("person").await), (0, 0));
    let job = start(&me, "reindex-book", "default").await;
    me.app.work().await.unwrap();
    let job = ok(&me.get(&at(&job)).await);
    assert_eq!(job["state"], "succeeded");
    assert_eq!(job["outcomes"], json!({"changed": 61, "unchanged": 0}));
    assert_eq!((found("ada").await, found("person").await), (1, 60));
    assert_eq!(me.all(CONTACTS).await.unwrap(), before);
    let path = crate::support::at(&ada);
    assert_eq!(ok(&me.get(&path).await), ada);
    assert_eq!(body(&me.get_vcard(&path).await), vcard);
    let again = start(&me, "reindex-book", "default").await;
    me.app.work().await.unwrap();
    let again = ok(&me.get(&at(&again)).await);
    assert_eq!(again["outcomes"], json!({"changed": 0, "unchanged": 61}));
    me.app.check().await.unwrap();
}

#[tokio::test]
async fn a_job_that_has_run_out_is_gone() {
    let me = somebody().await;
    let job = start(&me, "verify-book", "default").await;
    let id: JobId = text(&job["id"]).parse().unwrap();
    let store = me.app.store();
    let begun = store.begin_job(id, 1).await.unwrap().unwrap();
    store
        .checkpoint(&begun, &Progress::default())
        .await
        .unwrap();
    assert_eq!(ok(&me.get(&at(&job)).await)["state"], "succeeded");
    for item in me.app.items().await.unwrap() {
        if item["pk"].as_s().unwrap() == &format!("J#{id}") {
            let mut item = item.clone();
            item.insert(
                "expires_at".to_owned(),
                aws_sdk_dynamodb::types::AttributeValue::N("1".to_owned()),
            );
            let put = me.app.database().put_item().table_name("contacts");
            put.set_item(Some(item)).send().await.unwrap();
        }
    }
    problem(&me.get(&at(&job)).await, 404, "job-not-found");
    assert_eq!(me.all("/v1/jobs").await.unwrap(), Vec::<Value>::new());
    me.app
        .tell(&Message::Schedule("purge".to_owned()))
        .await
        .unwrap();
    me.app.work().await.unwrap();
    let left = me.app.items().await.unwrap();
    let left = left
        .iter()
        .any(|item| item["pk"].as_s().unwrap() == &format!("J#{id}"));
    assert!(!left, "the purge has taken it");
    me.app.check().await.unwrap();
}
