//! Paths are judged raw and alike on both targets: what a proxy or a URL library might read in two
//! ways is not served at all.

use std::borrow::Cow;

use axum::extract::Request;
use percent_encoding::percent_decode_str;

use crate::problem::{Problem, Result};

/// The path as the client sent it, where the request's URI no longer has it. The Lambda door leaves
/// this as a request extension, because `lambda_http` resolves dot segments.
#[derive(Clone, Debug)]
pub struct RawPath(pub String);

pub(super) fn check(request: &Request) -> Result<()> {
    let path = match request.extensions().get::<RawPath>() {
        Some(raw) => &raw.0,
        None => request.uri().path(),
    };
    if is_served(path) {
        Ok(())
    } else {
        Err(Problem::not_found())
    }
}

/// No empty segment (so no `//` and no slash at the end), no dot segment, no backslash and no control
/// character, encoded or not; no encoded slash; escapes are whole and give UTF-8.
fn is_served(path: &str) -> bool {
    path == "/"
        || path
            .strip_prefix('/')
            .is_some_and(|path| path.split('/').all(is_served_segment))
}

fn is_served_segment(segment: &str) -> bool {
    let Some(decoded) = decode(segment) else {
        return false;
    };
    !matches!(&*decoded, "" | "." | "..")
        && !decoded.contains(|c: char| c == '/' || c == '\\' || c.is_ascii_control())
}

fn decode(segment: &str) -> Option<Cow<'_, str>> {
    let mut escapes = segment.split('%');
    escapes.next();
    let whole = escapes.all(|rest| {
        rest.as_bytes()
            .get(..2)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    whole.then(|| percent_decode_str(segment).decode_utf8().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_paths_are_served() {
        for path in [
            "/",
            "/v1/books/default",
            "/v1/books/J%C3%B6rg",
            "/a/...",
            "/a/.b",
            "/a%20b",
        ] {
            assert!(is_served(path), "{path}");
        }
    }

    #[test]
    fn paths_with_two_readings_are_not_served() {
        for path in [
            "",
            "*",
            "a",
            "//",
            "/a/",
            "/a//b",
            "/.",
            "/..",
            "/a/../b",
            "/%2e%2E/a",
            "/a/.%2e",
            "/a\\b",
            "/a%5cb",
            "/a%2Fb",
            "/a%2fb",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%00",
            "/a%0a",
            "/a%FF",
            "/a%C3",
        ] {
            assert!(!is_served(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_served_path_decodes_to_as_many_segments(path in "(/([a.%/\\\\]|%2[eEfF]){0,4}){1,4}") {
            if is_served(&path) && path != "/" {
                let decoded = percent_decode_str(&path).decode_utf8().unwrap().into_owned();
                prop_assert_eq!(path.split('/').count(), decoded.split('/').count());
            }
        }
    }
}
