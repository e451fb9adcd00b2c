//! `Idempotency-Key` on requests that create: the answer of the first is kept for a day.

use axum::response::Response;
use bytes::Bytes;
use contacts::{Answer, Claim, Claimed, Contacts};
use contacts_store::digest_text;
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    extract::IdempotencyKey,
    problem::{Problem, Result},
    representation::JSON,
};

/// What to do with a request.
pub(crate) enum Once {
    /// Carry it out; with a claim, keep the answer in it.
    Run(Option<Claim>),
    /// It was carried out before; this was the answer.
    Answered(Response),
}

/// Looks at the key of a request of `who`: `request` are the words that tell it from others.
pub(crate) async fn once(
    contacts: &Contacts,
    who: &str,
    key: &IdempotencyKey,
    request: &[&str],
    body: &[u8],
) -> Result<Once> {
    let Some(key) = &key.0 else {
        return Ok(Once::Run(None));
    };
    let body = BASE64URL_NOPAD.encode(&Sha256::digest(body));
    let words: Vec<&str> = request.iter().copied().chain([body.as_str()]).collect();
    match contacts
        .store()
        .claim(who, key, &digest_text(&words))
        .await
        .map_err(contacts::Error::from)?
    {
        Claimed::Mine(claim) => Ok(Once::Run(Some(claim))),
        Claimed::Answered(answer) => Ok(Once::Answered(response(answer))),
        Claimed::Running(_) => Err(Problem::idempotency_running()),
        Claimed::Mismatch => Err(Problem::idempotency_mismatch()),
    }
}

/// The answer to a request that was carried out, as it is kept and given again: JSON.
pub(crate) fn answer(
    status: StatusCode,
    headers: &[(HeaderName, String)],
    body: &impl Serialize,
) -> Answer {
    let json = (header::CONTENT_TYPE, JSON.to_owned());
    let headers = [json].into_iter().chain(headers.iter().cloned());
    Answer {
        status: status.as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value))
            .collect(),
        body: serde_json::to_vec(body).expect("what was just written is plain JSON"),
    }
}

/// The answer as a response.
pub(crate) fn response(answer: Answer) -> Response {
    let mut response = Response::new(Bytes::from(answer.body).into());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
