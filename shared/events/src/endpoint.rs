//! Where messages may go: what an address must look like, and which hosts are nobody's business.
//!
//! Whoever makes this service call a URL of their choice must not reach what only this service can:
//! its neighbours in a private network, itself, or the metadata of its machine.

mod address;
mod url;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};

use crate::Channel;

pub use address::is_public;
pub(crate) use url::{Target, is_reachable};

/// Finds the addresses of a host by its name.
pub type Resolve = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// For how long a name is looked up.
const LOOKUP: Duration = Duration::from_secs(2);

/// Finds addresses as this machine does.
pub(crate) fn lookup() -> Resolve {
    Arc::new(|name| {
        async move {
            let found = tokio::net::lookup_host((name, 0));
            let found = tokio::time::timeout(LOOKUP, found).await??;
            Ok(found.map(|address| address.ip()).collect())
        }
        .boxed()
    })
}

/// The most characters of an email address (RFC 5321, sections 4.5.3.1.1 and 4.5.3.1.2, with the `@`).
const EMAIL_CHARS: usize = 320;

/// Why messages cannot go to an endpoint. The text says what would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The text is no email address, or none that SNS takes.
    #[error("an email address is ASCII, at most 320 characters, like ada@example.org")]
    Email,
    /// The text is no ARN of a queue.
    #[error("a queue is named by its ARN, like arn:aws:sqs:eu-central-1:123456789012:name")]
    Queue,
    /// The queue is of another partition than the topic.
    #[error("the queue must be of the same partition of AWS as the topic")]
    Partition,
    /// The queue is a FIFO queue.
    #[error("the queue must be a standard queue: a standard topic cannot reach a FIFO queue")]
    Fifo,
    /// The text is no URL, or too long for one.
    #[error("a URL is ASCII, at most 2,048 characters, like https://hooks.example.org/contacts")]
    Url,
    /// The URL is not encrypted.
    #[error("the URL must begin with https://")]
    Scheme,
    /// The URL has more than host, port, path and query.
    #[error("the URL must have no user, password or fragment")]
    Parts,
    /// The host has no address. The text is the same as for one that is not public: nobody is to learn
    /// which names a private network has.
    #[error("the host of the URL has no address on the public internet, or others too")]
    Unresolved,
    /// The host is not on the public internet.
    #[error("the host of the URL has no address on the public internet, or others too")]
    NotPublic,
    /// There is no topic.
    #[error("this service has no topic (CONTACTS_TOPIC_ARN), so it can send to URLs alone")]
    NoTopic,
}

/// The address in the spelling that is kept: hosts are the same in capitals.
pub(crate) fn normal(
    channel: Channel,
    text: &str,
    partition: Option<&str>,
    loopback: bool,
) -> Result<String, Refusal> {
    match (channel, partition) {
        (Channel::Https, _) => Target::parse(text, loopback).map(|target| target.url),
        (_, None) => Err(Refusal::NoTopic),
        (Channel::Email, Some(_)) => email(text).ok_or(Refusal::Email),
        (Channel::Sqs, Some(partition)) => queue(text, partition),
    }
}

/// The addresses that people have: a dot-atom (RFC 5322, section 3.2.3), and a name with a dot in it.
fn email(text: &str) -> Option<String> {
    const SYMBOLS: &[u8] = b"!#$%&'*+-/=?^_`{|}~";
    let (local, domain) = text.rsplit_once('@')?;
    let is_atom = |atom: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || SYMBOLS.contains(&byte);
        !atom.is_empty() && atom.bytes().all(fits)
    };
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = domain.rsplit('.').next()?;
    let fits = text.len() <= EMAIL_CHARS
        && local.len() <= 64
        && domain.len() <= 255
        && local.split('.').all(is_atom)
        && domain.contains('.')
        && domain.split('.').all(is_label)
        && !top.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| format!("{local}@{}", domain.to_ascii_lowercase()))
}

fn queue(text: &str, partition: &str) -> Result<String, Refusal> {
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", its, "sqs", region, account, name] = parts[..] else {
        return Err(Refusal::Queue);
    };
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty()
        || !region.bytes().all(is_region)
        || account.len() != 12
        || !account.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(Refusal::Queue);
    }
    if name.ends_with(".fifo") {
        return Err(Refusal::Fifo);
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(1..=80).contains(&name.len()) || !name.bytes().all(is_name) {
        return Err(Refusal::Queue);
    }
    if its != partition {
        return Err(Refusal::Partition);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_addresses_are_told_from_other_texts() {
        for good in [
            "ada@example.org",
            "a.b+c_d@sub.example.co",
            "o'brien@xn--bcher-kva.example",
        ] {
            assert_eq!(email(good).as_deref(), Some(good));
        }
        assert_eq!(email("Ada@EXAMPLE.org").as_deref(), Some("Ada@example.org"));
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "ada@127.0.0.1",
            "a b@example.org",
            "ada@example..org",
            ".ada@example.org",
            "ada.@example.org",
            "ada@-a.org",
            "ada@exam\nple.org",
            "ada@example.org\r\nBcc: x@y.org",
            "ädä@example.org",
            &long,
        ] {
            assert_eq!(email(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_queue_is_a_standard_queue_of_the_same_partition() {
        let arn = "arn:aws:sqs:eu-central-1:123456789012:name";
        assert_eq!(queue(arn, "aws").as_deref(), Ok(arn));
        assert_eq!(queue(arn, "aws-cn"), Err(Refusal::Partition));
        assert_eq!(queue(&format!("{arn}.fifo"), "aws"), Err(Refusal::Fifo));
        for bad in [
            "",
            "arn:aws:sns:eu-central-1:123456789012:name",
            "arn:aws:sqs::123456789012:name",
            "arn:aws:sqs:eu-central-1:12345678901:name",
            "arn:aws:sqs:eu-central-1:123456789012:",
            "arn:aws:sqs:eu-central-1:123456789012:a:b",
            "arn:aws:sqs:eu-central-1:123456789012:na me",
        ] {
            assert_eq!(queue(bad, "aws"), Err(Refusal::Queue), "{bad}");
        }
    }

    #[test]
    fn without_a_topic_there_are_urls_alone() {
        let none = |channel, text| normal(channel, text, None, false);
        assert_eq!(
            none(Channel::Email, "ada@example.org"),
            Err(Refusal::NoTopic)
        );
        assert!(none(Channel::Https, "https://example.org/").is_ok());
    }
}
