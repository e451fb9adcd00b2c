//! The address of the object store.

use std::path::PathBuf;

pub(crate) const SHOULD: &str = "s3://bucket or s3://bucket/prefix, the prefix of A-Z a-z 0-9 - _ . and \
     slashes within, or file:///folder";

/// Where files are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectsUrl {
    /// A folder of this machine, which need not be there.
    Folder(PathBuf),
    /// A bucket of Amazon S3.
    S3 {
        /// Its name (Amazon S3 User Guide, "General purpose bucket naming rules").
        bucket: String,
        /// What every key begins with, without a slash at either end; empty for none.
        prefix: String,
    },
}

pub(crate) fn read(url: &str) -> Option<ObjectsUrl> {
    if let Some(path) = url.strip_prefix("file://") {
        let is_plain = !path.contains(['?', '#', '%']);
        return (path.len() > 1 && path.starts_with('/') && is_plain)
            .then(|| ObjectsUrl::Folder(PathBuf::from(path)));
    }
    let rest = url.strip_prefix("s3://")?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    // A dot in the name would not fit the certificate of its host.
    let of_bucket = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_bucket = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(of_bucket)
        && !bucket.starts_with('-')
        && !bucket.ends_with('-');
    let prefix = prefix.trim_end_matches('/');
    let of_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let is_word =
        |word: &str| !word.is_empty() && word != "." && word != ".." && word.bytes().all(of_word);
    let is_prefix = prefix.is_empty() || prefix.split('/').all(is_word);
    (is_bucket && is_prefix).then(|| ObjectsUrl::S3 {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_a_prefix_or_none() {
        for (url, expected) in [
            ("s3://contacts-objects", ""),
            ("s3://contacts-objects/", ""),
            ("s3://contacts-objects/dev/one_2.x/", "dev/one_2.x"),
        ] {
            let expected = ObjectsUrl::S3 {
                bucket: "contacts-objects".to_owned(),
                prefix: expected.to_owned(),
            };
            assert_eq!(read(url), Some(expected), "{url}");
        }
        let folder = ObjectsUrl::Folder(PathBuf::from("/var/lib/my contacts"));
        assert_eq!(read("file:///var/lib/my contacts"), Some(folder));
    }

    #[test]
    fn what_is_no_such_address_is_refused() {
        for url in [
            "",
            "contacts-objects",
            "s3://",
            "s3://ab",
            "s3://Upper-case",
            "s3://with.dots",
            "s3://-begins",
            "s3://bucket//double",
            "s3://bucket/../up",
            "s3://bucket/a b",
            "s3://bucket/a?b",
            "https://bucket.s3.amazonaws.com",
            "file://relative",
            "file:///",
            "file:///a%20b",
        ] {
            assert_eq!(read(url), None, "{url}");
        }
    }
}
