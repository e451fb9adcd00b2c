//! The address of the cache, with its password.

use crate::{Error, Secret, Strings, web};

/// A Valkey or Redis server (6.2 or later, cluster mode disabled).
#[derive(Clone, Debug)]
pub struct CacheServer {
    /// Whether it is reached by TLS.
    pub tls: bool,
    /// Its name or address, an IPv6 address without brackets.
    pub host: String,
    /// Its port. Default 6379.
    pub port: u16,
    /// Who logs in; none for the default user.
    pub user: Option<String>,
    /// What they log in with, if they do.
    pub password: Option<Secret>,
    /// The `ElastiCache` replication group to which they log in by IAM, in place of a password.
    pub iam: Option<String>,
    /// The number of the database. Default 0.
    pub database: u16,
}

pub(crate) fn server(
    strings: &Strings,
    variable: &'static str,
) -> Result<Option<CacheServer>, Error> {
    strings.parse_secret(
        variable,
        "rediss://[[user]:password@]host[:port][/database], or redis:// where no TLS is needed, user and \
         password percent-encoded; or rediss://user@host[:port][/database]?iam=GROUP to log in to an \
         ElastiCache replication group by IAM",
        read,
    )
}

fn read(url: &str) -> Option<CacheServer> {
    let (scheme, after) = url.split_once("://")?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "redis" => false,
        "rediss" => true,
        _ => return None,
    };
    let (after, iam) = match after.split_once('?') {
        Some((after, query)) => (
            after,
            Some(query.strip_prefix("iam=").filter(|id| is_id(id))?),
        ),
        None => (after, None),
    };
    let (authority, database) = after.split_once('/').unwrap_or((after, ""));
    let (login, host) = match authority.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, authority),
    };
    let (host, port) = web::host_port(host)?;
    let (user, password) = match (login, iam) {
        // AWS takes a log-in by IAM through TLS alone.
        (Some(user), Some(_)) if tls && is_id(user) => (Some(user.to_owned()), None),
        (_, Some(_)) => return None,
        (Some(login), None) => match login.split_once(':')? {
            (_, "") => return None,
            (user, password) => (Some(decoded(user)?), Some(Secret::new(&decoded(password)?))),
        },
        (None, None) => (None, None),
    };
    Some(CacheServer {
        tls,
        host: host.trim_matches(['[', ']']).to_owned(),
        port: port.unwrap_or(6379),
        user: user.filter(|user| !user.is_empty()),
        password,
        iam: iam.map(str::to_owned),
        database: match database {
            "" => 0,
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            _ => return None,
        },
    })
}

/// Whether it can be the id of a replication group or of a user in `ElastiCache`.
fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.bytes().all(fits)
}

/// Percent-decodes (RFC 3986, section 2.1) what stands before the `@`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match byte {
            b'%' => bytes.push(u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?),
            b'@' | b'/' | b'?' | b'#' | b'[' | b']' => return None,
            byte if byte.is_ascii_graphic() => bytes.push(byte),
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn every_part_of_an_address_is_read() {
        let server = read("rediss://app:p%40ss%2Fword@cache.example:6380/2").unwrap();
        assert!(server.tls);
        assert_eq!((&*server.host, server.port), ("cache.example", 6380));
        assert_eq!(server.user.as_deref(), Some("app"));
        assert_eq!(server.password.unwrap().expose(), "p@ss/word");
        assert_eq!(server.database, 2);
    }

    #[test]
    fn most_parts_can_be_left_out() {
        for (url, host) in [
            ("redis://127.0.0.1", "127.0.0.1"),
            ("REDIS://Cache:6379/", "cache"),
            ("redis://[::1]:6379/0", "::1"),
        ] {
            let server = read(url).unwrap();
            assert!(!server.tls && server.user.is_none() && server.password.is_none());
            assert_eq!((&*server.host, server.port), (host, 6379), "{url}");
            assert_eq!(server.database, 0);
        }
        let server = read("redis://:secret@cache").unwrap();
        assert_eq!(server.user, None);
        assert_eq!(server.password.unwrap().expose(), "secret");
    }

    #[test]
    fn a_log_in_by_iam_has_a_user_and_a_group_and_no_password() {
        let server = read("rediss://app@master.cache.example:6379/1?iam=contacts-prod").unwrap();
        assert_eq!(server.user.as_deref(), Some("app"));
        assert_eq!(server.iam.as_deref(), Some("contacts-prod"));
        assert!(server.password.is_none());
        assert_eq!(
            (&*server.host, server.database),
            ("master.cache.example", 1)
        );
    }

    #[test]
    fn what_is_no_such_address_is_refused() {
        for url in [
            "",
            "cache:6379",
            "http://cache",
            "unix:///run/redis.sock",
            "redis://",
            "redis://cache:",
            "redis://cache:x",
            "redis://cache:70000",
            "redis://user@cache",
            "redis://user:@cache",
            "redis://:a@b@cache",
            "redis://:a%zz@cache",
            "redis://:a%f@cache",
            "redis://:a b@cache",
            "redis://cache/x",
            "redis://cache/-1",
            "redis://cache/70000",
            "redis://cache/0/1",
            "redis://cache?db=1",
            "redis://app@cache?iam=group",
            "rediss://cache?iam=group",
            "rediss://app:secret@cache?iam=group",
            "rediss://app@cache?iam=",
            "rediss://app@cache?iam=a/b",
            "rediss://a%40b@cache?iam=group",
            "rediss://app@cache?iam=group&iam=other",
            "redis://cache/0?x",
            "rediss://cache#insecure",
        ] {
            assert!(read(url).is_none(), "{url}");
        }
    }
}
