//! Birthdays and other days, on the evening before.

use contacts::{BookId, BookRef, Contact, Draft};
use contacts_events::{Channel, Detail, EventKind, NewSubscription, Published};
use contacts_tests::faults::{Fault, Rule};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::bed::{Bed, WHO, read, wish};

const KINDS: [EventKind; 2] = [EventKind::ContactBirthday, EventKind::ContactAnniversary];

async fn born(bed: &Bed, book: BookId, name: &str, kind: &str, date: Value) -> Contact {
    let card = json!({
        "@type": "Card", "version": "1.0", "name": {"full": name},
        "anniversaries": {"a": {"@type": "Anniversary", "kind": kind, "date": date}},
    });
    let draft = Draft::Json(card.to_string().into_bytes());
    let made = bed
        .contacts
        .create(WHO, BookRef::Id(book), draft, None)
        .await;
    made.unwrap()
}

fn partial(month: u8, day: u8) -> Value {
    json!({"@type": "PartialDate", "year": 1984, "month": month, "day": day})
}

/// An evening far enough ahead that every subscription of a test was there before it.
fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

async fn told(bed: &Bed, now: &str) -> Published {
    bed.sibling().anniversaries(at(now)).await.unwrap()
}

#[tokio::test]
async fn a_day_is_told_once_in_the_evening_before_in_the_zone_of_who_subscribed() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queues = [bed.queue().await, bed.queue().await];
    let zones = ["Europe/Berlin", "America/New_York"];
    for (queue, zone) in queues.iter().zip(zones) {
        let wish = NewSubscription {
            kinds: KINDS.to_vec(),
            detail: Detail::Name,
            time_zone: zone.to_owned(),
            ..wish(book, Channel::Sqs, queue.arn())
        };
        bed.events.subscribe(WHO, &wish, None).await.unwrap();
    }
    let ada = born(&bed, book, "Ada", "birth", partial(12, 10)).await;
    born(&bed, book, "Ben", "wedding", partial(12, 10)).await;
    born(&bed, book, "Cleo", "birth", partial(12, 11)).await;

    // It is 17:59 in Berlin, and nothing was to be told the evening before.
    assert_eq!(told(&bed, "2096-12-09T16:59:00Z").await.sent, 0);
    assert_eq!(told(&bed, "2096-12-09T17:00:00Z").await.sent, 2);
    assert_eq!(told(&bed, "2096-12-09T17:30:00Z").await.sent, 0);
    let mut events = read(&queues[0].take(2).await.unwrap());
    events.sort_by_key(|event| event["kind"].to_string());
    let [wedding, birthday] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(birthday["kind"], "contact.birthday");
    assert_eq!(
        birthday["anniversary"],
        json!({"date": "2096-12-10", "kind": "birth"})
    );
    let id = ada.stored.head.id.to_string();
    assert_eq!(birthday["contact"], json!({"id": id, "name": "Ada"}));
    assert_eq!(birthday["time"], "2096-12-09T17:00:00.000Z");
    assert_eq!(wedding["kind"], "contact.anniversary");
    assert_eq!(wedding["anniversary"]["kind"], "wedding");

    // In New York evening comes six hours later.
    assert_eq!(queues[1].counts().await.unwrap().total(), 0);
    assert_eq!(told(&bed, "2096-12-09T22:59:00Z").await.sent, 0);
    assert_eq!(told(&bed, "2096-12-09T23:00:00Z").await.sent, 2);
    assert_eq!(queues[1].take(2).await.unwrap().len(), 2);
    // The evening after, for each.
    assert_eq!(told(&bed, "2096-12-10T23:00:00Z").await.sent, 2);
    bed.is_sound().await;
}

#[tokio::test]
async fn an_evening_that_was_missed_is_made_up_for_until_the_day_is_over() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    born(&bed, book, "Ada", "birth", partial(12, 10)).await;
    assert_eq!(told(&bed, "2096-12-10T17:59:00Z").await.sent, 1);
    let event = &read(&queue.take(1).await.unwrap())[0];
    assert_eq!(event["time"], "2096-12-09T18:00:00.000Z");
    assert_eq!(told(&bed, "2097-12-10T18:00:00Z").await.sent, 0, "too late");
    // Whoever subscribes during a day is not told of that day.
    let now = Timestamp::now();
    let tomorrow = (now + 24.hours()).to_string();
    let (month, day) = (
        tomorrow[5..7].parse().unwrap(),
        tomorrow[8..10].parse().unwrap(),
    );
    born(&bed, book, "Ben", "birth", partial(month, day)).await;
    let new = bed.told_all(book).await;
    bed.events.anniversaries(now).await.unwrap();
    assert_eq!(new.counts().await.unwrap().total(), 0);
}

#[tokio::test]
async fn who_was_born_on_a_leap_day_is_told_of_every_year() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    let leap = born(&bed, book, "Leap", "birth", partial(2, 29)).await;
    for (now, dates) in [
        ("2095-02-27T18:00:00Z", &["2095-02-28"][..]),
        ("2095-02-28T18:00:00Z", &[]),
        ("2096-02-27T18:00:00Z", &[]),
        ("2096-02-28T18:00:00Z", &["2096-02-29"]),
        ("2096-02-29T18:00:00Z", &[]),
    ] {
        let sent = usize::try_from(told(&bed, now).await.sent).unwrap();
        let events = read(&queue.take(sent).await.unwrap());
        let found: Vec<_> = events
            .iter()
            .map(|event| event["anniversary"]["date"].clone())
            .collect();
        assert_eq!(found, dates, "{now}");
    }
    // A card that says otherwise, or is gone, is told of no more.
    let moved = json!({"anniversaries": {"a": {"date": {"day": 1, "month": 3}}}});
    let draft = Draft::Patch(moved);
    let id = leap.stored.head.id;
    let open = contacts::Guard::open();
    let changed = bed
        .contacts
        .change(WHO, BookRef::Id(book), id, draft, open)
        .await;
    changed.unwrap();
    assert_eq!(told(&bed, "2104-02-28T18:00:00Z").await.sent, 0);
    assert_eq!(told(&bed, "2104-02-29T18:00:00Z").await.sent, 1);
    bed.delete(book, id).await;
    assert_eq!(told(&bed, "2105-02-28T18:00:00Z").await.sent, 0);
    bed.is_sound().await;
}

#[tokio::test]
async fn a_day_that_sns_did_not_take_is_told_the_next_hour_as_the_same_event() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.told_all(book).await;
    for number in 0..12 {
        born(&bed, book, &format!("N{number}"), "birth", partial(12, 10)).await;
    }
    // The second of two batches fails, with its repeats.
    let first = "PublishBatchRequestEntries.member.1.Id";
    let second = Rule::new(Fault::InternalServerError).on("PublishBatch");
    bed.faults
        .inject(second.when(move |call| call[first] == "10"));
    let early = told(&bed, "2096-12-09T18:00:00Z").await;
    assert_eq!((early.sent, early.waiting), (10, 2));
    bed.faults.clear();
    assert_eq!(told(&bed, "2096-12-09T19:00:00Z").await.sent, 12);
    assert_eq!(told(&bed, "2096-12-09T20:00:00Z").await.sent, 0);
    let events = crate::bed::events_in(&queue).await;
    assert_eq!(events.len(), 12, "each once, by its identifier");
}

#[tokio::test]
async fn a_subscription_that_goes_is_told_of_no_day() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let queue = bed.queue().await;
    let wish = wish(book, Channel::Sqs, queue.arn());
    let made = bed.events.subscribe(WHO, &wish, None).await.unwrap();
    born(&bed, book, "Ada", "birth", partial(12, 10)).await;
    bed.sweep().await;
    bed.events
        .unsubscribe(WHO, made.subscription.id)
        .await
        .unwrap();
    assert_eq!(
        told(&bed, "2096-12-09T18:00:00Z").await,
        Published::default()
    );
    for prefix in ["S#", "E#", "O#"] {
        assert_eq!(bed.rows(prefix).await, [], "{prefix}");
    }
    assert_eq!(bed.rows("Y").await.len(), 1, "the contact's day alone");
}

#[tokio::test]
async fn a_cards_own_words_are_told_to_those_alone_who_ask_for_names() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    for (detail, words) in [
        (Detail::None, ["death", "other", "wedding"]),
        (Detail::Name, ["death", "sobriety", "wedding"]),
    ] {
        let queue = bed.queue().await;
        let wish = NewSubscription {
            detail,
            ..wish(book, Channel::Sqs, queue.arn())
        };
        bed.events.subscribe(WHO, &wish, None).await.unwrap();
        for kind in ["death", "sobriety", "wedding"] {
            if detail == Detail::None {
                born(&bed, book, "Ada", kind, partial(12, 10)).await;
            }
        }
        told(&bed, "2096-12-09T18:00:00Z").await;
        let mut kinds: Vec<_> = read(&queue.take(3).await.unwrap())
            .iter()
            .map(|event| event["anniversary"]["kind"].as_str().unwrap().to_owned())
            .collect();
        kinds.sort_unstable();
        assert_eq!(kinds, words);
    }
}
