//! What the load balancer checks and adds before a request goes to any target.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::Arrival;
use crate::client::{Request, is_token};

/// The largest request body that a Lambda target takes: 1 MB ("Use Lambda functions as targets").
/// AWS counts its sizes in powers of two.
pub const MAX_LAMBDA_BODY: usize = 1024 * 1024;

/// The limits of request line and single header, and of all headers ("HTTP header limits").
const MAX_LINE: usize = 16 * 1024;
const MAX_HEAD: usize = 64 * 1024;

/// The most addresses in `X-Forwarded-For` (Troubleshoot, 463).
const MAX_FORWARDED: usize = 30;

/// Headers that concern one connection only (RFC 9110, section 7.6.1).
pub(super) const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Refuses what the load balancer answers itself ("Troubleshoot", "Desync mitigation mode", severe)
/// and adds the headers that it adds to every request.
pub(super) fn admit(mut request: Request, arrival: Arrival) -> Result<Request, u16> {
    if !is_sound(&request) {
        return Err(400);
    }
    if request.method == "TRACE" {
        return Err(405);
    }
    if request.method.len() + request.target.len() > MAX_LINE {
        return Err(414);
    }
    let sizes = request
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len());
    if sizes.clone().any(|size| size > MAX_LINE) || sizes.sum::<usize>() > MAX_HEAD {
        return Err(400);
    }
    let known = |coding: &[u8]| {
        coding.eq_ignore_ascii_case(b"chunked") || coding.eq_ignore_ascii_case(b"identity")
    };
    if !request.all("transfer-encoding").all(known) {
        return Err(501);
    }
    let stated = request.first("content-length").is_some() || request.is_chunked();
    if !stated && !request.body.is_empty() {
        // Only a request that was never on a wire can be without; every client would state it.
        let length = request.body.len().to_string();
        set(&mut request, "content-length", &length);
    }
    let mut forwarded: Vec<String> = request.all("x-forwarded-for").map(lossy).collect();
    if forwarded.iter().flat_map(|value| value.split(',')).count() > MAX_FORWARDED {
        return Err(463);
    }
    forwarded.push(arrival.client.to_string());
    set(&mut request, "x-forwarded-for", &forwarded.join(", "));
    set(&mut request, "x-forwarded-proto", arrival.proto);
    set(&mut request, "x-forwarded-port", &arrival.port.to_string());
    let trace = traced(request.first("x-amzn-trace-id").map(lossy).as_deref());
    set(&mut request, "x-amzn-trace-id", &trace);
    Ok(request)
}

/// Refuses what only Lambda targets cannot take.
pub(super) fn admit_to_lambda(request: &Request) -> Result<(), u16> {
    if request.first("upgrade").is_some() {
        return Err(400);
    }
    if request.body.len() > MAX_LAMBDA_BODY {
        return Err(413);
    }
    Ok(())
}

/// The request as it goes to a container: without what was meant for this connection. A body that
/// came in chunks goes on in chunks.
pub(super) fn for_container(mut request: Request) -> Request {
    let chunked = request.is_chunked();
    for name in HOP_BY_HOP {
        request.remove(name);
    }
    request.remove("expect");
    if chunked {
        request = request.header("transfer-encoding", "chunked");
    }
    request
}

fn is_sound(request: &Request) -> bool {
    let method = request.method.as_bytes();
    let clean = |bytes: &[u8]| {
        !bytes
            .iter()
            .any(|byte| matches!(byte, b'\0' | b'\r' | b'\n'))
    };
    let named = |name: &str| !name.is_empty() && name.as_bytes().iter().all(is_token);
    let true_length = request.body.len().to_string().into_bytes();
    !method.is_empty()
        && method.iter().all(is_token)
        && !request.target.is_empty()
        && clean(&request.target)
        && request
            .headers
            .iter()
            .all(|(name, value)| named(name) && clean(value))
        && request.all("host").count() == 1
        && request
            .all("content-length")
            .all(|length| length == true_length)
}

/// "Request tracing": an id is made where there is none; where there is one, `Self` is inserted or
/// updated and everything else is kept.
fn traced(existing: Option<&str>) -> String {
    let Some(existing) = existing.filter(|fields| fields.contains("Root=")) else {
        return format!("Root={}", trace_id());
    };
    let kept = existing
        .split(';')
        .filter(|field| !field.starts_with("Self="));
    let own = format!("Self={}", trace_id());
    std::iter::once(own.as_str())
        .chain(kept)
        .collect::<Vec<_>>()
        .join(";")
}

/// A fresh trace id: version, seconds since 1970 and 96 random bits, as X-Ray writes them.
#[must_use]
pub fn trace_id() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let random = Uuid::new_v4().simple().to_string();
    format!("1-{:08x}-{}", now.as_secs(), &random[..24])
}

fn set(request: &mut Request, name: &str, value: &str) {
    request.remove(name);
    request
        .headers
        .push((name.to_owned(), value.as_bytes().to_owned()));
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
