//! vCard in and out, as users of the crate see it.

#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, but not in what tests share"
)]

mod changes;
mod files;
mod generated;
mod hostile;
mod json_cards;
mod oracle;
mod pitfalls;
mod refused;

use contacts_interchange::{Imported, export, import};

/// Imports one vCard that is known to be good.
fn imported(vcard: &[u8]) -> Imported {
    import(vcard, "urn:uuid:00000000-0000-4000-8000-000000000000").unwrap()
}

/// A vCard of these lines, with CRLF.
fn vcard(version: &str, lines: &[&str]) -> String {
    let mut text = format!("BEGIN:VCARD\r\nVERSION:{version}\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text + "END:VCARD\r\n"
}

/// Imports and exports in the vCard's own version, and checks that nothing was lost or added but
/// the `UID` of a vCard that had none.
fn round_trip(vcard: &[u8]) -> String {
    let imported = imported(vcard);
    let out = export(&imported.card, imported.version);
    assert_same(vcard, out.as_bytes());
    out
}

fn assert_same(wanted: &[u8], got: &[u8]) {
    let wanted = oracle::properties(wanted);
    let mut got = oracle::properties(got);
    if !wanted.iter().any(|property| property.name == "UID") {
        got.retain(|property| property.name != "UID");
    }
    let lost: Vec<_> = wanted.iter().filter(|p| !got.contains(p)).collect();
    let added: Vec<_> = got.iter().filter(|p| !wanted.contains(p)).collect();
    assert!(
        lost.is_empty() && added.is_empty() && wanted.len() == got.len(),
        "lost {lost:#?}\nadded {added:#?}"
    );
}
