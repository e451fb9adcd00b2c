//! Signed requests to AWS for the few calls that are not worth a client of the SDK each: the same
//! credentials, region, endpoints and TLS.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::{Credentials, provider::ProvideCredentials as _};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_types::service_config::ServiceConfigKey;
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

/// Attempts of one call, the first included. A connection that was frozen with its sandbox is reset at the
/// first.
const ATTEMPTS: u32 = 4;
/// For one of them.
const PATIENCE: Duration = Duration::from_secs(5);
/// From the first attempt to the second, at most; twice as long from each to the next.
const PAUSE: Duration = Duration::from_millis(100);
/// Credentials are asked for anew so long before they end.
const BEFORE_THE_END: Duration = Duration::from_secs(300);
/// Bytes of an answer. The largest that is asked for is a file of some hundred KB.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A service of AWS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    /// As profiles call it.
    pub(crate) id: &'static str,
    /// As signatures call it.
    pub(crate) signing_name: &'static str,
}

/// Why there is no answer. No variant carries what was sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AwsError {
    #[error("no AWS region is set")]
    Region,
    #[error("the AWS credentials cannot be had")]
    Credentials,
    #[error("the request cannot be signed")]
    Signature,
    #[error("the service could not be reached")]
    Unreachable,
    #[error("the service did not answer in time")]
    Timeout,
    #[error("the answer broke off or is too large")]
    Answer,
}

/// Sends requests to one service.
#[derive(Debug)]
pub(crate) struct Aws {
    sdk: SdkConfig,
    service: Service,
    /// Made with the first request: a function that needs none does not pay for it.
    http: OnceLock<SharedHttpConnector>,
    /// In a task each look for credentials is a request of its own.
    known: Mutex<Option<Credentials>>,
}

impl Aws {
    pub(crate) fn new(sdk: &SdkConfig, service: Service) -> Self {
        Self {
            sdk: sdk.clone(),
            service,
            http: OnceLock::new(),
            known: Mutex::default(),
        }
    }

    /// The endpoint that the environment names, without a slash at its end.
    pub(crate) fn endpoint(&self) -> Option<String> {
        let key = ServiceConfigKey::builder()
            .service_id(self.service.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok();
        let of_service = self
            .sdk
            .service_config()
            .zip(key)
            .and_then(|(config, key)| config.load_config(key));
        let endpoint = of_service.or_else(|| self.sdk.endpoint_url().map(str::to_owned))?;
        Some(endpoint.trim_end_matches('/').to_owned())
    }

    /// The host of AWS where a service begins with `name` (AWS General Reference, "Service endpoints").
    pub(crate) fn host(&self, name: &str) -> Result<String, AwsError> {
        let region = self.sdk.region().ok_or(AwsError::Region)?.as_ref();
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        Ok(format!("{name}.{region}.amazonaws.com{china}"))
    }

    /// Sends a request, again if that may help: no answer, 429 and 5xx.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
    ) -> Result<(StatusCode, Bytes), AwsError> {
        let mut pause = PAUSE;
        for attempt in 1.. {
            let sent = timeout(PATIENCE, self.attempt(&request)).await;
            let sent = sent.unwrap_or(Err(AwsError::Timeout));
            let is_worth_another = match &sent {
                Ok((status, _)) => {
                    *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
                }
                Err(AwsError::Unreachable | AwsError::Timeout | AwsError::Answer) => true,
                Err(_) => false,
            };
            if !is_worth_another || attempt == ATTEMPTS {
                return sent;
            }
            sleep(pause.mul_f64(random())).await;
            pause *= 2;
        }
        Err(AwsError::Unreachable)
    }

    async fn attempt(&self, request: &Request<Bytes>) -> Result<(StatusCode, Bytes), AwsError> {
        let request = self.signed(request).await?;
        let http = self.http.get_or_init(connector);
        let answer = http
            .call(request)
            .await
            .map_err(|_| AwsError::Unreachable)?;
        let status =
            StatusCode::from_u16(answer.status().as_u16()).map_err(|_| AwsError::Answer)?;
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|_| AwsError::Answer)?.to_bytes();
        Ok((status, body))
    }

    async fn credentials(&self, now: SystemTime) -> Result<Credentials, AwsError> {
        let mut known = self.known.lock().await;
        if let Some(credentials) = &*known
            && credentials
                .expiry()
                .is_some_and(|end| end > now + BEFORE_THE_END)
        {
            return Ok(credentials.clone());
        }
        let provider = self
            .sdk
            .credentials_provider()
            .ok_or(AwsError::Credentials)?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|_| AwsError::Credentials)?;
        *known = Some(credentials.clone());
        Ok(credentials)
    }

    async fn signed(&self, request: &Request<Bytes>) -> Result<HttpRequest, AwsError> {
        let region = self.sdk.region().ok_or(AwsError::Region)?;
        let now = self
            .sdk
            .time_source()
            .map_or_else(SystemTime::now, |time| time.now());
        let identity = self.credentials(now).await?.into();
        // S3 takes the path as it is, and wants the body's hash in a header.
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(region.as_ref())
            .name(self.service.signing_name)
            .time(now)
            .settings(settings)
            .build()
            .map_err(|_| AwsError::Signature)?
            .into();

        let mut copy = Request::builder()
            .method(request.method().clone())
            .uri(request.uri().clone())
            .body(SdkBody::from(request.body().clone()))
            .map_err(|_| AwsError::Signature)?;
        *copy.headers_mut() = request.headers().clone();
        if let Some(name) = self.sdk.app_name()
            && let Ok(agent) = HeaderValue::try_from(format!("app/{name}"))
        {
            copy.headers_mut().insert("x-amz-user-agent", agent);
        }
        let url = copy.uri().to_string();
        let headers: Option<Vec<_>> = copy
            .headers()
            .iter()
            .map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let signable = SignableRequest::new(
            copy.method().as_str(),
            &*url,
            headers.ok_or(AwsError::Signature)?.into_iter(),
            SignableBody::Bytes(request.body()),
        )
        .map_err(|_| AwsError::Signature)?;
        let signed = sign(signable, &params).map_err(|_| AwsError::Signature)?;
        let (instructions, _) = signed.into_parts();
        instructions.apply_to_request_http1x(&mut copy);
        HttpRequest::try_from(copy).map_err(|_| AwsError::Signature)
    }
}

/// The HTTP client and the TLS stack of the SDK.
pub(crate) fn connector() -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(Duration::from_secs(1))
        .read_timeout(PATIENCE)
        .build();
    let connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .connector_settings(settings)
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .build();
    SharedHttpConnector::new(connector)
}

/// A number from 0 to 1, so that processes do not come back all at once.
fn random() -> f64 {
    getrandom::u32().map_or(1.0, |bits| f64::from(bits) / f64::from(u32::MAX))
}
