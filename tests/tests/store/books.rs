//! Books: made once, renamed by one, deleted only when empty.

use contacts_store::{Answer, Book, BookId, Claimed, Deletion, Done, StoreError};
use contacts_tests::faults::{Fault, Rule};

use crate::{
    bed::Bed,
    cards::{create, delete, entry, put, write, write_one},
};

on_both!(
    a_book_is_created_once,
    books_are_listed_in_pages_for_their_members,
    of_two_renames_one_wins,
    a_rename_whose_answer_was_lost_is_known_as_ones_own,
    a_book_is_deleted_when_it_is_empty_and_unchanged,
    a_deletion_that_is_raced_by_a_create_leaves_book_and_contact_or_neither,
    a_repeatable_creation_answers_with_the_first_book,
);

const WHO: &str = "owner";

async fn a_book_is_created_once(bed: Bed) {
    let id = BookId::random();
    let stores = [bed.store(), bed.store(), bed.store(), bed.store()];
    let creations = stores
        .iter()
        .map(|store| store.create_book(WHO, id, "Friends", None));
    let books = futures::future::join_all(creations).await;
    for book in &books {
        assert_eq!(book.as_ref().unwrap(), books[0].as_ref().unwrap());
    }
    create(&stores[0], id, entry("u", "anna")).await;
    let again = stores[1].create_book(WHO, id, "Other", None).await.unwrap();
    assert_eq!((&*again.name, again.contacts, again.seq), ("Friends", 1, 1));
    // A lost answer, too.
    bed.faults.inject(Rule::new(Fault::ResetAfter).times(5));
    let id = BookId::random();
    let book = bed
        .through()
        .create_book(WHO, id, "Lost", None)
        .await
        .unwrap();
    assert_eq!((book.id, &*book.name, book.revision), (id, "Lost", 1));
    assert_eq!(stores[0].books(WHO, None, 10).await.unwrap().len(), 2);
    bed.is_sound().await;
}

async fn books_are_listed_in_pages_for_their_members(bed: Bed) {
    let store = bed.store();
    let mut made: Vec<Book> = Vec::new();
    for i in 0..7 {
        let name = format!("b{i}");
        let book = store.create_book(WHO, BookId::random(), &name, None);
        made.push(book.await.unwrap());
    }
    made.sort_by_key(|book| book.id);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.books(WHO, after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page);
    }
    assert_eq!(seen, made);
    assert!(
        store
            .books("somebody else", None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let book = made[0].id;
    for (who, member) in [(WHO, true), ("somebody else", false), ("own", false)] {
        for _ in 0..2 {
            assert_eq!(store.is_member(who, book).await.unwrap(), member);
        }
    }
    let gone = store.delete_book(WHO, &made[0]).await.unwrap();
    assert_eq!(gone, Deletion::Done);
    assert!(
        !store.is_member(WHO, book).await.unwrap(),
        "forgotten here at once"
    );
    assert_eq!(store.books(WHO, None, 10).await.unwrap(), made[1..]);
    bed.is_sound().await;
}

async fn of_two_renames_one_wins(bed: Bed) {
    let stores = [bed.store(), bed.store(), bed.store()];
    let book = stores[0].create_book(WHO, BookId::random(), "b", None);
    let book = book.await.unwrap();
    let names = ["x", "y", "z"];
    let renames = stores
        .iter()
        .zip(names)
        .map(|(store, name)| store.rename_book(&book, name));
    let renamed = futures::future::join_all(renames).await;
    let won: Vec<_> = renamed.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(won[0].revision, 2);
    assert_eq!(
        stores[0].book(book.id).await.unwrap().as_ref(),
        Some(&won[0])
    );
    // Contacts leave the book's own revision alone.
    create(&stores[0], book.id, entry("u", "anna")).await;
    let again = stores[1]
        .rename_book(&won[0], "again")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.revision, 3);
    let now = stores[0].book(book.id).await.unwrap().unwrap();
    assert_eq!((&*now.name, now.contacts, now.seq), ("again", 1, 1));
    bed.is_sound().await;
}

async fn a_rename_whose_answer_was_lost_is_known_as_ones_own(bed: Bed) {
    let store = bed.through();
    let book = store
        .create_book(WHO, BookId::random(), "b", None)
        .await
        .unwrap();
    bed.faults
        .inject(Rule::new(Fault::ResetAfter).on("UpdateItem").times(2));
    let renamed = store.rename_book(&book, "c").await.unwrap().unwrap();
    assert_eq!((&*renamed.name, renamed.revision), ("c", 2));
    bed.is_sound().await;
}

async fn a_book_is_deleted_when_it_is_empty_and_unchanged(bed: Bed) {
    let (here, there) = (bed.through(), bed.store());
    let book = here
        .create_book(WHO, BookId::random(), "b", None)
        .await
        .unwrap();
    let id = create(&there, book.id, entry("u", "anna")).await.head.id;
    assert_eq!(
        here.delete_book(WHO, &book).await.unwrap(),
        Deletion::NotEmpty
    );
    write_one(&there, book.id, delete(id)).await;
    let renamed = there.rename_book(&book, "c").await.unwrap().unwrap();
    assert_eq!(
        here.delete_book(WHO, &book).await.unwrap(),
        Deletion::Changed
    );
    bed.faults.inject(Rule::new(Fault::ResetAfter).times(5));
    assert_eq!(
        here.delete_book(WHO, &renamed).await.unwrap(),
        Deletion::Done
    );
    assert_eq!(there.book(book.id).await.unwrap(), None);
    assert!(there.books(WHO, None, 10).await.unwrap().is_empty());
    assert_eq!(
        here.delete_book(WHO, &renamed).await.unwrap(),
        Deletion::Done
    );
    bed.is_sound().await;
}

async fn a_deletion_that_is_raced_by_a_create_leaves_book_and_contact_or_neither(bed: Bed) {
    let (here, there) = (bed.store(), bed.store());
    for i in 0..10 {
        let book = here
            .create_book(WHO, BookId::random(), "b", None)
            .await
            .unwrap();
        // The writer knows the book's number, so that it does not look first.
        let id = create(&there, book.id, entry("first", "anna"))
            .await
            .head
            .id;
        write_one(&there, book.id, delete(id)).await;
        let ops = [put(None, entry("u", "zoe"))];
        let write = write(&there, book.id, &ops);
        let deletion = async {
            for _ in 0..i {
                tokio::task::yield_now().await;
            }
            here.delete_book(WHO, &book).await.unwrap()
        };
        let (written, deletion) = tokio::join!(write, deletion);
        let book = here.book(book.id).await.unwrap();
        match (written, deletion) {
            (Ok(done), Deletion::NotEmpty) => {
                assert!(matches!(done[..], [Done::Created(_)]));
                assert_eq!(book.unwrap().contacts, 1);
            }
            (Err(StoreError::BookGone), Deletion::Done) => assert_eq!(book, None),
            other => panic!("{other:?}"),
        }
    }
    bed.is_sound_but_for_leftovers().await;
}

async fn a_repeatable_creation_answers_with_the_first_book(bed: Bed) {
    let store = bed.store();
    let claim = || store.claim(WHO, "key", "request");
    let Claimed::Mine(mine) = claim().await.unwrap() else {
        panic!("a new key")
    };
    let answer = |book: &Book| Answer {
        status: 201,
        headers: Vec::new(),
        body: book.id.to_string().into_bytes(),
    };
    let id = BookId::random();
    let book = store
        .create_book(WHO, id, "b", Some((&mine, &answer)))
        .await
        .unwrap();
    let Claimed::Answered(again) = claim().await.unwrap() else {
        panic!("it was answered")
    };
    assert_eq!(again, answer(&book));
    bed.is_sound().await;
}
