//! What the load balancer makes of a target's answer, and the answers it gives itself.

use std::time::SystemTime;

use data_encoding::BASE64;
use serde_json::Value;

use super::front::HOP_BY_HOP;
use crate::client::{Response, has_body, is_token, reason};

/// The largest response JSON that a Lambda target may send: 1 MB ("Use Lambda functions as
/// targets"), escapes, base64 and headers included.
pub const MAX_ANSWER: usize = 1024 * 1024;

/// The answer of a container, without what concerned that connection only.
pub(super) fn from_container(mut response: Response) -> Result<Response, u16> {
    response.headers.retain(|(name, _)| is_end_to_end(name));
    Ok(response)
}

/// The answer of a function ("Respond to the load balancer"): 502 if it is too large, is not JSON,
/// has no status code, or has headers or a body that cannot be sent. With multi-value headers
/// enabled, `headers` is not looked at. The length is the load balancer's own count; only for HEAD,
/// where it cannot know it, the function's is passed on (assumed).
pub(super) fn from_lambda(payload: &[u8], is_head: bool) -> Result<Response, u16> {
    if payload.len() > MAX_ANSWER {
        return Err(502);
    }
    read(payload, is_head).ok_or(502)
}

fn read(payload: &[u8], is_head: bool) -> Option<Response> {
    let answer: Value = serde_json::from_slice(payload).ok()?;
    let status = u16::try_from(answer.get("statusCode")?.as_u64()?).ok()?;
    let text = match answer.get("body") {
        None | Some(Value::Null) => "",
        Some(body) => body.as_str()?,
    };
    let is_base64 = answer
        .get("isBase64Encoded")
        .is_some_and(|flag| *flag == Value::Bool(true));
    let mut body = if is_base64 {
        BASE64.decode(text.as_bytes()).ok()?
    } else {
        text.as_bytes().to_owned()
    };
    let mut headers = Vec::new();
    if let Some(lists) = answer.get("multiValueHeaders") {
        for (name, values) in lists.as_object()? {
            for value in values.as_array()? {
                let value = value.as_str()?;
                let sound =
                    !value.contains(['\0', '\r', '\n']) && name.bytes().all(|byte| is_token(&byte));
                if name.is_empty() || !sound {
                    return None;
                }
                if is_end_to_end(name) && (is_head || !name.eq_ignore_ascii_case("content-length"))
                {
                    headers.push((name.clone(), value.as_bytes().to_owned()));
                }
            }
        }
    }
    if !(200..600).contains(&status) {
        return None;
    }
    if !has_body(status) {
        body.clear();
    } else if !is_head {
        headers.push((
            "content-length".to_owned(),
            body.len().to_string().into_bytes(),
        ));
    }
    let mut response = Response {
        status,
        headers,
        body,
    };
    sign(&mut response);
    Some(response)
}

/// The load balancer's own answer: a small page of HTML.
pub(super) fn own(status: u16) -> Response {
    let title = format!("{status} {}", reason(status));
    let title = title.trim_end();
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    fixed(status, "text/html", &body)
}

/// What a rule with a fixed response answers.
pub(super) fn fixed(status: u16, content_type: &str, body: &str) -> Response {
    let length = body.len().to_string();
    let headers = [("content-type", content_type), ("content-length", &length)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_owned()));
    let mut response = Response {
        status,
        headers: headers.to_vec(),
        body: body.as_bytes().to_owned(),
    };
    sign(&mut response);
    response
}

/// Adds what the load balancer adds where it, and no server behind it, writes the answer.
fn sign(response: &mut Response) {
    let date = httpdate::fmt_http_date(SystemTime::now());
    for (name, value) in [("server", "awselb/2.0"), ("date", &date)] {
        if response.first(name).is_none() {
            response
                .headers
                .push((name.to_owned(), value.as_bytes().to_owned()));
        }
    }
}

fn is_end_to_end(name: &str) -> bool {
    !HOP_BY_HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop))
}
