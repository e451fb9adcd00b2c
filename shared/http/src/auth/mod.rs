//! Who is asking: the `Authorization` header (RFC 9110 section 11.6.2).

pub mod oidc;

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use http::header::{self, HeaderMap};

use crate::problem::{Problem, Result};

/// What a caller presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A personal access token, as `Bearer` or as the password of `Basic` (whose user name says
    /// nothing).
    AccessToken(Secret),
    /// A JWT of the OIDC issuer, still to be verified.
    Jwt(Secret),
}

/// Text that never shows in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a personal access token begins with.
pub const ACCESS_TOKEN_PREFIX: &str = "cm_";

impl Credential {
    /// The credential of a request, `None` if there is no `Authorization` header; 401 if there is one
    /// that cannot be a credential of this API.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>> {
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        let value = match (all.next(), all.next()) {
            (None, _) => return Ok(None),
            (Some(value), None) => value.to_str().ok(),
            (Some(_), Some(_)) => None,
        };
        match value.and_then(Self::parse) {
            Some(credential) => Ok(Some(credential)),
            None => {
                contacts_telemetry::auth_failure("malformed");
                Err(Problem::unauthorized(
                    "Authorization is not one of: Bearer with a JWT or a token that begins with \
                     cm_, Basic with such a token as the password.",
                ))
            }
        }
    }

    fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.split_once(' ')?;
        let rest = rest.trim_matches(' ');
        if scheme.eq_ignore_ascii_case("bearer") {
            access_token(rest).or_else(|| jwt(rest))
        } else if scheme.eq_ignore_ascii_case("basic") {
            let bytes = BASE64
                .decode(rest.as_bytes())
                .or_else(|_| BASE64_NOPAD.decode(rest.as_bytes()))
                .ok()?;
            let (_, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
            access_token(password)
        } else {
            None
        }
    }
}

/// `cm_` and 40 to 200 URL-safe characters.
fn access_token(text: &str) -> Option<Credential> {
    let rest = text.strip_prefix(ACCESS_TOKEN_PREFIX)?;
    ((40..=200).contains(&rest.len()) && rest.bytes().all(is_url_safe))
        .then(|| Credential::AccessToken(Secret(text.to_owned())))
}

/// Three parts of URL-safe characters (RFC 7515 section 7.1); an unsigned one has an empty third.
fn jwt(text: &str) -> Option<Credential> {
    let parts: Vec<&str> = text.split('.').collect();
    let [head, claims, signature] = parts[..] else {
        return None;
    };
    let fits = !head.is_empty()
        && !claims.is_empty()
        && [head, claims, signature]
            .iter()
            .all(|part| part.bytes().all(is_url_safe));
    fits.then(|| Credential::Jwt(Secret(text.to_owned())))
}

fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn token() -> String {
        format!("cm_{}", "aB-_0".repeat(8))
    }

    fn read(values: &[&str]) -> Result<Option<Credential>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        Credential::from_headers(&headers)
    }

    #[test]
    fn no_header_is_no_credential() {
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn a_bearer_with_the_prefix_is_an_access_token() {
        let wanted = Ok(Some(Credential::AccessToken(Secret(token()))));
        assert_eq!(read(&[&format!("bearer  {}", token())]), wanted);
    }

    #[test]
    fn the_password_of_basic_is_an_access_token_with_or_without_padding() {
        let wanted = Ok(Some(Credential::AccessToken(Secret(token()))));
        for user in ["", "a", "ab", "any one"] {
            let pair = format!("{user}:{}", token());
            let padded = BASE64.encode(pair.as_bytes());
            assert_eq!(read(&[&format!("Basic {padded}")]), wanted);
            assert_eq!(
                read(&[&format!("Basic {}", padded.trim_end_matches('='))]),
                wanted
            );
        }
    }

    #[test]
    fn three_parts_are_a_jwt() {
        assert_eq!(
            read(&["Bearer a.b.c"]),
            Ok(Some(Credential::Jwt(Secret("a.b.c".into()))))
        );
        assert_eq!(
            read(&["Bearer a.b."]),
            Ok(Some(Credential::Jwt(Secret("a.b.".into()))))
        );
    }

    #[test]
    fn everything_else_is_401_with_a_challenge() {
        let basic = format!("Basic {}", BASE64.encode(b"user:password"));
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer cm_short",
            "Bearer a.b",
            "Bearer a.b.c.d",
            "Bearer a.b.c d",
            "Digest x",
            "Basic !",
            &basic,
        ] {
            let problem = read(&[value]).unwrap_err();
            assert_eq!(problem.document(None)["status"], 401, "{value}");
            let response = axum::response::IntoResponse::into_response(problem);
            assert!(
                response.headers()[header::WWW_AUTHENTICATE]
                    .to_str()
                    .unwrap()
                    .contains("invalid_token")
            );
        }
        let bearer = format!("Bearer {}", token());
        assert!(read(&[&bearer, &bearer]).is_err());
    }

    #[test]
    fn a_secret_does_not_show_in_debug() {
        let credential = read(&[&format!("Bearer {}", token())]).unwrap();
        assert!(!format!("{credential:?}").contains("aB"));
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(value in "(bearer|Basic|x)? ?[ -~]{0,80}") {
            let _ = read(&[&value]);
        }
    }
}
