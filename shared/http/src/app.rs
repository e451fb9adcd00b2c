//! What every handler can reach.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use contacts::Contacts;
use contacts_cache::Limiter;
use contacts_events::Events;
use contacts_jobs::Jobs;
use contacts_settings::{Oidc, Settings};
use contacts_telemetry::System;

use crate::{
    auth::oidc::{self, IssuerError, Verifier},
    layers::{Options, Rates},
};

/// The application: use cases, who is asking, and how requests are bounded. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// The use cases.
    pub(crate) contacts: Contacts,
    /// The use cases that outlive a request.
    pub(crate) jobs: Jobs,
    /// Who is told of what happens.
    pub(crate) events: Events,
    /// Verifies JWTs, where an issuer is configured.
    pub(crate) oidc: Option<Arc<Verifier>>,
    /// This process and what it runs on.
    pub(crate) system: System,
    /// How the frame bounds requests.
    pub(crate) options: Options,
    draining: Arc<AtomicBool>,
}

impl App {
    /// The application over `jobs`, and the contacts beneath.
    ///
    /// # Errors
    /// The OIDC issuer is no URL that keys could be fetched from.
    pub fn new(jobs: Jobs, settings: &Settings) -> Result<Self, IssuerError> {
        let verifier = |oidc: &Oidc| Verifier::new(&oidc.issuer, &oidc.audience, oidc::connector());
        let oidc = settings
            .oidc
            .as_ref()
            .map(verifier)
            .transpose()?
            .map(Arc::new);
        let contacts = jobs.contacts().clone();
        let rates = settings.limits.rate.map(|rate| Rates {
            limiter: Arc::new(Limiter::new(rate, contacts.cache().clone())),
            client: settings.limits.client.clone(),
        });
        let options = Options {
            cors_origins: settings.http.cors_origins.clone(),
            rates,
            ..Options::default()
        };
        Ok(Self {
            contacts,
            events: jobs.events().clone(),
            jobs,
            oidc,
            system: System::process("unknown", "unknown", None),
            options,
            draining: Arc::default(),
        })
    }

    /// The same, and `GET /v1/system` shows `system`: without, it knows its process alone.
    #[must_use]
    pub fn with_system(self, system: System) -> Self {
        Self { system, ..self }
    }

    /// Once this is true, `GET /ready` says no: a shutdown has begun.
    #[must_use]
    pub fn draining(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.draining)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}
