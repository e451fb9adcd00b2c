//! URLs that messages may go to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

use super::{Refusal, Resolve, is_public};

/// The most bytes of a URL.
const URL_BYTES: usize = 2_048;

/// A URL that may be called, once its host is known to be public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// In the spelling that is kept.
    pub(crate) url: String,
    host: Host,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Name(String),
}

/// The one name that leads to this machine.
const LOCALHOST: &str = "localhost";

impl Target {
    /// Reads a URL. With `loopback` it may lead to this machine, and only there without encryption.
    pub(crate) fn parse(text: &str, loopback: bool) -> Result<Self, Refusal> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if text.len() > URL_BYTES || !plain {
            return Err(Refusal::Url);
        }
        let uri: Uri = text.parse().map_err(|_| Refusal::Url)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(Refusal::Url);
        };
        if text.contains('#') || authority.as_str().contains('@') {
            return Err(Refusal::Parts);
        }
        let host = Host::parse(authority.host())?;
        if host.is_loopback() && !loopback {
            return Err(Refusal::NotPublic);
        }
        let default = match scheme {
            "https" => 443,
            "http" if host.is_loopback() => 80,
            _ => return Err(Refusal::Scheme),
        };
        let port = authority.as_str().strip_prefix(authority.host());
        let port = port.and_then(|port| port.strip_prefix(':'));
        // `parse` alone takes a sign as well.
        let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        if port.is_some_and(|port| !digits(port)) {
            return Err(Refusal::Url);
        }
        let port = port.map(str::parse::<u16>).transpose();
        let port = port.map_err(|_| Refusal::Url)?;
        let port = port.filter(|port| *port != default);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let name = authority.host().to_ascii_lowercase();
        Ok(Self {
            url: format!("{scheme}://{name}{port}{path}"),
            host,
        })
    }

    /// Whether the host is an address, so that no name has to be looked up.
    pub(crate) fn is_literal(&self) -> bool {
        matches!(self.host, Host::Address(_))
    }

    /// Whether the host is one that may be called: each of its addresses is, so that it does not
    /// depend on which is chosen.
    pub(crate) async fn check(&self, resolve: &Resolve) -> Result<(), Refusal> {
        match &self.host {
            host if host.is_loopback() => Ok(()),
            Host::Address(address) if is_public(*address) => Ok(()),
            Host::Address(_) => Err(Refusal::NotPublic),
            Host::Name(name) => {
                let found = resolve(name.clone()).await;
                let found = found.ok().filter(|found| !found.is_empty());
                let found = found.ok_or(Refusal::Unresolved)?;
                if is_reachable(name, &found, false) {
                    Ok(())
                } else {
                    Err(Refusal::NotPublic)
                }
            }
        }
    }
}

/// Whether `name` may be called at these addresses: all of them are public, or, with `loopback`, it is
/// the name of this machine and all are its own.
pub(crate) fn is_reachable(name: &str, found: &[IpAddr], loopback: bool) -> bool {
    if loopback && name == LOCALHOST {
        return found.iter().all(IpAddr::is_loopback);
    }
    found.iter().copied().all(is_public)
}

impl Host {
    fn parse(text: &str) -> Result<Self, Refusal> {
        if let Some(inner) = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
        {
            let address = inner.parse::<Ipv6Addr>().map_err(|_| Refusal::Url)?;
            return Ok(Self::Address(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let name = text.to_ascii_lowercase();
        let is_label = |label: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            (1..=63).contains(&label.len()) && label.bytes().all(fits)
        };
        let labels = name.strip_suffix('.').unwrap_or(&name);
        if name.len() > 253 || !labels.split('.').all(is_label) {
            return Err(Refusal::Url);
        }
        // Old spellings of addresses, such as 127.1, 0x7f000001 and 2130706433, which some resolvers
        // understand (WHATWG URL Standard, "ends in a number").
        let last = labels.rsplit('.').next().unwrap_or_default();
        let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
            || last.strip_prefix("0x").is_some_and(is_hex);
        if is_number {
            return Err(Refusal::NotPublic);
        }
        Ok(Self::Name(name))
    }

    fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == LOCALHOST,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;
    use proptest::prelude::*;

    use super::*;

    fn resolving(addresses: &[&str]) -> Resolve {
        let addresses: Vec<IpAddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
        Arc::new(move |_| std::future::ready(Ok(addresses.clone())).boxed())
    }

    /// What becomes of a URL whose host has these addresses.
    fn judged(url: &str, addresses: &[&str]) -> Result<(), Refusal> {
        let target = Target::parse(url, false)?;
        let check = target.check(&resolving(addresses)).now_or_never();
        check.expect("nothing waits here")
    }

    #[test]
    fn a_url_of_a_public_host_is_taken() {
        let public = ["1.1.1.1", "2606:4700::1111"];
        for url in [
            "https://hooks.example.org/contacts?x=1",
            "https://hooks.example.org:8443",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/x",
        ] {
            assert_eq!(judged(url, &public), Ok(()), "{url}");
        }
    }

    #[test]
    fn one_private_address_among_public_ones_is_enough_to_refuse() {
        let mixed = ["1.1.1.1", "10.0.0.1"];
        assert_eq!(
            judged("https://example.org/", &mixed),
            Err(Refusal::NotPublic)
        );
        assert_eq!(
            judged("https://example.org/", &[]),
            Err(Refusal::Unresolved)
        );
    }

    #[test]
    fn other_urls_are_refused_with_their_reasons() {
        for (url, why) in [
            ("", Refusal::Url),
            ("hooks.example.org/x", Refusal::Url),
            ("/x", Refusal::Url),
            ("https://", Refusal::Url),
            ("https://exämple.org/", Refusal::Url),
            ("https://example.org/ x", Refusal::Url),
            ("https://example.org\\@evil.example/", Refusal::Url),
            ("https://example.org:/", Refusal::Url),
            ("https://example.org:99999/", Refusal::Url),
            ("https://example.org:+443/", Refusal::Url),
            ("http://example.org/", Refusal::Scheme),
            ("ftp://example.org/", Refusal::Scheme),
            ("https://user:secret@example.org/", Refusal::Parts),
            ("https://example.org/#x", Refusal::Parts),
            ("https://localhost/", Refusal::NotPublic),
            ("http://127.0.0.1:8080/", Refusal::NotPublic),
            ("https://127.0.0.1/", Refusal::NotPublic),
            ("https://127.1/", Refusal::NotPublic),
            ("https://2130706433/", Refusal::NotPublic),
            ("https://0x7f000001/", Refusal::NotPublic),
            ("https://0177.0.0.1/", Refusal::NotPublic),
            ("https://[::1]/", Refusal::NotPublic),
            ("https://[::ffff:127.0.0.1]/", Refusal::NotPublic),
            (
                "https://169.254.169.254/latest/meta-data/",
                Refusal::NotPublic,
            ),
            ("https://10.1.2.3/", Refusal::NotPublic),
        ] {
            assert_eq!(judged(url, &["1.1.1.1"]), Err(why), "{url}");
        }
        let long = format!("https://example.org/{}", "x".repeat(URL_BYTES));
        assert_eq!(judged(&long, &["1.1.1.1"]), Err(Refusal::Url));
    }

    #[test]
    fn only_where_it_is_allowed_does_a_url_lead_to_this_machine() {
        for url in [
            "http://127.0.0.1:9000/x",
            "http://localhost:9000/",
            "http://[::1]:9000/",
        ] {
            assert_eq!(Target::parse(url, true).unwrap().url, url);
        }
        assert_eq!(
            Target::parse("http://example.org/", true),
            Err(Refusal::Scheme)
        );
        assert!(is_reachable(
            "localhost",
            &["127.0.0.1".parse().unwrap()],
            true
        ));
        assert!(!is_reachable(
            "localhost",
            &["10.0.0.1".parse().unwrap()],
            true
        ));
        assert!(!is_reachable(
            "example.org",
            &["127.0.0.1".parse().unwrap()],
            true
        ));
    }

    #[test]
    fn spellings_of_one_url_are_one_endpoint() {
        let normal = |url| Target::parse(url, false).unwrap().url;
        assert_eq!(normal("https://EXAMPLE.org:443"), "https://example.org/");
        assert_eq!(normal("https://example.org/A?b"), "https://example.org/A?b");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_checker_panic(text in "\\PC*", loopback: bool) {
            let _ = Target::parse(&text, loopback);
        }

        #[test]
        fn what_is_taken_keeps_its_spelling(text in "https?://[a-z0-9.:\\[\\]-]{0,40}(/[ -~]{0,20})?") {
            if let Ok(target) = Target::parse(&text, true) {
                prop_assert_eq!(&Target::parse(&target.url, true), &Ok(target.clone()));
            }
        }

        #[test]
        fn a_literal_address_is_taken_exactly_if_it_is_public(v4: u32, v6: u128) {
            for address in [IpAddr::from(Ipv4Addr::from(v4)), IpAddr::from(Ipv6Addr::from(v6))] {
                let host = match address {
                    IpAddr::V4(v4) => v4.to_string(),
                    IpAddr::V6(v6) => format!("[{v6}]"),
                };
                let taken = judged(&format!("https://{host}/"), &["1.1.1.1"]).is_ok();
                prop_assert_eq!(taken, is_public(address), "{}", address);
            }
        }

        #[test]
        fn a_name_is_taken_exactly_if_all_its_addresses_are_public(all: Vec<u32>) {
            let texts: Vec<String> = all.iter().map(|bits| Ipv4Addr::from(*bits).to_string()).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let public = all.iter().all(|bits| is_public(Ipv4Addr::from(*bits).into()));
            let taken = judged("https://example.org/", &texts).is_ok();
            prop_assert_eq!(taken, public && !all.is_empty());
        }
    }
}
