//! Delivery by this process itself, where there is no topic: a POST for each message.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    dns::{DnsFuture, ResolveDns, ResolveDnsError},
    http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::body::SdkBody;
use futures::StreamExt;
use tokio::time::Instant;

use super::{Fate, Letter};
use crate::{
    endpoint::{Resolve, Target, is_reachable, lookup},
    pass::Pass,
};

/// For the whole of a call. Its answer is its status alone: the rest is not read.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many endpoints are called at once: all of a book's, so that none waits for another.
const PARALLEL: usize = 50;

/// Calls URLs itself.
#[derive(Clone)]
pub struct Own {
    http: SharedHttpConnector,
    resolve: Resolve,
    loopback: bool,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own")
            .field("loopback", &self.loopback)
            .finish_non_exhaustive()
    }
}

impl Own {
    /// With the names of this machine's resolver. With `loopback`, URLs may lead to this machine: where
    /// whoever may subscribe is also whose machine it is.
    #[must_use]
    pub fn new(loopback: bool) -> Self {
        Self::with_resolver(loopback, lookup())
    }

    /// The same with names from elsewhere.
    #[must_use]
    pub fn with_resolver(loopback: bool, resolve: Resolve) -> Self {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(Duration::from_secs(2))
            .read_timeout(PATIENCE)
            .build();
        let checked = Checked {
            resolve: Arc::clone(&resolve),
            loopback,
        };
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .connector_settings(settings)
            .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
            .build_with_resolver(checked);
        Self {
            http: SharedHttpConnector::new(connector),
            resolve,
            loopback,
        }
    }

    pub(super) fn loopback(&self) -> bool {
        self.loopback
    }

    pub(super) fn resolve(&self) -> &Resolve {
        &self.resolve
    }

    /// Each endpoint gets its messages one after the other, as long as the pass lets it, and after the
    /// first that fails no more of them for now.
    pub(super) async fn send(&self, pass: &Pass<'_>, letters: &[&Letter]) -> Vec<Fate> {
        let mut queues = std::collections::BTreeMap::<&str, Vec<usize>>::new();
        for (at, letter) in letters.iter().enumerate() {
            queues.entry(&letter.endpoint).or_default().push(at);
        }
        let called = futures::stream::iter(queues.into_values().map(|queue| async move {
            let mut fates = Vec::with_capacity(queue.len());
            let mut gone = None;
            for at in queue {
                let letter = letters[at];
                let fate = match gone {
                    Some(fate) => fate,
                    None if pass.holds(&letter.endpoint) => Fate::Held,
                    None => self.call(pass, letter).await,
                };
                gone = Some(fate).filter(|fate| matches!(fate, Fate::Never(_)));
                fates.push((at, fate));
            }
            fates
        }));
        let mut fates: Vec<_> = called.buffer_unordered(PARALLEL).concat().await;
        fates.sort_unstable_by_key(|(at, _)| *at);
        fates.into_iter().map(|(_, fate)| fate).collect()
    }

    async fn call(&self, pass: &Pass<'_>, letter: &Letter) -> Fate {
        let begun = Instant::now();
        let fate = match tokio::time::timeout(PATIENCE, self.post(letter)).await {
            Ok(fate) => fate,
            Err(_) => Fate::Later("the endpoint did not answer within 5 seconds"),
        };
        match fate {
            Fate::Sent => pass.reached(&letter.endpoint, begun.elapsed()),
            Fate::Later(_) | Fate::Held => pass.failed(&letter.endpoint),
            Fate::Never(_) => pass.stop(&letter.endpoint),
        }
        fate
    }

    async fn post(&self, letter: &Letter) -> Fate {
        // A literal address meets no resolver: the text itself is judged before every call.
        let target = match Target::parse(&letter.address, self.loopback) {
            Ok(target) => target,
            Err(_) => return Fate::Never("the URL is not one that may be called"),
        };
        if target.is_literal() && target.check(&self.resolve).await.is_err() {
            return Fate::Never("the URL is not one that may be called");
        }
        let request = http::Request::post(target.url)
            .header("content-type", "application/json")
            .header(
                "user-agent",
                concat!("contact-manager/", env!("CARGO_PKG_VERSION")),
            )
            .body(SdkBody::from(letter.message.json()));
        let Some(request) = request
            .ok()
            .and_then(|request| HttpRequest::try_from(request).ok())
        else {
            return Fate::Never("the URL is not one that can be called");
        };
        let Ok(answer) = self.http.call(request).await else {
            return Fate::Later("the endpoint could not be reached");
        };
        // Redirects are not followed: they would lead where nobody has looked.
        match answer.status().as_u16() {
            200..=299 => Fate::Sent,
            // Which status it was is not told: nobody is to learn what answers where.
            404 | 410 => Fate::Never("the endpoint says that it is gone"),
            _ => Fate::Later("the endpoint answered with another status than 2xx"),
        }
    }
}

/// Gives the connection addresses that were looked at, and no others: a name that was public when it
/// was subscribed may lead elsewhere now.
#[derive(Clone)]
struct Checked {
    resolve: Resolve,
    loopback: bool,
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checked")
    }
}

impl ResolveDns for Checked {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found: Vec<IpAddr> = (self.resolve)(name.to_owned())
                .await
                .map_err(ResolveDnsError::new)?;
            if is_reachable(name, &found, self.loopback) {
                Ok(found)
            } else {
                Err(ResolveDnsError::new("the host is not public"))
            }
        })
    }
}
