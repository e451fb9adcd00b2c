//! The proxy itself: HTTP/1.1 in, HTTP/1.1 out, every header as it came, since the signature covers
//! `Host`.

use std::sync::{Arc, Mutex};

use anyhow::{Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::answers::{self, Answer};
use super::call::Call;
use super::{Fault, Plan, lock};
use crate::calls::{Role, made};

/// Accepts until it is aborted, which ends its connections as well.
pub(super) async fn run(listener: TcpListener, upstream: String, plan: Arc<Mutex<Plan>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let (upstream, plan) = (upstream.clone(), Arc::clone(&plan));
        connections.spawn(async move {
            let answer = service_fn(|request| answer(request, &upstream, &plan));
            // An error is an injected reset, or a client that went away.
            let _ = server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

/// An error closes the connection without an answer.
async fn answer(
    request: Request<Incoming>,
    upstream: &str,
    plan: &Mutex<Plan>,
) -> Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let call = Call::read(&head, &body);

    if let Some(role) = Role::of(&head.headers)
        && let Some(refused) = lock(plan).note(made(role, &call))
    {
        return own(answers::access_denied(call.service, &refused));
    }
    let fault = lock(plan).decide(&call.operation, &call.parameters);
    let request = Request::from_parts(head, Full::new(body));
    match fault {
        None => {}
        Some(Fault::Throttle) => return own(answers::throttle(call.service)),
        Some(Fault::TransactionConflict) => {
            if let Some(answer) = answers::transaction_conflict(&call) {
                return own(answer);
            }
        }
        Some(Fault::InternalServerError) => {
            return own(answers::internal_server_error(call.service));
        }
        Some(Fault::Unprocessed) => {
            if let Some(answer) = answers::unprocessed(&call) {
                return own(answer);
            }
        }
        Some(Fault::Wait(gate)) => gate.pass().await,
        Some(Fault::ResetBefore) => bail!("reset before the request was forwarded"),
        Some(Fault::ResetAfter) => {
            forward(request, upstream).await?;
            bail!("reset after the request was carried out");
        }
    }
    let answer = forward(request, upstream).await?;
    Ok(observe(answer, &call.operation, plan))
}

async fn forward(request: Request<Full<Bytes>>, upstream: &str) -> Result<Response<Bytes>> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends when the sender is dropped.
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

/// Counts the capacity units and takes out what is hidden; bytes that need no change have none.
fn observe(answer: Response<Bytes>, operation: &str, plan: &Mutex<Plan>) -> Response<Full<Bytes>> {
    let (mut head, mut body) = answer.into_parts();
    if let Ok(mut json) = serde_json::from_slice::<Value>(&body) {
        let mut plan = lock(plan);
        if let Some(count) = plan.counts.get_mut(operation) {
            count.units += units(&json["ConsumedCapacity"]);
        }
        if plan.hidden.apply(operation, &mut json) {
            body = json.to_string().into();
            head.headers.insert(CONTENT_LENGTH, body.len().into());
            head.headers.remove("x-amz-crc32");
        }
    }
    Response::from_parts(head, Full::new(body))
}

/// The units of one table, or of several.
fn units(capacity: &Value) -> f64 {
    match capacity {
        Value::Array(tables) => tables.iter().map(units).sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or_default(),
    }
}

fn own(answer: Answer) -> Result<Response<Full<Bytes>>> {
    Ok(Response::builder()
        .status(answer.status)
        .header(CONTENT_TYPE, answer.media_type)
        .body(Full::new(answer.body.into()))?)
}
