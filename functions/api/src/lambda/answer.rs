//! From a response to the document that the sender of the event turns back into one.
//!
//! The load balancer takes at most 1 MB of this document, so headers are in it once.

use axum::body::to_bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use lambda_http::Body;
use lambda_http::aws_lambda_events::alb::AlbTargetGroupResponse;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use serde::Serialize;

use super::event::Shape;

/// The response document of one invocation.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// For a load balancer.
    LoadBalancer(AlbTargetGroupResponse),
    /// For API Gateway v2.
    ApiGateway(ApiGatewayV2httpResponse),
}

impl Answer {
    pub(super) fn new(shape: Shape, response: Response<Vec<u8>>) -> Self {
        let (mut parts, body) = response.into_parts();
        let headers = &mut parts.headers;
        // RFC 9110, section 8.6; hyper leaves it out on the container's side.
        if matches!(
            parts.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        ) {
            headers.remove(header::CONTENT_LENGTH);
        }
        keep_utf8(headers);
        let binary = is_binary(headers);
        let body = match String::from_utf8(body) {
            Ok(text) if !binary => Body::Text(text),
            Ok(text) => Body::Binary(text.into_bytes()),
            Err(bytes) => Body::Binary(bytes.into_bytes()),
        };
        let is_base64_encoded = matches!(body, Body::Binary(_));
        let status_code = i64::from(parts.status.as_u16());
        match shape {
            Shape::ApiGateway => {
                let mut answer = ApiGatewayV2httpResponse::default();
                answer.status_code = status_code;
                answer.headers = joined(headers);
                answer.body = Some(body);
                answer.is_base64_encoded = is_base64_encoded;
                Self::ApiGateway(answer)
            }
            Shape::MultiValue | Shape::SingleValue => {
                let mut answer = AlbTargetGroupResponse::default();
                answer.status_code = status_code;
                answer.status_description = Some(parts.status.to_string());
                match shape {
                    Shape::MultiValue => answer.multi_value_headers = parts.headers,
                    _ => answer.headers = joined(headers),
                }
                answer.body = Some(body);
                answer.is_base64_encoded = is_base64_encoded;
                Self::LoadBalancer(answer)
            }
        }
    }
}

/// Reads the whole body. One that breaks off is 500: no part of it has left yet.
pub(super) async fn read(response: Response<axum::body::Body>) -> Response<Vec<u8>> {
    let (parts, body) = response.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => Response::from_parts(parts, bytes.into()),
        Err(error) => {
            tracing::error!(%error, "the body of an answer broke off");
            let mut response = Response::new(Vec::new());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// Leaves out values that JSON cannot carry: one of them would end the process while the document is
/// written. The router sets none; this keeps it that way.
fn keep_utf8(headers: &mut HeaderMap) {
    let good = |value: &HeaderValue| std::str::from_utf8(value.as_bytes()).is_ok();
    if !headers.values().all(good) {
        *headers = std::mem::take(headers)
            .iter()
            .filter(|(_, value)| good(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
    }
}

/// Whether the body travels as base64: everything but JSON and text, and of text `text/vcard`, whose
/// bytes must arrive as they are, byte order mark and all.
fn is_binary(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|essence| essence.trim().to_ascii_lowercase());
    let is_text = match media_type.as_deref() {
        // Nothing says what it is, and an empty body is the only one that comes without a type.
        None => true,
        Some("text/vcard") => false,
        Some(other) => {
            other.starts_with("text/")
                || other.ends_with("/json")
                || other.ends_with("+json")
                || other.ends_with("/javascript")
        }
    };
    headers.contains_key(header::CONTENT_ENCODING) || !is_text
}

/// Each name once, its values joined as RFC 9110, section 5.3 allows: the service sets no cookies.
fn joined(headers: &HeaderMap) -> HeaderMap {
    headers
        .keys()
        .filter_map(|name| {
            let values: Vec<&[u8]> = headers
                .get_all(name)
                .iter()
                .map(HeaderValue::as_bytes)
                .collect();
            let value = HeaderValue::from_bytes(&values.join(&b", "[..])).ok()?;
            Some((name.clone(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(shape: Shape, response: Response<Vec<u8>>) -> serde_json::Value {
        serde_json::to_value(Answer::new(shape, response)).unwrap()
    }

    fn typed(media_type: &'static str, body: &[u8]) -> Response<Vec<u8>> {
        let builder = Response::builder().header(header::CONTENT_TYPE, media_type);
        builder.body(body.to_vec()).unwrap()
    }

    #[test]
    fn json_travels_as_text_and_vcard_as_base64() {
        for (media_type, body, encoded) in [
            ("application/json", "{}", false),
            ("application/problem+json", "{}", false),
            ("text/html; charset=utf-8", "<p>", false),
            ("text/vcard; charset=utf-8", "BEGIN:VCARD", true),
            ("application/octet-stream", "x", true),
        ] {
            let answer = json(Shape::MultiValue, typed(media_type, body.as_bytes()));
            assert_eq!(answer["isBase64Encoded"], encoded, "{media_type}");
        }
        let answer = json(Shape::MultiValue, typed("text/vcard", b"\xEF\xBB\xBFA"));
        assert_eq!(answer["body"], "77u/QQ==");
    }

    #[test]
    fn bytes_that_are_no_text_travel_as_base64_whatever_their_type() {
        let answer = json(Shape::MultiValue, typed("text/plain", b"J\xF6rg"));
        assert_eq!(answer["body"], "SvZyZw==");
        assert_eq!(answer["isBase64Encoded"], true);
    }

    #[test]
    fn a_compressed_body_travels_as_base64() {
        let mut response = typed("application/json", b"{}");
        let gzip = HeaderValue::from_static("gzip");
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, gzip);
        assert_eq!(json(Shape::MultiValue, response)["isBase64Encoded"], true);
    }

    #[test]
    fn a_header_that_is_not_utf_8_is_left_out() {
        let mut response = typed("text/plain", b"");
        let latin_1 = HeaderValue::from_bytes(b"J\xF6rg").unwrap();
        response.headers_mut().insert("x-name", latin_1);
        let answer = json(Shape::MultiValue, response);
        assert_eq!(
            answer["multiValueHeaders"]["x-name"],
            serde_json::Value::Null
        );
        assert_eq!(answer["multiValueHeaders"]["content-type"][0], "text/plain");
    }

    #[test]
    fn repeated_headers_are_a_list_or_joined_as_the_sender_reads_them() {
        let response = || {
            Response::builder()
                .header("vary", "accept")
                .header("vary", "origin")
                .body(Vec::new())
                .unwrap()
        };
        let answer = json(Shape::MultiValue, response());
        assert_eq!(answer["multiValueHeaders"]["vary"][1], "origin");
        assert_eq!(answer["headers"], serde_json::json!({}));
        for shape in [Shape::SingleValue, Shape::ApiGateway] {
            assert_eq!(json(shape, response())["headers"]["vary"], "accept, origin");
        }
    }

    #[test]
    fn an_answer_without_content_has_no_length() {
        let response = Response::builder()
            .status(StatusCode::NO_CONTENT)
            .header(header::CONTENT_LENGTH, 0)
            .body(Vec::new())
            .unwrap();
        let answer = json(Shape::MultiValue, response);
        assert_eq!(answer["multiValueHeaders"], serde_json::json!({}));
        assert_eq!(answer["statusDescription"], "204 No Content");
    }
}
