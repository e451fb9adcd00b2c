//! A prefix of a bucket, by the four calls of the REST API that are needed (Amazon S3 API Reference:
//! `GetObject`, `PutObject`, `DeleteObject`, `ListObjectsV2`); see docs/DECISIONS.md.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_smithy_xml::decode::Document;
use bytes::Bytes;
use http::{Method, Request, StatusCode};

use super::{ObjectsError, Result};
use crate::aws::{Aws, Service};

const S3_SERVICE: Service = Service {
    id: "S3",
    signing_name: "s3",
};

#[derive(Clone, Debug)]
pub(super) struct S3 {
    aws: Arc<Aws>,
    bucket: Arc<str>,
    /// Empty, or with a slash at its end.
    prefix: Arc<str>,
}

impl S3 {
    pub(super) fn new(sdk: &SdkConfig, bucket: &str, prefix: &str) -> Self {
        let prefix = match prefix {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Self {
            aws: Arc::new(Aws::new(sdk, S3_SERVICE)),
            bucket: bucket.into(),
            prefix: prefix.into(),
        }
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        match self
            .call("GetObject", Method::GET, name, "", Bytes::new())
            .await?
        {
            (StatusCode::OK, bytes) => Ok(Some(bytes)),
            (StatusCode::NOT_FOUND, body) if !text_of(&body).contains("NoSuchBucket") => Ok(None),
            (status, body) => Err(refused("GetObject", status, &body)),
        }
    }

    pub(super) async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        match self.call("PutObject", Method::PUT, name, "", bytes).await? {
            (StatusCode::OK, _) => Ok(()),
            (status, body) => Err(refused("PutObject", status, &body)),
        }
    }

    pub(super) async fn delete(&self, name: &str) -> Result<()> {
        match self
            .call("DeleteObject", Method::DELETE, name, "", Bytes::new())
            .await?
        {
            (StatusCode::OK | StatusCode::NO_CONTENT, _) => Ok(()),
            (status, body) => Err(refused("DeleteObject", status, &body)),
        }
    }

    pub(super) async fn list(&self, folder: &str) -> Result<Vec<String>> {
        const OPERATION: &str = "ListObjectsV2";
        let prefix = percent(&format!("{}{folder}", self.prefix));
        let mut names = Vec::new();
        let mut token = String::new();
        loop {
            // Signatures want the parameters in order.
            let query = match &*token {
                "" => format!("?list-type=2&prefix={prefix}"),
                token => format!(
                    "?continuation-token={}&list-type=2&prefix={prefix}",
                    percent(token)
                ),
            };
            let (status, body) = self
                .call(OPERATION, Method::GET, "", &query, Bytes::new())
                .await?;
            if status != StatusCode::OK {
                return Err(refused(OPERATION, status, &body));
            }
            let page = page(text_of(&body)).ok_or_else(|| {
                ObjectsError::new(OPERATION, "its answer is not the XML that S3 documents")
            })?;
            names.extend(
                page.keys
                    .iter()
                    .filter_map(|key| key.strip_prefix(&*self.prefix).map(str::to_owned)),
            );
            match page.next {
                Some(next) => token = next,
                None => return Ok(names),
            }
        }
    }

    /// Under the endpoint of the environment the bucket is in the path, on AWS in the host's name.
    async fn call(
        &self,
        operation: &'static str,
        method: Method,
        name: &str,
        query: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes)> {
        let base = match self.aws.endpoint() {
            Some(endpoint) => format!("{endpoint}/{}", self.bucket),
            None => {
                let host = self
                    .aws
                    .host("s3")
                    .map_err(|why| ObjectsError::new(operation, why))?;
                format!("https://{}.{host}", self.bucket)
            }
        };
        let path = match name {
            "" => String::new(),
            name => format!("{}{name}", self.prefix),
        };
        let mut request = Request::builder()
            .method(method.clone())
            .uri(format!("{base}/{path}{query}"));
        if method == Method::PUT {
            request = request.header("content-type", "application/vnd.apache.parquet");
        }
        let request = request
            .body(body)
            .map_err(|_| ObjectsError::new(operation, "the name makes no URL"))?;
        let answer = self.aws.send(request).await;
        answer.map_err(|error| ObjectsError::new(operation, error))
    }
}

/// The code of S3's error document says what to do; its message may name names.
fn refused(operation: &'static str, status: StatusCode, body: &[u8]) -> ObjectsError {
    let code = text_of(body)
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .map_or("", |(code, _)| code);
    let is_word = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let code = if is_word { code } else { "" };
    ObjectsError::new(operation, format!("{} {code}", status.as_u16()).trim_end())
}

fn text_of(body: &[u8]) -> &str {
    std::str::from_utf8(body).unwrap_or_default()
}

/// Percent-encodes a query's value as signatures want it (RFC 3986, unreserved characters stay).
fn percent(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, KEPT).to_string()
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    keys: Vec<String>,
    next: Option<String>,
}

/// `ListBucketResult`, as far as it matters.
fn page(xml: &str) -> Option<Page> {
    let mut document = Document::new(xml);
    let mut root = document.root_element().ok()?;
    if root.start_el().local() != "ListBucketResult" {
        return None;
    }
    let mut page = Page::default();
    while let Some(mut tag) = root.next_tag() {
        match tag.start_el().local() {
            "Contents" => {
                while let Some(mut part) = tag.next_tag() {
                    if part.start_el().local() == "Key" {
                        let key = aws_smithy_xml::decode::try_data(&mut part).ok()?;
                        page.keys.push(key.into_owned());
                    }
                }
            }
            "NextContinuationToken" => {
                let token = aws_smithy_xml::decode::try_data(&mut tag).ok()?;
                page.next = Some(token.into_owned());
            }
            _ => {}
        }
    }
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_a_list_is_read_to_its_token() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
            <IsTruncated>true</IsTruncated><Contents><Key>system/a&amp;b</Key><Size>1</Size></Contents>
            <Contents><Key>system/c</Key></Contents><NextContinuationToken>x+/=</NextContinuationToken>
            </ListBucketResult>"#;
        let expected = Page {
            keys: vec!["system/a&b".to_owned(), "system/c".to_owned()],
            next: Some("x+/=".to_owned()),
        };
        assert_eq!(page(xml), Some(expected));
        assert_eq!(page("<Error><Code>AccessDenied</Code></Error>"), None);
        assert_eq!(page("no XML"), None);
    }

    #[test]
    fn an_error_tells_its_code_and_no_name() {
        let body =
            b"<Error><Code>AccessDenied</Code><Message>arn:aws:iam::1:role/x</Message></Error>";
        let error = refused("GetObject", StatusCode::FORBIDDEN, body);
        assert_eq!(error.why, "403 AccessDenied");
    }
}
