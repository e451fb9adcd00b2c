//! The queue in the table.

use std::{collections::BTreeSet, time::Duration};

use contacts_store::{Received, Store};
use contacts_tests::faults::{Fault, Rule};

use crate::bed::Bed;

on_both!(
    a_message_is_on_loan_for_its_time,
    of_many_receivers_each_message_goes_to_one,
    a_message_received_too_often_is_put_aside_and_can_be_revived,
    a_stale_delivery_neither_deletes_nor_holds,
    messages_on_loan_do_not_hide_others,
    lost_answers_neither_lose_nor_double_a_message,
);

const LONG: Duration = Duration::from_secs(600);
const LIMIT: u32 = 5;

async fn receive(store: &Store, most: usize, visibility: Duration) -> Vec<Received> {
    store.dequeue(most, visibility, LIMIT).await.unwrap()
}

async fn receive_one(store: &Store, visibility: Duration) -> Received {
    let mut received = receive(store, 10, visibility).await;
    assert_eq!(received.len(), 1);
    received.remove(0)
}

async fn a_message_is_on_loan_for_its_time(bed: Bed) {
    let (store, other) = (bed.store(), bed.store());
    assert_eq!(receive(&store, 10, LONG).await, []);
    store.enqueue("hello").await.unwrap();
    let first = receive_one(&store, Duration::ZERO).await;
    assert_eq!((&*first.body, first.receives), ("hello", 1));
    let second = receive_one(&other, LONG).await;
    assert_eq!((&*second.body, second.receives), ("hello", 2));
    assert_eq!(receive(&store, 10, LONG).await, [], "it is on loan");
    other
        .hold_message(&second.handle, Duration::ZERO)
        .await
        .unwrap();
    let third = receive_one(&store, Duration::ZERO).await;
    store.hold_message(&third.handle, LONG).await.unwrap();
    assert_eq!(receive(&other, 10, LONG).await, [], "it is held");
    store.delete_message(&third.handle).await.unwrap();
    store.delete_message(&third.handle).await.unwrap();
    assert!(bed.rows("Q").await.is_empty());
    bed.is_sound().await;
}

async fn of_many_receivers_each_message_goes_to_one(bed: Bed) {
    let store = bed.store();
    let sent: BTreeSet<_> = (0..24).map(|number| format!("message {number}")).collect();
    for body in &sent {
        store.enqueue(body).await.unwrap();
    }
    let receivers: Vec<_> = (0..6)
        .map(|_| {
            let store = bed.store();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                for _ in 0..8 {
                    mine.extend(receive(&store, 3, LONG).await);
                }
                mine
            })
        })
        .collect();
    let mut all = Vec::new();
    for receiver in receivers {
        all.extend(receiver.await.unwrap());
    }
    all.extend(receive(&store, 24, LONG).await);
    assert!(all.iter().all(|message| message.receives == 1));
    assert_eq!(all.len(), sent.len(), "none came twice");
    assert_eq!(
        all.into_iter()
            .map(|message| message.body)
            .collect::<BTreeSet<_>>(),
        sent
    );
}

async fn a_message_received_too_often_is_put_aside_and_can_be_revived(bed: Bed) {
    let store = bed.store();
    for body in ["one", "two"] {
        store.enqueue(body).await.unwrap();
    }
    for receives in 1..=LIMIT {
        let received = receive(&store, 10, Duration::ZERO).await;
        assert_eq!(received.len(), 2);
        assert!(received.iter().all(|message| message.receives == receives));
    }
    assert_eq!(receive(&store, 10, Duration::ZERO).await, []);
    let rows = bed.rows("Q").await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["pk"].as_s().unwrap() == "QD"));
    bed.is_sound().await;
    assert_eq!(store.revive_messages(str::to_owned).await.unwrap(), 2);
    assert_eq!(store.revive_messages(str::to_owned).await.unwrap(), 0);
    let back = receive(&store, 10, LONG).await;
    assert!(
        back.iter().all(|message| message.receives == 1),
        "they begin to count anew"
    );
    let bodies: BTreeSet<_> = back.iter().map(|message| &*message.body).collect();
    assert_eq!(bodies, ["one", "two"].into());
}

async fn a_stale_delivery_neither_deletes_nor_holds(bed: Bed) {
    let (slow, quick) = (bed.store(), bed.store());
    slow.enqueue("hello").await.unwrap();
    let stale = receive_one(&slow, Duration::ZERO).await;
    let mine = receive_one(&quick, LONG).await;
    slow.delete_message(&stale.handle).await.unwrap();
    slow.hold_message(&stale.handle, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(
        receive(&slow, 10, LONG).await,
        [],
        "it stays with its receiver"
    );
    quick
        .hold_message(&mine.handle, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(receive_one(&slow, LONG).await.receives, 3);
    for nonsense in ["", "/", "a", "a/b"] {
        slow.delete_message(nonsense).await.ok();
    }
    assert_eq!(bed.rows("Q").await.len(), 1);
}

async fn messages_on_loan_do_not_hide_others(bed: Bed) {
    let store = bed.store();
    for _ in 0..120 {
        store.enqueue("busy").await.unwrap();
    }
    let mut lent = 0;
    while lent < 120 {
        lent += receive(&store, 50, LONG).await.len();
    }
    // Wherever among the others it comes to lie.
    for _ in 0..5 {
        store.enqueue("free").await.unwrap();
        assert_eq!(receive_one(&store, LONG).await.body, "free");
    }
}

async fn lost_answers_neither_lose_nor_double_a_message(bed: Bed) {
    let store = bed.through();
    let lose = |operation| {
        bed.faults
            .inject(Rule::new(Fault::ResetAfter).on(operation).times(2));
    };
    lose("PutItem");
    store.enqueue("hello").await.unwrap();
    lose("UpdateItem");
    let received = receive_one(&store, LONG).await;
    assert_eq!(received.receives, 1);
    lose("UpdateItem");
    store
        .hold_message(&received.handle, Duration::ZERO)
        .await
        .unwrap();
    let received = receive_one(&store, LONG).await;
    lose("DeleteItem");
    store.delete_message(&received.handle).await.unwrap();
    assert!(bed.rows("Q").await.is_empty());
}
