//! From an event to a request.
//!
//! Sources: Elastic Load Balancing, "Using Lambda functions as targets of an Application Load
//! Balancer" (the load balancer does not decode query parameters); API Gateway, "Lambda proxy
//! integrations for HTTP APIs", payload format 2.0.

use std::fmt;

use axum::body::Body;
use data_encoding::BASE64;
use futures::stream;
use http::uri::Uri;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest target that `http` accepts. The router refuses far shorter ones, with a problem.
const LONGEST_TARGET: usize = u16::MAX as usize - 1;

/// What a load balancer or API Gateway hands over, as strings: nothing is judged while it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    // Of a load balancer.
    http_method: Option<String>,
    path: Option<String>,
    multi_value_query_string_parameters: Option<Map<String, Value>>,
    query_string_parameters: Option<Map<String, Value>>,
    multi_value_headers: Option<Map<String, Value>>,
    // Of API Gateway.
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    cookies: Option<Vec<String>>,
    #[serde(default)]
    request_context: RequestContext,
    // Of both.
    headers: Option<Map<String, Value>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Default, Deserialize)]
struct RequestContext {
    http: Option<Http>,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

/// The shape that the sender of an event wants its answer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A load balancer with `lambda.multi_value_headers.enabled`.
    MultiValue,
    /// A load balancer without it.
    SingleValue,
    /// API Gateway v2.
    ApiGateway,
}

/// Why an event is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Neither a load balancer's event nor API Gateway's.
    NotHttp,
    /// A method that is no token (RFC 9110, section 9.1).
    Method,
    /// A target that is no URI (RFC 9112, section 3.2).
    Target,
    /// A header name that is no token, or a value with control characters (RFC 9110, section 5).
    Header,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHttp => "it is none of a load balancer or of API Gateway",
            Self::Method => "its method is none that HTTP allows",
            Self::Target => "its target is no URI",
            Self::Header => "a header has a name or a value that HTTP does not allow",
        })
    }
}

impl Event {
    pub(super) fn shape(&self) -> Shape {
        if self.request_context.http.is_some() {
            Shape::ApiGateway
        } else if self.multi_value_headers.is_some() {
            Shape::MultiValue
        } else {
            Shape::SingleValue
        }
    }

    /// The request with the target's, the headers' and the body's bytes as the client sent them.
    pub(super) fn into_request(self) -> Result<Request<Body>, Refusal> {
        let method = match &self.request_context.http {
            Some(http) => &http.method,
            None => self.http_method.as_ref().ok_or(Refusal::NotHttp)?,
        };
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| Refusal::Method)?;
        let uri = uri(self.target())?;
        let headers = self.header_map()?;
        let body = match self.body {
            Some(text) if self.is_base64_encoded == Some(true) => decoded(&text),
            Some(text) => Body::from(text),
            None => Body::empty(),
        };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Path and query as they stood in the request line. Of a load balancer's query, the order of
    /// different keys is that of the event, and `?a` has become `?a=`.
    fn target(&self) -> String {
        let path = self.raw_path.as_deref().or(self.path.as_deref());
        let mut target = path.unwrap_or_default().to_owned();
        let mut separator = '?';
        if let Some(query) = self.raw_query_string.as_deref().filter(|q| !q.is_empty()) {
            target.push(separator);
            target.push_str(query);
        } else if self.raw_path.is_none() {
            let parameters = self
                .multi_value_query_string_parameters
                .as_ref()
                .or(self.query_string_parameters.as_ref());
            for (key, value) in pairs(parameters) {
                target.push(separator);
                target.push_str(key);
                target.push('=');
                target.push_str(value);
                separator = '&';
            }
        }
        target
    }

    fn header_map(&self) -> Result<HeaderMap, Refusal> {
        let mut map = HeaderMap::new();
        let mut append = |name: HeaderName, value: &str| {
            let value = HeaderValue::from_str(value).map_err(|_| Refusal::Header)?;
            map.try_append(name, value).map_err(|_| Refusal::Header)
        };
        let headers = self.multi_value_headers.as_ref().or(self.headers.as_ref());
        for (name, value) in pairs(headers) {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Refusal::Header)?;
            append(name, value)?;
        }
        if let Some(cookies) = self.cookies.as_ref().filter(|cookies| !cookies.is_empty()) {
            append(header::COOKIE, &cookies.join("; "))?;
        }
        Ok(map)
    }
}

/// Every key with each of its values, whether the map has one string or a list of them.
fn pairs(map: Option<&Map<String, Value>>) -> impl Iterator<Item = (&str, &str)> {
    map.into_iter().flatten().flat_map(|(key, value)| {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        values
            .iter()
            .filter_map(Value::as_str)
            .map(move |value| (key.as_str(), value))
    })
}

/// The bytes of a base64 body. If it is none, a body that breaks off, which the router answers as it
/// does on the container's side.
fn decoded(base64: &str) -> Body {
    match BASE64.decode(base64.as_bytes()) {
        Ok(bytes) => Body::from(bytes),
        Err(error) => Body::from_stream(stream::iter([Err::<Vec<u8>, _>(error)])),
    }
}

/// The target's URI, or the refusal that hyper, which parses alike, gives it on the container's side:
/// of bytes that are not UTF-8, an event holds replacement characters.
fn uri(mut target: String) -> Result<Uri, Refusal> {
    target.truncate(target.floor_char_boundary(LONGEST_TARGET));
    if target.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Refusal::Target);
    }
    Uri::try_from(target).map_err(|_| Refusal::Target)
}
