//! A task that leaves while the load balancer does not know yet, as on Fargate Spot.

use std::time::Duration;

use contacts::{Contacts, Identity, NewToken, Scope};
use contacts_embedded::Engine;
use contacts_store::Store;
use contacts_tests::{
    alb::{Action, Alb, Rule, Target},
    client::{Client, Request},
    drill::Load,
    dynamodb_local::Endpoint,
    process::{Server, Signal, build},
};
use tokio::{net::TcpListener, time::interval};

const TABLE: &str = "contacts";
const GROUP: &str = "tasks";

/// How long the task accepts connections after SIGTERM, and when the load balancer hears of it.
const DRAIN: &str = "3";
const HEARS: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_a_task_that_is_deregistered_after_its_sigterm() {
    let engine = Engine::memory().unwrap();
    let contacts = Contacts::new(Store::new(engine.client(), TABLE, 90));
    contacts.store().create_table().await.unwrap();
    let somebody = Identity {
        principal: "somebody".to_owned(),
        scopes: Scope::ALL.to_vec(),
    };
    let token = NewToken {
        name: "test".to_owned(),
        scopes: Scope::ALL.to_vec(),
        expires: None,
    };
    let (_, token) = contacts.create_token(&somebody, &token).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let database = contacts_embedded::serve(engine, listener).await.unwrap();
    let mut environment = Endpoint::from(&database).environment();
    let settings = [
        ("CONTACTS_TABLE", TABLE),
        ("CONTACTS_RATE_LIMIT", "0"),
        ("CONTACTS_DRAIN_S", DRAIN),
    ];
    environment.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let path = tokio::task::spawn_blocking(|| build("api", "api-container", &["container"]));
    let path = path.await.unwrap().unwrap();
    let mut leaving = Server::start(&path, &environment).await.unwrap();
    let staying = Server::start(&path, &environment).await.unwrap();

    let alb = Alb::empty();
    alb.apply(vec![Rule::new(Action::Forward(vec![(
        GROUP.to_owned(),
        1,
    )]))]);
    let targets = [leaving.address, staying.address].map(Target::Container);
    alb.register(GROUP, targets.to_vec());
    let load = Load::start(&alb, &token).await.unwrap();
    leaving.process.signal(Signal::TERM);
    let ready = Client::new(leaving.address);
    let mut looks = interval(Duration::from_millis(5));
    loop {
        looks.tick().await;
        let answer = ready
            .send(&Request::new("GET", "/ready").header("host", "x"))
            .await;
        if answer.unwrap().status == 503 {
            break;
        }
    }
    tokio::time::sleep(HEARS).await;
    alb.register(GROUP, vec![Target::Container(staying.address)]);
    assert_eq!(leaving.process.wait().await.unwrap().code(), Some(0));
    let report = load.stop().await.unwrap();
    assert!(report.is_unharmed(), "{report}");
}
