//! Emails, as they are read.

use contacts_events::{Channel, Detail, NewSubscription};

use crate::bed::{Bed, WHO, wish};

#[tokio::test]
async fn an_email_says_what_happened_where_to_look_and_how_to_stop_it() {
    let bed = Bed::new().await;
    let book = bed.book().await;
    let ada = "ada@emails.example.org";
    let wish = NewSubscription {
        detail: Detail::Name,
        time_zone: "Europe/Berlin".to_owned(),
        ..wish(book, Channel::Email, ada)
    };
    let made = bed.events.subscribe(WHO, &wish, None).await.unwrap();
    bed.create(book, "Too early").await;
    bed.events.publish_book(book).await.unwrap();
    bed.moto.confirm(ada).unwrap();
    let contact = bed
        .create(book, "Grace Hopper – Großmutter\nof COBOL")
        .await;
    bed.delete(book, contact.stored.head.id).await;
    bed.events.publish_book(book).await.unwrap();

    let mail = bed.moto.mailbox(ada).unwrap();
    assert_eq!(mail.len(), 2, "{mail:?}");
    let subjects = [
        "Address book: a contact was created",
        "Address book: a contact was deleted",
    ];
    for (mail, subject) in mail.iter().zip(subjects) {
        assert_eq!(mail["subject"], subject);
        let body = mail["body"].as_str().unwrap();
        let stop = format!("DELETE /v1/subscriptions/{}", made.subscription.id);
        assert!(body.contains(&stop), "{body}");
        assert!(body.lines().all(|line| line.len() <= 120), "{body}");
    }
    // It was gone by the time it could be told, and so was its name.
    let body = mail[0]["body"].as_str().unwrap();
    let id = contact.stored.head.id;
    assert!(
        body.starts_with("New in the address book: a contact.\n"),
        "{body}"
    );
    assert!(body.contains(&format!("Look:   GET /v1/books/{book}/contacts/{id}\n")));
    assert!(
        body.contains(" CE"),
        "the time is in its reader's zone: {body}"
    );

    bed.create(book, "Grace Hopper – Großmutter\nof COBOL")
        .await;
    bed.events.publish_book(book).await.unwrap();
    let mail = bed.moto.mailbox(ada).unwrap();
    let body = mail[2]["body"].as_str().unwrap();
    let first = "New in the address book: Grace Hopper – Großmutter of COBOL.\n";
    assert!(body.starts_with(first), "{body}");
}
