//! Logging in to `ElastiCache` as an IAM identity, so that there is no password to keep.
//!
//! The server takes a request to its own API in place of one: signed, valid for a quarter of an hour, and
//! never sent (Amazon `ElastiCache` User Guide, "Authenticating with IAM"). It ends a connection after
//! twelve hours; the next one logs in anew.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use redis::{ErrorKind, RedisError};

/// As long as the service allows.
const VALID: Duration = Duration::from_secs(900);

/// What `user` gives as password to the replication group of that name.
pub(crate) async fn password(
    sdk: &SdkConfig,
    group: &str,
    user: &str,
) -> Result<String, RedisError> {
    let region = sdk.region().ok_or_else(|| failed("no AWS region is set"))?;
    let provider = sdk
        .credentials_provider()
        .ok_or_else(|| failed("there are no AWS credentials"))?;
    let credentials = provider
        .provide_credentials()
        .await
        .map_err(|_| failed("the AWS credentials cannot be had"))?;
    let now = sdk
        .time_source()
        .map_or_else(SystemTime::now, |time| time.now());

    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(VALID);
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region.as_ref())
        .name("elasticache")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|_| unsigned())?
        .into();
    // Names of groups and users are letters, digits and hyphens: nothing here needs encoding.
    let url = format!("http://{group}/?Action=connect&User={user}");
    let request = SignableRequest::new("GET", &*url, [].into_iter(), SignableBody::Bytes(&[]))
        .map_err(|_| unsigned())?;
    let (instructions, _) = sign(request, &params).map_err(|_| unsigned())?.into_parts();
    let mut request = http::Request::get(&url).body(()).map_err(|_| unsigned())?;
    instructions.apply_to_request_http1x(&mut request);
    let signed = request.uri().to_string();
    let password = signed.strip_prefix("http://").ok_or_else(unsigned)?;
    Ok(password.to_owned())
}

fn unsigned() -> RedisError {
    failed("the log-in cannot be signed")
}

fn failed(why: &'static str) -> RedisError {
    (ErrorKind::AuthenticationFailed, why).into()
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use aws_smithy_async::time::TimeSource;

    use super::*;

    #[derive(Debug)]
    struct Then;

    impl TimeSource for Then {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
        }
    }

    fn sdk(session: Option<&str>) -> SdkConfig {
        let session = session.map(str::to_owned);
        let someone = Credentials::new("AKIDEXAMPLE", "secret-key", session, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(someone))
            .time_source(Then)
            .build()
    }

    /// As botocore's `SigV4QueryAuth` signs the same request.
    #[tokio::test]
    async fn the_password_is_what_another_signer_makes_of_the_same_request() {
        const START: &str = "contact-manager-prod/?Action=connect&User=contact-manager-prod-app\
             &X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Feu-central-1%2Felasticache%2Faws4_request\
             &X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host";
        for (session, rest) in [
            (
                None,
                "&X-Amz-Signature=ce4ff9e794d4447e91a1816e11d03586aa8a6381809b0c0747e95b20d96da06b",
            ),
            (
                Some("session/token+="),
                "&X-Amz-Signature=2b8d31669937980f3f8206c8b685098591db70922d6702220dc5bfe9a9bc7683\
                 &X-Amz-Security-Token=session%2Ftoken%2B%3D",
            ),
        ] {
            let sdk = sdk(session);
            let password = password(&sdk, "contact-manager-prod", "contact-manager-prod-app");
            assert_eq!(password.await.unwrap(), format!("{START}{rest}"));
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_said_without_a_secret() {
        let nothing = SdkConfig::builder().build();
        let error = password(&nothing, "group", "user").await.unwrap_err();
        assert!(
            error.to_string().contains("no AWS region is set"),
            "{error}"
        );
        let nobody = SdkConfig::builder()
            .region(Region::from_static("eu-central-1"))
            .build();
        let error = password(&nobody, "group", "user").await.unwrap_err();
        assert!(error.to_string().contains("no AWS credentials"), "{error}");
    }
}
