use std::time::Duration;

use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use contacts_tests::faults::{Fault, Gate, Rule};
use contacts_tests::moto::{Counts, MAX_RECEIVES, Moto, Queue, shared};
use futures::future::{join, join_all};
use serde_json::json;
use tokio::net::TcpStream;

/// The shortest visibility there is, and one that no test outlasts.
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(3600);

fn receives(message: &Message) -> u32 {
    let name = MessageSystemAttributeName::ApproximateReceiveCount;
    message.attributes().unwrap()[&name].parse().unwrap()
}

async fn change_visibility(moto: &Moto, queue: &Queue, message: &Message, visibility: Duration) {
    moto.sqs()
        .change_message_visibility()
        .queue_url(queue.url())
        .receipt_handle(message.receipt_handle().unwrap())
        .visibility_timeout(visibility.as_secs().try_into().unwrap())
        .send()
        .await
        .unwrap();
}

/// The bodies of what comes next, sorted: neither a queue nor a topic keeps an order.
async fn bodies(queue: &Queue, count: usize) -> Vec<String> {
    let taken = queue.take(count).await.unwrap();
    let mut bodies: Vec<_> = taken.into_iter().map(|taken| taken.body.unwrap()).collect();
    bodies.sort();
    bodies
}

#[tokio::test]
async fn moto_listens_on_loopback_and_ends_when_dropped() {
    let moto = tokio::task::spawn_blocking(Moto::start)
        .await
        .unwrap()
        .unwrap();
    let address = moto.url().replace("http://", "");
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    assert!(TcpStream::connect(&address).await.is_ok());

    drop(moto);
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn moto_delivers_a_message_again_after_its_visibility() {
    let queue = shared().await.queue("again", SHORT).await.unwrap();
    queue.send("{}").await.unwrap();
    assert_eq!(queue.counts().await.unwrap().visible, 1);

    let first = queue.receive().await.unwrap().remove(0);
    let second = queue.receive().await.unwrap().remove(0);
    assert_eq!(first.body(), Some("{}"));
    assert_eq!(first.message_id(), second.message_id());
    assert_ne!(first.receipt_handle(), second.receipt_handle());
    assert_eq!([receives(&first), receives(&second)], [1, 2]);

    queue.delete(&second).await.unwrap();
    assert_eq!(queue.counts().await.unwrap(), Counts::default());
}

#[tokio::test]
async fn moto_hides_a_message_longer_when_its_visibility_is_extended() {
    let moto = shared().await;
    let queue = moto.queue("extended", SHORT).await.unwrap();
    queue.send("working").await.unwrap();
    let working = queue.receive().await.unwrap().remove(0);
    change_visibility(&moto, &queue, &working, LONG).await;

    queue.send("stuck").await.unwrap();
    for receive in 1..=2 {
        let stuck = queue.receive().await.unwrap();
        assert_eq!(stuck.len(), 1);
        assert_eq!(stuck[0].body(), Some("stuck"));
        assert_eq!(receives(&stuck[0]), receive);
    }
    let visible_again = queue.until(|counts| counts.visible == 1).await.unwrap();
    assert_eq!(visible_again.in_flight, 1);
}

#[tokio::test]
async fn moto_moves_a_message_to_the_dead_letters_after_five_receives() {
    let moto = shared().await;
    let queue = moto.queue("dying", LONG).await.unwrap();
    queue.send("poison").await.unwrap();
    for receive in 1..=MAX_RECEIVES {
        let message = queue.receive().await.unwrap().remove(0);
        assert_eq!(receives(&message), receive);
        change_visibility(&moto, &queue, &message, Duration::ZERO).await;
    }
    assert_eq!(queue.dead_letters().counts().await.unwrap().total(), 0);

    queue.send("healthy").await.unwrap();
    assert_eq!(bodies(&queue, 1).await, ["healthy"]);
    assert_eq!(queue.counts().await.unwrap(), Counts::default());
    assert_eq!(queue.dead_letters().counts().await.unwrap().visible, 1);
    assert_eq!(bodies(&queue.dead_letters(), 1).await, ["poison"]);
}

#[tokio::test]
async fn moto_keeps_a_delayed_message_back() {
    let moto = shared().await;
    let queue = moto.queue("delayed", LONG).await.unwrap();
    let later = moto.sqs().send_message().queue_url(queue.url());
    let later = later.message_body("later").delay_seconds(900);
    later.send().await.unwrap();
    queue.send("now").await.unwrap();
    assert_eq!(bodies(&queue, 1).await, ["now"]);
    let left = queue.counts().await.unwrap();
    assert_eq!([left.delayed, left.total()], [1, 1]);

    queue.purge().await.unwrap();
    assert_eq!(queue.counts().await.unwrap(), Counts::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn moto_loses_and_doubles_nothing_when_messages_come_and_go_at_once() {
    const WORKERS: usize = 8;
    const EACH: usize = 25;
    let queue = shared().await.queue("crowded", LONG).await.unwrap();
    let send = join_all((0..WORKERS).map(|worker| {
        let queue = queue.clone();
        tokio::spawn(async move {
            for number in 0..EACH {
                queue.send(&format!("{worker} {number}")).await.unwrap();
            }
        })
    }));
    let receive = async {
        let mut all = Vec::new();
        while all.len() < WORKERS * EACH {
            let batch = queue.receive().await.unwrap();
            let deleted = join_all(batch.iter().map(|message| queue.delete(message))).await;
            assert!(deleted.iter().all(Result::is_ok));
            all.extend(batch.into_iter().map(|message| message.body.unwrap()));
        }
        all
    };
    let (sent, mut all) = join(send, receive).await;
    assert!(sent.iter().all(Result::is_ok));
    assert_eq!(queue.counts().await.unwrap(), Counts::default());
    all.sort();
    all.dedup();
    assert_eq!(all.len(), WORKERS * EACH);
}

#[tokio::test]
async fn moto_filters_what_is_published_and_delivers_it_raw() {
    let moto = shared().await;
    let topic = moto.topic("events").await.unwrap();
    let ann = moto.queue("ann", LONG).await.unwrap();
    let everybody = moto.queue("everybody", LONG).await.unwrap();
    let only_ann = json!({"subscription": ["ann"]});
    topic.subscribe(&ann, Some(&only_ann)).await.unwrap();
    topic.subscribe(&everybody, None).await.unwrap();

    let to = |subscription: &str| {
        MessageAttributeValue::builder()
            .data_type("String")
            .string_value(subscription)
            .build()
            .unwrap()
    };
    let bodies_sent = [
        r#"{"to": "ann", "é": "\n"}"#,
        r#"{"to":"ben"}"#,
        "to nobody",
    ];
    for (body, attribute) in bodies_sent.iter().zip([Some("ann"), Some("ben"), None]) {
        let publish = moto.sns().publish().topic_arn(topic.arn()).message(*body);
        attribute
            .into_iter()
            .fold(publish, |publish, name| {
                publish.message_attributes("subscription", to(name))
            })
            .send()
            .await
            .unwrap();
    }

    let received = ann.take(1).await.unwrap().remove(0);
    assert_eq!(received.body(), Some(bodies_sent[0]));
    let attribute = &received.message_attributes().unwrap()["subscription"];
    assert_eq!(attribute.string_value(), Some("ann"));
    assert_eq!(ann.counts().await.unwrap(), Counts::default());

    let mut all = bodies_sent;
    all.sort_unstable();
    assert_eq!(bodies(&everybody, all.len()).await, all);
}

#[tokio::test]
async fn the_fault_proxy_answers_as_sqs_and_sns_do_and_the_sdk_tries_again() {
    let moto = shared().await;
    let (faults, through) = moto.behind_faults(1).await.unwrap();
    let queue = through.queue("faulty", LONG).await.unwrap();
    let topic = through.topic("faulty").await.unwrap();
    topic.subscribe(&queue, None).await.unwrap();

    let once = RetryConfig::disabled;
    let config = aws_sdk_sqs::config::Builder::from(&through.config()).retry_config(once());
    let sqs = aws_sdk_sqs::Client::from_conf(config.build());
    let config = aws_sdk_sns::config::Builder::from(&through.config()).retry_config(once());
    let sns = aws_sdk_sns::Client::from_conf(config.build());
    for (fault, in_sqs, in_sns) in [
        (Fault::Throttle, "RequestThrottled", "Throttling"),
        (
            Fault::InternalServerError,
            "InternalFailure",
            "InternalError",
        ),
    ] {
        faults.inject(Rule::new(fault.clone()).on("SendMessage").times(2));
        faults.inject(Rule::new(fault).on("Publish").times(2));
        let send = sqs.send_message().queue_url(queue.url()).message_body("x");
        let failed = send.send().await.unwrap_err();
        assert_eq!(failed.code(), Some(in_sqs));
        let publish = sns.publish().topic_arn(topic.arn()).message("x");
        let failed = publish.send().await.unwrap_err();
        assert_eq!(failed.code(), Some(in_sns));

        queue.send("sent").await.unwrap();
        let publish = through.sns().publish().topic_arn(topic.arn());
        publish.message("published").send().await.unwrap();
        assert_eq!(bodies(&queue, 2).await, ["published", "sent"]);
        faults.clear();
    }
    assert_eq!(faults.count("SendMessage").calls, 6);
    assert_eq!(faults.count("Publish").faults, 4);
}

#[tokio::test]
async fn the_fault_proxy_puts_queues_and_topics_out_of_reach_and_back() {
    let moto = shared().await;
    let (faults, through) = moto.behind_faults(1).await.unwrap();
    let queue = through.queue("away", LONG).await.unwrap();
    faults.inject(Rule::new(Fault::ResetBefore));
    assert!(queue.send("lost").await.is_err());
    assert!(through.topic("away").await.is_err());
    faults.clear();

    // An answer that is lost is a message that comes twice.
    faults.inject(Rule::new(Fault::ResetAfter).on("SendMessage").times(1));
    queue.send("twice").await.unwrap();
    assert_eq!(bodies(&queue, 2).await, ["twice", "twice"]);

    let gate = Gate::closed();
    let only_slow = |call: &serde_json::Value| call["MessageBody"] == "slow";
    faults.inject(Rule::new(Fault::Wait(gate.clone())).when(only_slow));
    let pass = async {
        gate.arrived(1).await;
        assert_eq!(queue.counts().await.unwrap(), Counts::default());
        gate.open();
    };
    let (sent, ()) = join(queue.send("slow"), pass).await;
    sent.unwrap();
    assert_eq!(bodies(&queue, 1).await, ["slow"]);
}

#[tokio::test]
async fn moto_sends_to_an_email_address_what_its_filter_lets_through_once_it_is_confirmed() {
    let moto = shared().await;
    let topic = moto.topic("mails").await.unwrap();
    let ada = "ada@stand-ins.example.org";
    let filter = json!({"endpoint": ["ada"]}).to_string();
    let subscribe = moto.sns().subscribe().topic_arn(topic.arn());
    let subscribe = subscribe.protocol("email").endpoint(ada);
    let subscribe = subscribe.attributes("FilterPolicy", filter);
    let arn = subscribe.send().await.unwrap().subscription_arn.unwrap();
    let publish = async |to: &str, body: &str| {
        let to = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(to);
        let entry = PublishBatchRequestEntry::builder()
            .id("1")
            .subject("news")
            .message_structure("json")
            .message(json!({"default": "no", "email": body}).to_string())
            .message_attributes("endpoint", to.build().unwrap())
            .build()
            .unwrap();
        let batch = moto.sns().publish_batch().topic_arn(topic.arn());
        let done = batch.publish_batch_request_entries(entry).send().await;
        done.unwrap().failed().len()
    };
    let pending = async || {
        let get = moto.sns().get_subscription_attributes();
        let got = get.subscription_arn(&arn).send().await.unwrap();
        got.attributes().unwrap()["PendingConfirmation"].clone()
    };

    assert_eq!(pending().await, "true");
    assert_eq!(publish("ada", "too early").await, 0);
    moto.confirm(ada).unwrap();
    assert_eq!(pending().await, "false");
    assert_eq!(publish("ada", "first").await, 0);
    assert_eq!(publish("ben", "for somebody else").await, 0);
    moto.fail_entries(1).unwrap();
    assert_eq!(publish("ada", "lost").await, 1);
    assert_eq!(publish("ada", "second").await, 0);
    let wanted = ["first", "second"].map(|body| json!({"subject": "news", "body": body}));
    assert_eq!(moto.mailbox(ada).unwrap(), wanted);

    assert_eq!(moto.endpoints(&topic).unwrap(), [ada]);
    moto.forget(ada).unwrap();
    assert!(moto.endpoints(&topic).unwrap().is_empty());
    assert!(moto.confirm(ada).is_err());
}
