//! Contacts.

use ::contacts::{Answer, Contact, Draft, Recorded, Results};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{InBook, OfContact, contact_guard, limit};
use crate::{
    accept::negotiate,
    app::App,
    caller::{Reader, Writer},
    extract::{IdempotencyKey, MediaType, Payload, Query},
    idempotency::{self, Once, once, response},
    preconditions::Preconditions,
    problem::{Problem, Result},
    representation::{
        self, BINARY_BUDGET, ContactView, JSON_BUDGET, ListedView, OFFERED, Page, VCARD,
        escaped_len, etag, etags, vcard_etag,
    },
};

/// The contact that a body says.
fn draft(payload: &Payload) -> Result<Draft> {
    match payload.of(&[MediaType::Json, MediaType::JsContact, MediaType::VCard])? {
        MediaType::VCard => Ok(Draft::VCard(payload.text()?.as_bytes().to_vec())),
        _ => Ok(Draft::Json(payload.text()?.as_bytes().to_vec())),
    }
}

fn show(contact: &Contact) -> Result<Response> {
    let mut response = representation::json(StatusCode::OK, &ContactView::of(contact)?)?;
    representation::set(
        &mut response,
        header::ETAG,
        &etag(contact.stored.head.revision),
    );
    vary(&mut response);
    Ok(response)
}

fn vary(response: &mut Response) {
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("accept"));
}

fn answer(contact: &Contact) -> Answer {
    let head = &contact.stored.head;
    let view = ContactView::of(contact).expect("a card that was just written is JSON");
    let path = format!("/v1/books/{}/contacts/{}", contact.book, head.id);
    let headers = [
        (header::ETAG, etag(head.revision)),
        (header::LOCATION, path),
        (header::VARY, "accept".to_owned()),
    ];
    idempotency::answer(StatusCode::CREATED, &headers, &view)
}

/// The contacts of a book: by name, by search, or a group.
///
/// A page of a search may be short or even empty and still carry a cursor; the end is its absence.
#[utoipa::path(
    get, path = "/v1/books/{book}/contacts", tag = "contacts", operation_id = "listContacts",
    params(
        ("book" = String, Path, description = "The book's id, or `default`.", example = "default"),
        ("limit" = Option<u32>, Query, description = "How many at most.", minimum = 1, maximum = 500, example = 50),
        ("cursor" = Option<String>, Query, description = "From the page before, unchanged. It is opaque: what it holds is for this service alone, and may change."),
        ("q" = Option<String>, Query, description = "Up to 8 words; each begins a word of the name, an organisation, an e-mail address or a phone number. Case and accents do not matter.", example = "ada love"),
        ("group" = Option<String>, Query, description = "Members of this group (JSContact `keywords`, vCard CATEGORIES).", example = "friends"),
    ),
    responses((status = 200, description = "A page of contacts. As `text/vcard`: their vCards, each in its own version or all in the one that `Accept` names (`text/vcard;version=3.0`), and the next page as `Link`.", content(
        (Page<ListedView<'_>> = "application/json"),
        (String = "text/vcard"),
    ))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(who): Reader,
    InBook(book): InBook,
    query: Query,
    headers: HeaderMap,
) -> Result<Response> {
    query.only(&["limit", "cursor", "q", "group"])?;
    let limit = limit(&query)?;
    let kind = negotiate(&headers, &OFFERED)?;
    let page = app
        .contacts
        .list(
            &who,
            book,
            query.text("q"),
            query.text("group"),
            query.text("cursor"),
            limit,
        )
        .await?;
    let mut response = if kind == representation::JSON {
        list_json(page)?
    } else {
        let version = representation::version(kind);
        let (vcards, page) = app.contacts.vcards(page, version, BINARY_BUDGET).await?;
        list_vcards(&query, limit, &vcards, &page)
    };
    vary(&mut response);
    Ok(response)
}

fn list_json(mut page: Results) -> Result<Response> {
    let mut left = JSON_BUDGET;
    let mut fits = 0;
    for item in &page.items {
        // The rest of an item has a known length below this.
        let size = escaped_len(&item.summary) + 300;
        if size > left {
            break;
        }
        left -= size;
        fits += 1;
    }
    page.truncate(fits);
    let views = page
        .items
        .iter()
        .map(|item| ListedView::of(page.book, item))
        .collect::<Result<_>>()?;
    representation::json(StatusCode::OK, &Page::new(views, page.cursor()))
}

fn list_vcards(query: &Query, limit: usize, vcards: &[Vec<u8>], page: &Results) -> Response {
    let mut body = Vec::new();
    for vcard in vcards {
        body.extend_from_slice(vcard);
        if !vcard.ends_with(b"\n") {
            body.extend_from_slice(b"\r\n");
        }
    }
    let mut response = (
        [(header::CONTENT_TYPE, HeaderValue::from_static(VCARD))],
        body,
    )
        .into_response();
    if let Some(cursor) = page.cursor() {
        let mut link = format!(
            "</v1/books/{}/contacts?limit={limit}&cursor={cursor}",
            page.book
        );
        for name in ["q", "group"] {
            if let Some(value) = query.text(name) {
                link.push_str(&format!(
                    "&{name}={}",
                    utf8_percent_encode(value, NON_ALPHANUMERIC)
                ));
            }
        }
        link.push_str(">; rel=\"next\"");
        representation::set(&mut response, header::LINK, &link);
    }
    response
}

/// Creates a contact from a JSContact card or a vCard.
///
/// `text/x-vcard` and `text/directory`, as older programs call it, are taken like `text/vcard`.
#[utoipa::path(
    post, path = "/v1/books/{book}/contacts", tag = "contacts", operation_id = "createContact",
    params(
        ("book" = String, Path, description = "The book's id, or `default`.", example = "default"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats get the first answer again, for 24 hours.", example = "5f0c7a52-7a5e-4f0e-9b59-3d1a4a0b5a4e"),
    ),
    request_body(content(
        (Object = "application/json", example = json!({"@type": "Card", "version": "1.0", "name": {"full": "Ada Lovelace"}, "emails": {"e1": {"address": "ada@example.org"}}})),
        (Object = "application/jscontact+json", example = json!({"@type": "Card", "version": "1.0", "name": {"full": "Ada Lovelace"}, "emails": {"e1": {"address": "ada@example.org"}}})),
        (String = "text/vcard", example = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada Lovelace\r\nEMAIL:ada@example.org\r\nEND:VCARD\r\n"),
    )),
    responses((status = 201, description = "The new contact.", body = ContactView<'_>, headers(("ETag" = String), ("Location" = String)))),
)]
pub(crate) async fn create(
    State(app): State<App>,
    Writer(who): Writer,
    InBook(book): InBook,
    uri: http::Uri,
    query: Query,
    key: IdempotencyKey,
    payload: Payload,
) -> Result<Response> {
    query.only(&[])?;
    let draft = draft(&payload)?;
    let kind = payload.media_type.map_or("", MediaType::name);
    let claim = match once(
        &app.contacts,
        &who,
        &key,
        &["POST", uri.path(), kind],
        &payload.bytes,
    )
    .await?
    {
        Once::Answered(response) => return Ok(response),
        Once::Run(claim) => claim,
    };
    let recorded = claim.as_ref().map(|claim| Recorded {
        claim,
        answer: &answer,
    });
    let contact = app.contacts.create(&who, book, draft, recorded).await?;
    Ok(response(answer(&contact)))
}

/// A contact, as JSON or as a vCard: exactly the one that was sent, until the card is changed as JSON.
///
/// `Accept: text/vcard;version=3.0` asks for a version: 4.0, 3.0 or 2.1. If the contact's own vCard has
/// another, its card is rendered; what the version asked for has no property for is then in `X-JSPROP`.
#[utoipa::path(
    get, path = "/v1/books/{book}/contacts/{contact}", tag = "contacts", operation_id = "readContact",
    params(
        ("book" = String, Path, description = "The book's id, or `default`.", example = "default"),
        ("contact" = String, Path, description = "The contact's id.", example = "7h3k9m2p5r8t1v4c6e0g2j5l8o"),
        ("If-None-Match" = Option<String>, Header, description = "304 if the contact still has this ETag.", example = "\"2\""),
        ("If-Match" = Option<String>, Header, description = "412 unless the contact still has this ETag.", example = "\"1\""),
    ),
    responses(
        (status = 200, description = "The contact.", content((ContactView<'_> = "application/json"), (String = "text/vcard")), headers(("ETag" = String))),
        (status = 304, description = "`If-None-Match` names the current ETag."),
    ),
)]
pub(crate) async fn read(
    State(app): State<App>,
    Reader(who): Reader,
    OfContact(book, id): OfContact,
    query: Query,
    preconditions: Preconditions,
    headers: HeaderMap,
) -> Result<Response> {
    query.only(&[])?;
    let kind = negotiate(&headers, &OFFERED)?;
    let is_json = kind == representation::JSON;
    let (revision, selected, body) = if is_json {
        let contact = app.contacts.contact(&who, book, id).await?;
        let json = serde_json::to_vec(&ContactView::of(&contact)?);
        let json = json.map_err(|error| Problem::internal("writing an answer", &error))?;
        let revision = contact.stored.head.revision;
        (revision, etag(revision), json)
    } else {
        let version = representation::version(kind);
        let vcard = app.contacts.vcard(&who, book, id, version).await?;
        let revision = vcard.head.revision;
        (revision, vcard_etag(revision, vcard.other), vcard.bytes)
    };
    let all = etags(revision);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut response = if preconditions.not_modified(&selected, &all)? {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = HeaderValue::from_static(if is_json { representation::JSON } else { VCARD });
        ([(header::CONTENT_TYPE, kind)], body).into_response()
    };
    representation::set(&mut response, header::ETAG, &selected);
    vary(&mut response);
    Ok(response)
}

/// Replaces a contact. A write that changes nothing keeps the ETag.
///
/// `text/x-vcard` and `text/directory`, as older programs call it, are taken like `text/vcard`.
#[utoipa::path(
    put, path = "/v1/books/{book}/contacts/{contact}", tag = "contacts", operation_id = "replaceContact",
    params(
        ("book" = String, Path, description = "The book's id, or `default`.", example = "default"),
        ("contact" = String, Path, description = "The contact's id.", example = "7h3k9m2p5r8t1v4c6e0g2j5l8o"),
        ("If-Match" = Option<String>, Header, description = "Only if the contact still has this ETag.", example = "\"1\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if the contact has none of these ETags."),
    ),
    request_body(content(
        (Object = "application/json", example = json!({"@type": "Card", "version": "1.0", "uid": "urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af", "name": {"full": "Ada King"}})),
        (Object = "application/jscontact+json", example = json!({"@type": "Card", "version": "1.0", "uid": "urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af", "name": {"full": "Ada King"}})),
        (String = "text/vcard", example = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada King\r\nEND:VCARD\r\n"),
    )),
    responses((status = 200, description = "The contact as it is now.", body = ContactView<'_>, headers(("ETag" = String)))),
)]
pub(crate) async fn replace(
    State(app): State<App>,
    Writer(who): Writer,
    OfContact(book, id): OfContact,
    query: Query,
    preconditions: Preconditions,
    payload: Payload,
) -> Result<Response> {
    query.only(&[])?;
    let draft = draft(&payload)?;
    show(
        &app.contacts
            .change(&who, book, id, draft, contact_guard(preconditions))
            .await?,
    )
}

/// Changes a contact by JSON Merge Patch (RFC 7396): `null` removes a member.
#[utoipa::path(
    patch, path = "/v1/books/{book}/contacts/{contact}", tag = "contacts", operation_id = "patchContact",
    params(
        ("book" = String, Path, description = "The book's id, or `default`.", example = "default"),
        ("contact" = String, Path, description = "The contact's id.", example = "7h3k9m2p5r8t1v4c6e0g2j5l8o"),
        ("If-Match" = Option<String>, Header, description = "Only if the contact still has this ETag.", example = "\"1\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if the contact has none of these ETags."),
    ),
    request_body(content(
        (Object = "application/merge-patch+json", example = json!({"name": {"full": "Ada King"}, "emails": {"e1": null}})),
        (Object = "application/json", example = json!({"name": {"full": "Ada King"}, "emails": {"e1": null}})),
    )),
    responses((status = 200, description = "The contact as it is now.", body = ContactView<'_>, headers(("ETag" = String)))),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    Writer(who): Writer,
    OfContact(book, id): OfContact,
    query: Query,
    preconditions: Preconditions,
    payload: Payload,
) -> Result<Response> {
    query.only(&[])?;
    payload.of(&[MediaType::MergePatch, MediaType::Json])?;
    let patch = Draft::patch(payload.text()?.as_bytes())?;
    show(
        &app.contacts
            .change(&who, book, id, patch, contact_guard(preconditions))
            .await?,
    )
}

/// Deletes a contact.
#[utoipa::path(
    delete, path = "/v1/books/{book}/contacts/{contact}", tag = "contacts", operation_id = "deleteContact",
    params(
        ("book" = String, Path, description = "The book's id, or `default`.", example = "default"),
        ("contact" = String, Path, description = "The contact's id.", example = "7h3k9m2p5r8t1v4c6e0g2j5l8o"),
        ("If-Match" = Option<String>, Header, description = "Only if the contact still has this ETag.", example = "\"1\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if the contact has none of these ETags."),
    ),
    responses((status = 204, description = "It is gone.")),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Writer(who): Writer,
    OfContact(book, id): OfContact,
    query: Query,
    preconditions: Preconditions,
) -> Result<Response> {
    query.only(&[])?;
    app.contacts
        .delete(&who, book, id, contact_guard(preconditions))
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
