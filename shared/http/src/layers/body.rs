//! The body, read whole before the handler runs: handlers take whole bodies anyway, and on Lambda it
//! is in memory from the start. So both targets judge it at the same moment.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use http_body_util::BodyExt;

use crate::extract::is_coded;
use crate::problem::{Limit, Problem, Result};

/// Bytes of a request body, on both targets: what an ALB passes to Lambda.
pub const MAX_BODY: u64 = 1_048_576;

/// How much of a body that is too large is read and thrown away, so that the client gets to read the
/// answer.
const MAX_DRAINED: u64 = 8 * 1_048_576;

/// The request with its body in memory.
pub(super) async fn receive(request: Request, patience: Duration) -> Result<Request> {
    let (parts, body) = request.into_parts();
    let declared = content_length(&parts.headers);
    let bytes = if body.is_end_stream() {
        Bytes::new()
    } else {
        let read = read(body, &parts.headers, declared);
        tokio::time::timeout(patience, read)
            .await
            .map_err(|_| Problem::request_timeout())??
    };
    if declared.is_some_and(|declared| declared != bytes.len() as u64)
        || is_text(&parts.headers) && !is_coded(&parts.headers) && !is_plain_utf8(&bytes)
    {
        return Err(Problem::unreadable_body());
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

async fn read(mut body: Body, headers: &HeaderMap, declared: Option<u64>) -> Result<Bytes> {
    let too_large = || Problem::too_large(Limit::Body, MAX_BODY, declared);
    // Such a client waits for a word before it sends: then there is nothing to drain.
    let waits = headers.contains_key(header::EXPECT);
    if declared.is_some_and(|size| size > MAX_DRAINED || waits && size > MAX_BODY) {
        return Err(too_large());
    }
    let capacity = declared.unwrap_or(0).min(MAX_BODY);
    let mut bytes = BytesMut::with_capacity(usize::try_from(capacity).unwrap_or(0));
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::unreadable_body())?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        total += data.len() as u64;
        if total > MAX_DRAINED {
            break;
        }
        if total <= MAX_BODY {
            bytes.extend_from_slice(&data);
        } else {
            bytes.clear();
        }
    }
    if total > MAX_BODY {
        Err(too_large())
    } else {
        Ok(bytes.freeze())
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn is_text(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.as_bytes().get(..5))
        .is_some_and(|start| start.eq_ignore_ascii_case(b"text/"))
}

/// `lambda_http` recodes `text/*`: a byte order mark is lost and bytes that are not UTF-8 are
/// replaced, which shows as another length. Here they are still there, and get the same answer.
fn is_plain_utf8(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.starts_with('\u{feff}'))
}
