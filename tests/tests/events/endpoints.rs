//! Which endpoints are refused, by the whole way of a subscription.

use contacts_events::{Channel, Error, Events, Own, Refusal, Topic};

use crate::bed::{Bed, WHO, names, table, wish};

#[tokio::test]
async fn endpoints_that_messages_cannot_go_to_are_refused_before_anything_happens() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    for (channel, address, why) in [
        (Channel::Email, "ada", Refusal::Email),
        (Channel::Sqs, "https://sqs.example.org/1/q", Refusal::Queue),
        (
            Channel::Sqs,
            "arn:aws-cn:sqs:cn-north-1:123456789012:q",
            Refusal::Partition,
        ),
        (Channel::Https, "http://hooks.example.org/", Refusal::Scheme),
        (Channel::Https, "http://127.0.0.1:80/", Refusal::NotPublic),
        (Channel::Https, "https://localhost/", Refusal::NotPublic),
        (
            Channel::Https,
            "https://169.254.169.254/",
            Refusal::NotPublic,
        ),
        (
            Channel::Https,
            "https://nowhere.example/",
            Refusal::Unresolved,
        ),
        (
            Channel::Https,
            "https://a:b@hooks.example.org/",
            Refusal::Parts,
        ),
    ] {
        let refused = bed
            .events
            .subscribe(WHO, &wish(book, channel, address), None)
            .await;
        assert!(
            matches!(&refused, Err(Error::Endpoint(found)) if *found == why),
            "{refused:?}"
        );
    }
    bed.is_forgotten(book).await;
    assert_eq!(bed.faults.count("Subscribe").calls, 0);
    let wish = wish(book, Channel::Https, "https://HOOKS.example.org:443/x");
    let made = bed.events.subscribe(WHO, &wish, None).await.unwrap();
    assert_eq!(made.subscription.address, "https://hooks.example.org/x");
}

#[tokio::test]
async fn a_process_without_a_topic_takes_urls_alone_and_its_own_machine_only_if_it_may() {
    let (_, contacts) = table().await;
    let book = contacts.create_book(WHO, "Friends", None).await.unwrap().id;
    let local = "http://127.0.0.1:9/hook";
    for (loopback, channel, address, why) in [
        (
            true,
            Channel::Email,
            "ada@example.org",
            Some(Refusal::NoTopic),
        ),
        (true, Channel::Https, local, None),
        (true, Channel::Https, "http://localhost:9/hook", None),
        (
            true,
            Channel::Https,
            "http://hooks.example.org/",
            Some(Refusal::Scheme),
        ),
        (
            true,
            Channel::Https,
            "https://10.0.0.1/",
            Some(Refusal::NotPublic),
        ),
        (false, Channel::Https, local, Some(Refusal::NotPublic)),
        (false, Channel::Https, "https://hooks.example.org/", None),
    ] {
        let topic = Topic::Own(Own::with_resolver(loopback, names()));
        let events = Events::new(contacts.clone(), topic);
        let done = events
            .subscribe(WHO, &wish(book, channel, address), None)
            .await;
        match (done, why) {
            (Ok(_), None) => {}
            (Err(Error::Endpoint(found)), Some(why)) => assert_eq!(found, why, "{address}"),
            (done, why) => panic!("{address}: {done:?}, not {why:?}"),
        }
    }
}
