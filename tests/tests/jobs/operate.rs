//! What an operator does by hand.

use std::time::Duration;

use contacts::{Contacts, Scope};
use contacts_store::Store;
use contacts_tests::worker::Site;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_a_token_that_works() {
    let site = Site::without_sqs().await.unwrap();
    let (code, said) = site.command(&["token", "ada", "30"]).await.unwrap();
    assert_eq!(code, Some(0), "{said}");
    let contacts = Contacts::new(Store::new(site.database.clone(), "contacts", 90));
    let Err(unknown) = contacts.recall(said.trim()).await else {
        panic!("nobody has looked it up yet");
    };
    let presented = contacts.look_up(unknown).await.unwrap().unwrap();
    assert_eq!(presented.identity.principal, "ada");
    assert_eq!(presented.identity.scopes, Scope::ALL);
    let (tokens, _) = contacts.tokens("ada", None, 10).await.unwrap();
    let end = tokens[0].expires.unwrap();
    let left = end.duration_since(jiff::Timestamp::now()).as_hours();
    assert!((29 * 24..=30 * 24).contains(&left), "{left} hours");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_name_or_no_time_makes_no_token() {
    let site = Site::without_sqs().await.unwrap();
    for words in [
        &["token", "oidc:somebody"][..],
        &["token", ""],
        &["token", "ada", "0"],
        &["token", "ada", "soon"],
        &["token"],
    ] {
        let (code, said) = site.command(words).await.unwrap();
        assert_eq!(code, Some(2), "{words:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let items = site.items().await.unwrap();
    assert!(items.is_empty(), "{items:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_sends_readers_of_the_feed_back_to_the_beginning() {
    let site = Site::new(Duration::from_secs(30)).await.unwrap();
    let book = site.book(3).await.unwrap();
    let store = Store::new(site.database.clone(), "contacts", 90);
    let last = store.book(book).await.unwrap().unwrap().seq;
    assert!(store.changes(book, last, 10).await.unwrap().is_ok());
    let (code, said) = site.command(&["begin-epoch"]).await.unwrap();
    assert_eq!((code, said.lines().count()), (Some(0), 1), "{said}");
    assert!(store.changes(book, last, 10).await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_the_table_finds_a_row_that_is_missing() {
    let site = Site::without_sqs().await.unwrap();
    site.book(3).await.unwrap();
    let (code, said) = site.command(&["check"]).await.unwrap();
    assert_eq!(
        (code, said.trim()),
        (Some(0), "books=1 contacts=3 findings=0")
    );

    let items = site.items().await.unwrap();
    let mut names = items
        .iter()
        .filter(|item| item["pk"].as_s().unwrap().starts_with("N#"));
    let name = names.next().unwrap();
    let delete = site.database.delete_item().table_name("contacts");
    let delete = delete
        .key("pk", name["pk"].clone())
        .key("sk", name["sk"].clone());
    delete.send().await.unwrap();
    let (code, said) = site.command(&["check"]).await.unwrap();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.trim().ends_with("findings=1"), "{said}");
}
