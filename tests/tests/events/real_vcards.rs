//! The main job: somebody subscribes an email address and a queue, and the real cards are created.

use std::collections::BTreeMap;

use contacts::{BookRef, Draft};
use contacts_events::{Channel, Detail, NewSubscription};
use contacts_tests::vcards;

use crate::bed::{Bed, WHO, events_in, wish};

#[tokio::test]
async fn every_real_card_is_told_of_and_a_receiver_can_rebuild_the_book() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    let ada = "ada@real.example.org";
    let wish = NewSubscription {
        detail: Detail::Name,
        ..wish(book, Channel::Email, ada)
    };
    bed.events.subscribe(WHO, &wish, None).await.unwrap();
    bed.moto.confirm(ada).unwrap();
    let mut made = Vec::new();
    let vcards = vcards::all().unwrap();
    if vcards.is_empty() {
        return;
    }
    for vcard in vcards {
        let draft = Draft::VCard(vcard);
        // One of them is refused, because another has its UID.
        if let Ok(contact) = bed
            .contacts
            .create(WHO, BookRef::Id(book), draft, None)
            .await
        {
            made.push(contact);
        }
    }
    assert!(made.len() >= 10, "{}", made.len());
    bed.rename(&made[0], "Somebody Else").await;
    bed.delete(book, made[1].stored.head.id).await;
    bed.events.publish_book(book).await.unwrap();

    let events = events_in(&queue).await;
    assert_eq!(events.len(), made.len() + 2);
    // Only the highest number of each contact counts.
    let mut latest = BTreeMap::new();
    for event in events.values() {
        let contact = event["contact"]["id"].as_str().unwrap().to_owned();
        let number = event["sequence"].as_u64().unwrap();
        let etag = event["contact"]["etag"].as_str().map(str::to_owned);
        let known = latest.entry(contact).or_insert((0, None));
        if number > known.0 {
            *known = (number, etag);
        }
    }
    let rebuilt: BTreeMap<_, _> = latest
        .into_iter()
        .filter_map(|(contact, (_, etag))| Some((contact, etag?)))
        .collect();
    let listed = bed.store().list(book, None, 10_000).await.unwrap();
    let listed: BTreeMap<_, _> = listed
        .items
        .iter()
        .map(|item| (item.id.to_string(), format!("\"{}\"", item.revision)))
        .collect();
    assert_eq!(rebuilt, listed);
    let mail = bed.moto.mailbox(ada).unwrap();
    assert_eq!(mail.len(), events.len());
    let changed = |mail: &&serde_json::Value| {
        let body = mail["body"].as_str().unwrap();
        body.starts_with("Changed in the address book: Somebody Else.\n")
    };
    assert_eq!(mail.iter().filter(changed).count(), 1);
    for mail in &mail {
        let subject = mail["subject"].as_str().unwrap();
        assert!(subject.is_ascii() && subject.len() <= 100);
    }
    assert_eq!(bed.rows("O#").await, []);
    bed.is_sound().await;
}
