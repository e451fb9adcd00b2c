//! Cross-origin requests (the Fetch standard, section 3.3), for the listed origins alone. Credentials
//! are tokens in `Authorization`, never cookies, so `Access-Control-Allow-Credentials` is not sent.

use http::header::{self, HeaderMap, HeaderValue};

use super::arrival::Arrival;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-Id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Link, X-Request-Id, Retry-After, RateLimit, RateLimit-Policy",
);
/// Chromium keeps a preflight for at most two hours.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

pub(super) struct Cors {
    origins: Vec<HeaderValue>,
}

impl Cors {
    pub(super) fn new(origins: &[String]) -> Self {
        Self {
            origins: origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin).ok())
                .collect(),
        }
    }

    pub(super) fn apply(&self, arrival: &Arrival, headers: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        // The listed value is sent, never the client's bytes.
        let listed = arrival
            .origin
            .as_ref()
            .and_then(|given| self.origins.iter().find(|listed| *listed == given));
        let Some(origin) = listed else {
            return;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if arrival.preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        } else {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}
