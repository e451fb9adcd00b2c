//! Rate limits: how much one token, or one address without a valid token, may ask for.
//!
//! The frame gives each request a [`Meter`]. A request that presents no token is counted before its
//! handler runs; one that does, when the handler asks who is calling ([`crate::caller`]). The answer
//! says what is left (draft-ietf-httpapi-ratelimit-headers-10).

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use contacts_cache::{BURST, Key, Limiter, Verdict};
use contacts_settings::{ClientAddress, Secret};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Extensions, request::Parts};

use super::arrival::Arrival;
use crate::problem::{Problem, Result};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What a site in front of the load balancer shows, and the address it speaks for.
const SITE: HeaderName = HeaderName::from_static("x-contacts-site");
const VIEWER: HeaderName = HeaderName::from_static("x-contacts-viewer");

/// The address of a connection's other end. The server leaves it as a request extension.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The rate limits of the service.
#[derive(Clone, Debug)]
pub struct Rates {
    /// Counts.
    pub limiter: Arc<Limiter>,
    /// How the address of a client is known.
    pub client: ClientAddress,
}

impl Rates {
    /// What counts this request; nothing does for probes, which must always be answered, and for
    /// preflights, which a browser cannot slow down.
    pub(super) fn meter(
        &self,
        arrival: &Arrival,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Meter {
        if arrival.is_probe() || arrival.preflight {
            return Meter(None);
        }
        let peer = extensions.get::<Peer>().map(|peer| peer.0);
        let address = match &self.client {
            ClientAddress::Forwarded { site_secret } => site_secret
                .as_ref()
                .and_then(|secret| viewer(headers, secret))
                .or_else(|| forwarded(headers))
                .or(peer),
            ClientAddress::Peer => peer,
        };
        Meter(Some(Arc::new(Counted {
            limiter: Arc::clone(&self.limiter),
            address: address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()),
            last: Mutex::default(),
        })))
    }
}

/// Counts one request. Cheap to clone; a request extension, and an extractor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Option<Arc<Counted>>);

#[derive(Debug)]
struct Counted {
    limiter: Arc<Limiter>,
    address: IpAddr,
    /// What the request was last counted against.
    last: Mutex<Option<Count>>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    limit: &'static str,
    key: Key,
    verdict: Verdict,
}

const TOKEN: &str = "token";
const ADDRESS: &str = "address";

impl Meter {
    /// The meter of a request; one that counts nothing where there is none.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Counts the request against its token, or whoever else it speaks for.
    pub(crate) async fn admit_token(&self, credential: &str) -> Result<()> {
        let Some(counted) = &self.0 else {
            return Ok(());
        };
        let key = counted.limiter.key(TOKEN, credential);
        counted.judge(TOKEN, key, counted.limiter.admit(&key).await)
    }

    /// Counts the request against its address: it speaks for nobody.
    pub(crate) async fn admit_address(&self) -> Result<()> {
        let Some(counted) = &self.0 else {
            return Ok(());
        };
        let key = counted.address_key();
        counted.judge(ADDRESS, key, counted.limiter.admit(&key).await)
    }

    /// Refuses the request if its address has nothing left: who guesses tokens does not get to the
    /// database with each.
    pub(crate) async fn check_address(&self) -> Result<()> {
        let Some(counted) = &self.0 else {
            return Ok(());
        };
        let key = counted.address_key();
        let verdict = counted.limiter.check(&key).await;
        if verdict.allowed {
            return Ok(());
        }
        counted.judge(ADDRESS, key, verdict)
    }

    /// Counts a request that was admitted as so many more. They need not be there: who has none left
    /// waits the longer before the next.
    pub(crate) async fn charge(&self, more: usize) -> Result<()> {
        let Some((counted, count)) = self.counted() else {
            return Ok(());
        };
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if more == 0 {
            return Ok(());
        }
        let verdict = counted.limiter.charge(&count.key, more).await;
        counted.judge(count.limit, count.key, verdict)
    }

    fn counted(&self) -> Option<(&Counted, Count)> {
        let counted = self.0.as_deref()?;
        let last = *counted.last.lock().unwrap_or_else(PoisonError::into_inner);
        Some((counted, last?))
    }

    /// Tells what is left, if the request was counted.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        let Some((counted, Count { limit, verdict, .. })) = self.counted() else {
            return;
        };
        let quota = counted.limiter.burst();
        let window = BURST.as_secs();
        let policy = format!("\"{limit}\";q={quota};w={window}");
        let seconds = if verdict.allowed {
            verdict.full.as_micros().div_ceil(1_000_000)
        } else {
            retry_after(verdict).into()
        };
        let left = format!("\"{limit}\";r={};t={seconds}", verdict.remaining);
        for (name, value) in [(POLICY, policy), (LIMIT, left)] {
            let value = HeaderValue::try_from(value).expect("it is made of words and numbers");
            headers.insert(name, value);
        }
    }
}

/// Whole seconds to wait, rounded up.
fn retry_after(verdict: Verdict) -> u32 {
    let seconds = verdict.wait.as_micros().div_ceil(1_000_000).max(1);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

impl Counted {
    fn address_key(&self) -> Key {
        self.limiter
            .key(ADDRESS, &network(self.address).to_string())
    }

    /// Remembers a verdict for the answer; an error if it is no.
    fn judge(&self, limit: &'static str, key: Key, verdict: Verdict) -> Result<()> {
        let count = Count {
            limit,
            key,
            verdict,
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(count);
        if verdict.allowed {
            return Ok(());
        }
        contacts_telemetry::rate_limited(limit);
        Err(if limit == TOKEN {
            Problem::token_limited(retry_after(verdict))
        } else {
            Problem::address_limited(retry_after(verdict))
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Meter {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// Whether a request presents a credential, right or wrong.
pub(super) fn presents_credential(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION)
}

/// The address that the site names, if this request comes from there: whoever reaches the load
/// balancer directly can write the one header, and not the other.
fn viewer(headers: &HeaderMap, secret: &Secret) -> Option<IpAddr> {
    if headers.get(SITE)?.as_bytes() != secret.expose().as_bytes() {
        return None;
    }
    address(headers.get(VIEWER)?.as_bytes())
}

/// The last address of `X-Forwarded-For`, with or without a port: all others, and any letters that
/// are in no address, came from the client.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    address(last.as_bytes().rsplit(|byte| *byte == b',').next()?)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(bytes).ok()?.trim();
    let address = text.parse::<IpAddr>().ok();
    address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

/// What one client is known by: an IPv4 address, or the 64 bits of an IPv6 network, within which it
/// can choose any address (RFC 4291, section 2.5.4).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            Ipv6Addr::from(octets).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        Some(forwarded(&headers)?.to_string())
    }

    #[test]
    fn the_load_balancers_entry_counts_and_no_other() {
        for (values, address) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["10.0.0.1, 203.0.113.7"], "203.0.113.7"),
            (&["' OR 1=1,203.0.113.7"], "203.0.113.7"),
            (&["\u{e9}, 203.0.113.7"], "203.0.113.7"),
            (&["10.0.0.1", "10.0.0.2 , 203.0.113.7"], "203.0.113.7"),
            (&["203.0.113.7:5000"], "203.0.113.7"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
        ] {
            assert_eq!(of(values).as_deref(), Some(address), "{values:?}");
        }
        for values in [&[][..], &[""], &["evil"], &["203.0.113.7, "]] {
            assert_eq!(of(values), None, "{values:?}");
        }
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        for (address, known) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            assert_eq!(network(address.parse().unwrap()).to_string(), known);
        }
    }
}
