//! A function that tells what it was asked, and misbehaves on request.

use std::{io::Write, time::Duration};

use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::var_os("ECHO_FAILS_TO_START").is_some() {
        return Err("told to fail at the start".into());
    }
    run(service_fn(answer)).await
}

async fn answer(request: Request) -> Result<Response<Body>, Error> {
    let path = request.raw_http_path().to_owned();
    match path.as_str() {
        "/error" => return Err("told to fail".into()),
        "/exit" => std::process::exit(3),
        "/log" => {
            std::io::stdout().write_all(b"to stdout\n")?;
            std::io::stderr().write_all(b"to stderr\n")?;
        }
        "/hang" => tokio::time::sleep(Duration::from_secs(3600)).await,
        _ => {}
    }
    let builder = Response::builder();
    let response = match path.as_str() {
        "/cookies" => builder
            .header("set-cookie", "a=1; Path=/")
            .header("set-cookie", "b=2; Path=/")
            .body(Body::Empty),
        "/no-content" => builder.status(204).body(Body::Empty),
        "/not-modified" => builder
            .status(304)
            .header("etag", "\"1\"")
            .body(Body::Empty),
        "/binary" => builder
            .header("content-type", "application/octet-stream")
            .body(Body::Binary((0..=255).collect())),
        "/large" => {
            let size = request
                .query_string_parameters()
                .first("size")
                .and_then(|size| size.parse().ok());
            let text = "a".repeat(size.unwrap_or_default());
            builder
                .header("content-type", "text/plain")
                .body(Body::Text(text))
        }
        _ => echo(&request, &path),
    };
    Ok(response?)
}

fn echo(request: &Request, path: &str) -> Result<Response<Body>, lambda_http::http::Error> {
    let mut text = format!("{} {path}\n", request.method());
    let parameters = request.query_string_parameters();
    let mut pairs: Vec<_> = parameters.iter().collect();
    // Stable: the values of one key keep their order, while the keys have none.
    pairs.sort_by_key(|(key, _)| *key);
    for (key, value) in pairs {
        text.push_str(&format!("query {key}={value}\n"));
    }
    for (name, value) in request.headers() {
        if name != "x-amzn-trace-id" {
            text.push_str(&format!("{name}: {}\n", value.as_bytes().escape_ascii()));
        }
    }
    text.push_str(&format!(
        "body {}\n",
        request.body().as_ref().escape_ascii()
    ));
    Response::builder()
        .header("content-type", "text/plain")
        .body(Body::Text(text))
}
