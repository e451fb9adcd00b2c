//! A large batch leaves the process able to answer others.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::{Client, error::BoxError};
use axum::body::Body;
use contacts::{Contacts, Identity, NewToken, Scope};
use contacts_embedded::Engine;
use contacts_events::{Events, Own, Topic};
use contacts_http::App;
use contacts_jobs::{Jobs, Queue, TableQueue};
use contacts_settings::{Door, Settings, Strings};
use contacts_store::Store;
use http::{Request, StatusCode};
use tower::ServiceExt as _;

/// How many calls to the database are under way.
#[derive(Debug, Clone, Default)]
struct UnderWay(Arc<AtomicUsize>);

impl Intercept for UnderWay {
    fn name(&self) -> &'static str {
        "UnderWay"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Time passes only while the request rests although the database is not at work, a second each time:
/// while it gives way by itself.
#[tokio::test]
async fn others_are_answered_and_the_time_out_fires_while_a_batch_is_read() {
    let under_way = UnderWay::default();
    let client = Engine::memory().unwrap().client();
    let config = client.config().to_builder().interceptor(under_way.clone());
    let contacts = Contacts::new(Store::new(
        Client::from_conf(config.build()),
        "contacts",
        90,
    ));
    contacts.store().create_table().await.unwrap();
    let somebody = Identity {
        principal: "somebody".to_owned(),
        scopes: Scope::ALL.to_vec(),
    };
    let new = NewToken {
        name: "test".to_owned(),
        scopes: Scope::ALL.to_vec(),
        expires: None,
    };
    let (_, token) = contacts.create_token(&somebody, &new).await.unwrap();
    let settings = Settings::read(Door::Standalone, &Strings::default()).unwrap();
    let queue = Queue::Table(TableQueue::new(contacts.store().clone()));
    let topic = Topic::Own(Own::new(false));
    let events = Events::new(contacts.clone(), topic);
    let app = App::new(Jobs::new(contacts, events, queue), &settings).unwrap();
    let router = contacts_http::router(app);

    let vcard = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada\r\nEND:VCARD\r\n";
    let batch = Request::post("/v1/books/default/contacts/batch")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "text/vcard")
        .body(Body::from(vcard.repeat(100)))
        .unwrap();
    let mut batch = pin!(router.clone().oneshot(batch));
    let mut rests = 0;
    // The loop is never idle, so that the clock does not go on by itself.
    tokio::time::pause();
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut batch => break answer.unwrap(),
            () = tokio::task::yield_now() => {}
        }
        if under_way.0.load(Ordering::SeqCst) == 0 {
            rests += 1;
            let health = Request::get("/health").body(Body::empty()).unwrap();
            let health = router.clone().oneshot(health).await.unwrap();
            assert_eq!(health.status(), StatusCode::OK);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    };
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    assert!((20..100).contains(&rests), "{rests}");
}
