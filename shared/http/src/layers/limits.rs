//! Limits of the request's head, below those of hyper and the ALB, so that this answer comes first.

use axum::extract::Request;

use crate::problem::{Problem, Result};

/// Bytes of all header lines together, each counted with its `: ` and line end.
pub const MAX_HEADER_BYTES: usize = 16_384;

/// Header lines. hyper refuses more than 100 with a bare 431.
pub const MAX_HEADERS: usize = 90;

/// Bytes of the path and the query together.
pub const MAX_TARGET: usize = 8_192;

pub(super) fn check(request: &Request) -> Result<()> {
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET {
        return Err(Problem::uri_too_long(MAX_TARGET));
    }
    let headers = request.headers();
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if bytes > MAX_HEADER_BYTES || headers.len() > MAX_HEADERS {
        return Err(Problem::header_too_large(MAX_HEADER_BYTES, MAX_HEADERS));
    }
    Ok(())
}
