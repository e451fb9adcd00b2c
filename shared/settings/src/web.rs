//! The web addresses that settings hold: origins and issuers, and what other addresses share with them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// `scheme://host[:port]` and what follows it, the first three in lower case.
struct Address {
    scheme: String,
    host: String,
    port: Option<u16>,
    rest: String,
}

/// Reads an `http` or `https` URL (RFC 3986, section 3) that names no user.
fn address(text: &str) -> Option<Address> {
    let (scheme, after) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return None;
    }
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    let (host, port) = host_port(authority)?;
    Some(Address {
        scheme,
        host,
        port,
        rest: rest.to_owned(),
    })
}

/// Reads `host[:port]`; the host in lower case.
pub(crate) fn host_port(authority: &str) -> Option<(String, Option<u16>)> {
    let authority = authority.to_ascii_lowercase();
    let (host, port) = match authority.strip_prefix('[') {
        Some(literal) => {
            let (literal, port) = literal.split_once(']')?;
            let literal: Ipv6Addr = literal.parse().ok()?;
            let port = match port {
                "" => None,
                port => Some(port.strip_prefix(':')?),
            };
            (format!("[{literal}]"), port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
    };
    is_host(&host).then_some((host, port))
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.starts_with('[') || (host.len() <= 253 && host.split('.').all(label))
}

/// Whether the text is an `http` or `https` URL with a path.
pub(crate) fn is_url(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain && address(text).is_some_and(|address| address.rest.len() > 1)
}

/// Whether the text is an `http` or `https` URL without query and fragment, to which a path can be added.
pub(crate) fn is_base(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain && address(text).is_some_and(|address| !address.rest.contains(['?', '#']))
}

/// An origin as a browser serialises it (RFC 6454, section 6.2), or None.
pub(crate) fn origin(text: &str) -> Option<String> {
    let Address {
        scheme,
        host,
        port,
        rest,
    } = address(text)?;
    if !rest.is_empty() {
        return None;
    }
    let default = if scheme == "https" { 443 } else { 80 };
    Some(match port.filter(|port| *port != default) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// Whether `text` can be an issuer (OpenID Connect Discovery 1.0, section 3): `https`, no query, no
/// fragment. Plain `http` only where nobody can listen in between.
pub(crate) fn is_issuer(text: &str) -> bool {
    let visible = text.bytes().all(|b| b.is_ascii_graphic());
    let plain = |url: &Address| {
        !url.rest
            .contains(['?', '#', '"', '<', '>', '\\', '^', '`', '{', '|', '}'])
    };
    address(text).is_some_and(|url| {
        visible && plain(&url) && (url.scheme == "https" || is_loopback(&url.host))
    })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host == "[::1]"
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{is_issuer, origin};

    #[test]
    fn an_origin_is_written_as_a_browser_sends_it() {
        for (given, kept) in [
            ("https://app.example", "https://app.example"),
            ("HTTPS://App.Example:443", "https://app.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://localhost:80", "http://localhost"),
            ("http://[0:0::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(origin(given).as_deref(), Some(kept), "{given}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for given in [
            "",
            "*",
            "null",
            "app.example",
            "https://",
            "https:///",
            "https://app.example/",
            "https://app.example/x",
            "https://app.example?x",
            "ftp://app.example",
            "https://user@app.example",
            "https://a..b",
            "https://a b",
            "https://a:",
            "https://a:x",
            "https://a:70000",
            "https://a:+1",
            "https://[::1",
            "https://[x]",
            "https://[::1]x",
        ] {
            // "https://a:" has an empty port, which a browser never sends.
            assert_eq!(origin(given), None, "{given}");
        }
    }

    #[test]
    fn an_issuer_is_https_or_on_loopback() {
        for issuer in [
            "https://id.example",
            "https://id.example/tenant/1/",
            "http://127.0.0.1:4000",
            "http://localhost:4000/oidc",
            "http://[::1]:4000",
        ] {
            assert!(is_issuer(issuer), "{issuer}");
        }
        for wrong in [
            "http://id.example",
            "http://127.0.0.1.example",
            "https://id.example?x=1",
            "https://id.example/#x",
            "https://user:pass@id.example",
            "https://id.example/a b",
            "id.example",
        ] {
            assert!(!is_issuer(wrong), "{wrong}");
        }
    }
}
