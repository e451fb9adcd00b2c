//! The owner: the one principal of a standalone service, and their first token.

use std::fmt;
use std::io::{Write as _, stdout};

use anyhow::{Context as _, Result};
use contacts::{Contacts, Identity, NewToken, Scope};
use contacts_settings::Secret;

const OWNER: &str = "owner";

/// Says where the service is, `url`, without a path, and sees to it that the owner has a token: as
/// [`announce`] does.
pub(crate) async fn greet(contacts: &Contacts, given: Option<&Secret>, url: &str) -> Result<()> {
    let news = format!("contact-manager answers on {url}");
    announce(&news, contacts, given, url).await
}

/// Prints `news` and sees to it that the owner has a token.
///
/// With `CONTACTS_TOKEN` it is that one, which is not printed. Without it, an owner who has no token
/// gets one, printed here and never again, with first requests to `url` to paste.
pub(crate) async fn announce(
    news: &str,
    contacts: &Contacts,
    given: Option<&Secret>,
    url: &str,
) -> Result<()> {
    let mut greeting = format!("{news}\n");
    match given {
        Some(secret) => {
            contacts.ensure_token(OWNER, secret.expose()).await?;
        }
        None if contacts.tokens(OWNER, None, 1).await?.0.is_empty() => {
            let maker = Identity {
                principal: OWNER.to_owned(),
                scopes: Scope::ALL.to_vec(),
            };
            let new = NewToken {
                name: OWNER.to_owned(),
                scopes: Scope::ALL.to_vec(),
                expires: None,
            };
            let (_, token) = contacts.create_token(&maker, &new).await?;
            greeting += &FirstRequests { url, token: &token }.to_string();
        }
        None => {}
    }
    stdout()
        .write_all(greeting.as_bytes())
        .context("cannot write to standard output")
}

/// The token, and three requests that use it. The lines that begin with `curl` can be pasted into a
/// shell as they are.
struct FirstRequests<'a> {
    url: &'a str,
    token: &'a str,
}

impl fmt::Display for FirstRequests<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, token } = self;
        let contacts = format!("{url}/v1/books/default/contacts");
        let authorized = format!("curl -H 'Authorization: Bearer {token}'");
        let card = r#"{"@type":"Card","version":"1.0","name":{"full":"Ada Lovelace"}}"#;
        write!(
            f,
            "\nYour token, shown this once:\n\n{token}\n\nAdd a contact, list them all, find one:\n\n\
             {authorized} -H 'Content-Type: application/json' -d '{card}' '{contacts}'\n\
             {authorized} '{contacts}'\n\
             {authorized} '{contacts}?q=ada'\n\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_requests_are_three_whole_lines() {
        let url = "http://127.0.0.1:8080";
        let text = FirstRequests { url, token: "cm_x" }.to_string();
        let curls: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("curl "))
            .collect();
        assert_eq!(curls.len(), 3, "{text}");
        for curl in curls {
            assert!(curl.contains("'Authorization: Bearer cm_x'"), "{curl}");
            assert!(curl.contains("'http://127.0.0.1:8080/v1/"), "{curl}");
        }
    }
}
