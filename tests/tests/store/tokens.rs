//! Personal access tokens: found by their hash until they expire or are revoked, and never again.

use contacts_store::{Token, TokenId};
use contacts_tests::faults::{Fault, Gate, Rule};
use jiff::{SignedDuration, Timestamp, civil::date};

use crate::bed::Bed;

on_both!(
    a_token_is_found_by_its_hash_and_listed_by_its_owner,
    an_expired_token_is_gone_although_it_is_still_there,
    a_revoked_token_is_gone,
    noting_a_use_does_not_bring_a_revoked_token_back,
    a_revocation_that_was_cut_off_can_be_repeated,
);

const WHO: &str = "owner";

fn token(hash: &str, life: Option<SignedDuration>) -> Token {
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
    Token {
        id: TokenId::random(),
        principal: WHO.to_owned(),
        name: format!("for {hash}"),
        scopes: vec!["contacts:read".to_owned(), "tokens".to_owned()],
        created: now,
        expires: life.map(|life| now + life),
        last_used: None,
        hash: hash.to_owned(),
    }
}

async fn a_token_is_found_by_its_hash_and_listed_by_its_owner(bed: Bed) {
    let store = bed.store();
    let mut made = Vec::new();
    for i in 0..5 {
        let life = (i % 2 == 0).then_some(SignedDuration::from_hours(1));
        let token = token(&format!("hash{i}"), life);
        for _ in 0..2 {
            store.create_token(&token).await.unwrap();
        }
        assert_eq!(
            store.token(&token.hash).await.unwrap().as_ref(),
            Some(&token)
        );
        made.push(token);
    }
    made.sort_by_key(|token| token.id);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = store.tokens(WHO, after, 2).await.unwrap();
        seen.extend(page);
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, made);
    assert_eq!(
        store.tokens("other", None, 9).await.unwrap(),
        (vec![], None)
    );
    assert_eq!(store.token("another hash").await.unwrap(), None);
    let day = date(2026, 2, 3);
    store.token_used(&made[0], day).await.unwrap();
    let used = Token {
        last_used: Some(day),
        ..made[0].clone()
    };
    assert_eq!(store.token(&used.hash).await.unwrap().as_ref(), Some(&used));
    assert_eq!(store.tokens(WHO, None, 1).await.unwrap().0, [used]);
    bed.is_sound().await;
}

async fn an_expired_token_is_gone_although_it_is_still_there(bed: Bed) {
    let store = bed.store();
    let old = token("old", Some(SignedDuration::from_secs(-1)));
    let new = token("new", Some(SignedDuration::from_hours(1)));
    for token in [&old, &new] {
        store.create_token(token).await.unwrap();
    }
    assert_eq!(store.token("old").await.unwrap(), None);
    assert_eq!(store.token("new").await.unwrap(), Some(new.clone()));
    assert_eq!(store.tokens(WHO, None, 9).await.unwrap().0, [new]);
    bed.is_sound().await;
}

async fn a_revoked_token_is_gone(bed: Bed) {
    let store = bed.store();
    let token = token("hash", None);
    store.create_token(&token).await.unwrap();
    assert!(
        store
            .revoke_token("other", token.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(store.token("hash").await.unwrap().is_some());
    assert!(store.revoke_token(WHO, token.id).await.unwrap().is_some());
    assert!(store.revoke_token(WHO, token.id).await.unwrap().is_none());
    assert_eq!(store.token("hash").await.unwrap(), None);
    assert_eq!(store.tokens(WHO, None, 9).await.unwrap(), (vec![], None));
    bed.is_sound().await;
}

async fn noting_a_use_does_not_bring_a_revoked_token_back(bed: Bed) {
    let store = bed.store();
    let token = token("hash", None);
    store.create_token(&token).await.unwrap();
    // The use is on its way when the token is revoked.
    let gate = Gate::closed();
    bed.faults
        .inject(Rule::new(Fault::Wait(gate.clone())).on("UpdateItem"));
    let (through, noted) = (bed.through(), token.clone());
    let noting = tokio::spawn(async move { through.token_used(&noted, date(2026, 2, 3)).await });
    gate.arrived(1).await;
    assert!(store.revoke_token(WHO, token.id).await.unwrap().is_some());
    gate.open();
    noting.await.unwrap().unwrap();
    assert_eq!(store.token("hash").await.unwrap(), None);
    assert_eq!(store.tokens(WHO, None, 9).await.unwrap(), (vec![], None));
    assert!(bed.rows("").await.is_empty());
    bed.is_sound().await;
}

async fn a_revocation_that_was_cut_off_can_be_repeated(bed: Bed) {
    let store = bed.store();
    let token = token("hash", None);
    store.create_token(&token).await.unwrap();
    let gate = Gate::closed();
    let listed = |body: &serde_json::Value| body["Key"]["sk"]["S"] != "K";
    let wait = Rule::new(Fault::Wait(gate.clone())).on("DeleteItem");
    bed.faults.inject(wait.when(listed));
    let (through, id) = (bed.through(), token.id);
    let revoking = tokio::spawn(async move { through.revoke_token(WHO, id).await });
    gate.arrived(1).await;
    revoking.abort();
    assert!(revoking.await.unwrap_err().is_cancelled());
    assert_eq!(
        store.token("hash").await.unwrap(),
        None,
        "it lets nobody in"
    );
    assert!(store.revoke_token(WHO, id).await.unwrap().is_some());
    assert!(bed.rows("").await.is_empty());
    bed.is_sound().await;
}
