//! Lambda targets, by a real process behind the runtime API.

use std::time::Duration;

use contacts_tests::{
    alb::{MAX_ANSWER, MAX_LAMBDA_BODY, alb_health_check_event, api_gateway_v2_event},
    client::Request,
    lambda_runtime::{FunctionError, Sandboxes},
    process::Stream,
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use crate::{
    events::ODD_PATHS,
    support::{echo_function, echo_lambda, lines, text},
};

fn get(target: &str) -> Request {
    Request::new("GET", target).header("host", "contacts.example")
}

#[tokio::test]
async fn a_function_sees_the_request_with_the_load_balancers_headers() {
    let (alb, _sandboxes) = echo_lambda(1).await;
    let request = get("/items?b=2&a=1&b=%20three")
        .header("x-twice", "one")
        .header("X-Twice", "two")
        .header("x-forwarded-for", "1.2.3.4")
        .header("x-forwarded-proto", "gopher");
    let response = alb.send(request).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.text("server"), Some("awselb/2.0"));
    let lines = lines(&response);
    for line in [
        "GET /items",
        "query a=1",
        "query b=2",
        "query b= three",
        "host: contacts.example",
        "x-twice: one",
        "x-twice: two",
        "x-forwarded-for: 1.2.3.4, 203.0.113.7",
        "x-forwarded-proto: https",
        "x-forwarded-port: 443",
    ] {
        assert!(
            lines.iter().any(|known| known == line),
            "{line} not in {lines:#?}"
        );
    }
}

#[tokio::test]
async fn a_function_sees_odd_paths_and_hostile_hosts_as_they_were_sent() {
    let (alb, _sandboxes) = echo_lambda(1).await;
    for path in ODD_PATHS {
        let response = alb.send(get(path)).await;
        assert_eq!(lines(&response)[0], format!("GET {path}"));
    }
    for host in ["x/items/7?z=", "foo:99999", "a b"] {
        let response = alb
            .send(Request::new("GET", "/echo").header("host", host))
            .await;
        assert!(
            text(&response).contains(&format!("host: {host}\n")),
            "{host}"
        );
    }
}

#[tokio::test]
async fn binary_bodies_survive_in_both_directions() {
    let (alb, _sandboxes) = echo_lambda(1).await;
    let bytes: Vec<u8> = (0..=255).collect();
    let upload = Request::new("POST", "/echo")
        .header("host", "h")
        .body("image/png", bytes.clone());
    let response = alb.send(upload).await;
    assert!(text(&response).contains(&format!("body {}\n", bytes.escape_ascii())));
    assert_eq!(alb.send(get("/binary")).await.body, bytes);
}

#[tokio::test]
async fn request_bodies_end_at_one_megabyte() {
    let (alb, _sandboxes) = echo_lambda(1).await;
    for (size, status) in [(MAX_LAMBDA_BODY, 204), (MAX_LAMBDA_BODY + 1, 413)] {
        for content_type in ["text/plain", "image/png"] {
            let body = vec![b'a'; size];
            let request = Request::new("POST", "/no-content")
                .header("host", "h")
                .body(content_type, body);
            assert_eq!(
                alb.send(request).await.status,
                status,
                "{size} {content_type}"
            );
        }
    }
}

#[tokio::test]
async fn answers_end_at_one_megabyte_of_json() {
    let (alb, sandboxes) = echo_lambda(1).await;
    let whole = |size: usize| get(&format!("/large?size={size}"));
    let event = contacts_tests::alb::alb_event(&whole(1000));
    let around = sandboxes.invoke(&event).await.unwrap().payload.len() - 1000;
    let largest = MAX_ANSWER - around;
    let response = alb.send(whole(largest)).await;
    assert_eq!((response.status, response.body.len()), (200, largest));
    assert_eq!(alb.send(whole(largest + 1)).await.status, 502);
}

#[tokio::test]
async fn repeated_headers_and_bodiless_answers_come_through() {
    let (alb, _sandboxes) = echo_lambda(1).await;
    let cookies = alb.send(get("/cookies")).await;
    let values: Vec<_> = cookies.all("set-cookie").collect();
    assert_eq!(values, [b"a=1; Path=/", b"b=2; Path=/"]);
    for (path, status) in [("/no-content", 204), ("/not-modified", 304)] {
        let response = alb.send(get(path)).await;
        assert_eq!((response.status, response.body.len()), (status, 0));
        assert_eq!(response.first("content-length"), None);
    }
    let head = alb
        .send(Request::new("HEAD", "/echo").header("host", "h"))
        .await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn an_error_is_502_and_the_sandbox_lives_on() {
    let (alb, sandboxes) = echo_lambda(1).await;
    let response = alb.send(get("/error")).await;
    assert_eq!(response.status, 502);
    assert!(text(&response).contains("<h1>502 Bad Gateway</h1>"));
    assert_eq!(alb.send(get("/echo")).await.status, 200);
    assert_eq!(sandboxes.starts().len(), 1);
    let error = sandboxes
        .invoke(&contacts_tests::alb::alb_event(&get("/error")))
        .await;
    let Err(FunctionError::Reported(report)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(report["errorMessage"], "told to fail");
}

#[tokio::test]
async fn a_process_that_ends_or_hangs_is_502_and_replaced() {
    let (alb, sandboxes) = echo_lambda(1).await;
    for (path, reason) in [("/exit", "exit status: 3"), ("/hang", "within 2s")] {
        assert_eq!(alb.send(get(path)).await.status, 502);
        assert_eq!(alb.send(get("/echo")).await.status, 200);
        let last = sandboxes.starts().pop().unwrap();
        assert!(
            last.after
                .clone()
                .is_some_and(|after| after.contains(reason)),
            "{last:?}"
        );
    }
    assert_eq!(sandboxes.starts().len(), 3);
}

#[tokio::test]
async fn a_sandbox_that_dies_while_idle_is_replaced_unnoticed() {
    let (alb, sandboxes) = echo_lambda(1).await;
    let pid = sandboxes.starts()[0].pid;
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
    while sandboxes.starts().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(alb.send(get("/echo")).await.status, 200);
    let after = sandboxes.starts()[1].after.clone().unwrap();
    assert!(after.contains("while idle"), "{after}");
}

#[tokio::test]
async fn a_function_that_does_not_start_says_so() {
    let function = echo_function().env("ECHO_FAILS_TO_START", "1");
    let error = Sandboxes::start(function, 1).await.unwrap_err();
    assert!(matches!(error, FunctionError::Init(_)));
    assert!(error.to_string().contains("exit status: 1"), "{error}");
}

#[tokio::test]
async fn two_sandboxes_serve_two_events_at_once() {
    let (alb, sandboxes) = echo_lambda(2).await;
    let slow = tokio::spawn({
        let alb = alb.clone();
        async move { alb.send(get("/hang")).await.status }
    });
    for _ in 0..3 {
        assert_eq!(alb.send(get("/echo")).await.status, 200);
    }
    assert!(!slow.is_finished());
    assert_eq!(slow.await.unwrap(), 502);
    assert!(
        sandboxes
            .starts()
            .iter()
            .all(|start| start.init > Duration::ZERO)
    );
}

#[tokio::test]
async fn what_a_function_writes_is_captured() {
    let (alb, sandboxes) = echo_lambda(1).await;
    alb.send(get("/log")).await;
    let output = sandboxes.output();
    for (stream, text) in [(Stream::Out, "to stdout"), (Stream::Err, "to stderr")] {
        output
            .wait_for(|line| line.stream == stream && line.text == text)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn health_checks_and_api_gateway_events_are_answered_too() {
    let (_alb, sandboxes) = echo_lambda(1).await;
    let health = sandboxes
        .invoke(&alb_health_check_event("/health"))
        .await
        .unwrap();
    assert_eq!(health.json().unwrap()["statusCode"], 200);
    let gateway = sandboxes
        .invoke(&api_gateway_v2_event(&get("/cookies")))
        .await
        .unwrap();
    assert_eq!(gateway.json().unwrap()["cookies"][1], "b=2; Path=/");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_function_is_frozen_between_events() {
    let (alb, sandboxes) = echo_lambda(1).await;
    let stat = format!("/proc/{}/stat", sandboxes.starts()[0].pid);
    let frozen = || std::fs::read_to_string(&stat).unwrap().contains(") T ");
    for _ in 0..2 {
        assert_eq!(alb.send(get("/echo")).await.status, 200);
        while !frozen() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn processes_end_with_their_sandboxes() {
    let (alb, sandboxes) = echo_lambda(1).await;
    let pid = Pid::from_raw(sandboxes.starts()[0].pid.cast_signed()).unwrap();
    drop((alb, sandboxes));
    let gone = async {
        while rustix::process::test_kill_process(pid).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), gone).await.unwrap();
}
