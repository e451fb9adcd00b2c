//! The SDK's HTTP client, without HTTP.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::Engine;
use crate::dispatch::AMZ_JSON;

/// An SDK connector whose requests are calls into the engine.
#[derive(Clone, Debug)]
pub struct InProcess(Engine);

impl InProcess {
    pub(crate) fn new(engine: Engine) -> Self {
        Self(engine)
    }
}

impl HttpClient for InProcess {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let engine = self.0.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let body = request
                .body()
                .bytes()
                .ok_or_else(|| ConnectorError::user("a streamed body has no place here".into()))?;
            let answer = engine
                .answer(target.to_owned(), body.to_vec())
                .await
                .map_err(|error| ConnectorError::other(error.into(), None))?;
            let status = answer
                .status
                .try_into()
                .map_err(|error| ConnectorError::other(Box::new(error), None))?;
            let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
            response.headers_mut().insert("content-type", AMZ_JSON);
            Ok(response)
        })
    }
}
