//! Reads the issuer's discovery document and keys (OpenID Connect Discovery 1.0), through the same
//! HTTP client and TLS stack as the AWS SDK.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;

/// Bytes of a document of the issuer.
const MAX_DOCUMENT: usize = 262_144;

/// For both documents together.
const PATIENCE: Duration = Duration::from_secs(5);

/// The HTTP client for [`Verifier::new`](super::Verifier::new).
#[must_use]
pub fn connector() -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(Duration::from_secs(2))
        .read_timeout(Duration::from_secs(3))
        .build();
    let connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .connector_settings(settings)
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .build();
    SharedHttpConnector::new(connector)
}

/// `CONTACTS_OIDC_ISSUER` cannot be an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the OIDC issuer should be an https URL without query (http only on loopback)")]
pub struct IssuerError;

/// Why the keys could not be read. No variant carries what was received.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("it did not answer in time")]
    Timeout,
    #[error("it could not be reached")]
    Unreachable,
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer is larger than {MAX_DOCUMENT} bytes, or broke off")]
    Body,
    #[error("its answer is not the JSON that the specification asks for")]
    Json,
    #[error("its discovery document is of another issuer")]
    OtherIssuer,
    #[error("its jwks_uri is not an https URL")]
    KeysUri,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Where to ask.
#[derive(Debug)]
pub(super) struct Issuer {
    name: String,
    loopback: bool,
    http: SharedHttpConnector,
}

impl Issuer {
    pub(super) fn new(name: &str, http: SharedHttpConnector) -> Result<Self, IssuerError> {
        let uri: Uri = name.parse().map_err(|_| IssuerError)?;
        let loopback = is_loopback(&uri);
        let usable = uri.host().is_some()
            && uri.query().is_none()
            && !name.contains(['#', '@'])
            && (uri.scheme_str() == Some("https") || loopback);
        if !usable {
            return Err(IssuerError);
        }
        Ok(Self {
            name: name.to_owned(),
            loopback,
            http,
        })
    }

    /// The JWK Set as it was sent.
    pub(super) async fn jwks(&self) -> Result<Bytes, FetchError> {
        tokio::time::timeout(PATIENCE, self.read_jwks())
            .await
            .map_err(|_| FetchError::Timeout)?
    }

    async fn read_jwks(&self) -> Result<Bytes, FetchError> {
        // Discovery section 4.1: a slash at the end of the issuer is removed.
        let base = self.name.trim_end_matches('/');
        let document = self
            .get(&format!("{base}/.well-known/openid-configuration"))
            .await?;
        let discovery: Discovery =
            serde_json::from_slice(&document).map_err(|_| FetchError::Json)?;
        if discovery.issuer != self.name {
            return Err(FetchError::OtherIssuer);
        }
        let keys: Uri = discovery
            .jwks_uri
            .parse()
            .map_err(|_| FetchError::KeysUri)?;
        let trusted = keys.scheme_str() == Some("https") || self.loopback && is_loopback(&keys);
        if !trusted {
            return Err(FetchError::KeysUri);
        }
        self.get(&discovery.jwks_uri).await
    }

    /// A pooled connection may have died unnoticed (a Lambda thaws after hours), hence a second try.
    async fn get(&self, uri: &str) -> Result<Bytes, FetchError> {
        match self.try_get(uri).await {
            Err(FetchError::Unreachable) => self.try_get(uri).await,
            done => done,
        }
    }

    async fn try_get(&self, uri: &str) -> Result<Bytes, FetchError> {
        let mut request = HttpRequest::get(uri).map_err(|_| FetchError::Unreachable)?;
        request.headers_mut().insert("accept", "application/json");
        let response = self
            .http
            .call(request)
            .await
            .map_err(|_| FetchError::Unreachable)?;
        // Redirects are not followed: the specification knows none.
        let status = response.status().as_u16();
        if status != 200 {
            return Err(FetchError::Status(status));
        }
        let body = Limited::new(response.into_body(), MAX_DOCUMENT)
            .collect()
            .await;
        body.map(http_body_util::Collected::to_bytes)
            .map_err(|_| FetchError::Body)
    }
}

fn is_loopback(uri: &Uri) -> bool {
    uri.scheme_str() == Some("http")
        && matches!(uri.host(), Some("127.0.0.1" | "[::1]" | "localhost"))
}
