//! Files that real programs wrote.

use std::path::{Path, PathBuf};

use contacts_interchange::split;

use crate::{imported, oracle, round_trip};

/// Every `.vcf` of this crate and, where it is at hand, of the shared collection.
pub(crate) fn all() -> Vec<(PathBuf, Vec<u8>)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["tests/data", "../../../shared/data/vcards"] {
        let Ok(entries) = std::fs::read_dir(here.join(folder)) else {
            assert_ne!(folder, "tests/data");
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "vcf") {
                let bytes = std::fs::read(&path).unwrap();
                files.push((path, bytes));
            }
        }
    }
    assert!(files.len() >= 3);
    files
}

/// The vCards of a file, all of which are whole.
pub(crate) fn cards(file: &[u8]) -> Vec<&[u8]> {
    split(file)
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn every_real_vcard_comes_out_as_it_went_in() {
    for (_, bytes) in all() {
        for card in cards(&bytes) {
            round_trip(card);
        }
    }
}

#[test]
fn slices_and_blank_lines_are_the_whole_file() {
    for (path, bytes) in all() {
        let cards = cards(&bytes);
        let begins = bytes
            .windows(11)
            .filter(|window| window.eq_ignore_ascii_case(b"BEGIN:VCARD"));
        assert!(cards.len() <= begins.count());
        let kept: Vec<u8> = cards
            .concat()
            .into_iter()
            .filter(|b| !b.is_ascii_whitespace())
            .collect();
        let sent: Vec<u8> = bytes
            .iter()
            .copied()
            .filter(|b| !b.is_ascii_whitespace())
            .collect();
        assert!(kept == sent, "{}", path.display());
    }
}

#[test]
fn exporting_what_was_exported_changes_nothing() {
    for (_, bytes) in all() {
        for card in cards(&bytes) {
            let once = round_trip(card);
            assert_eq!(once, round_trip(once.as_bytes()));
        }
    }
}

#[test]
fn every_name_phone_and_email_of_real_vcards_is_shown() {
    for (path, bytes) in all() {
        for card in cards(&bytes) {
            let json = serde_json::Value::Object(imported(card).card.as_map().clone());
            for property in oracle::properties(card) {
                let value = &property.value[0][0];
                let (members, shown) = match property.name.as_str() {
                    "EMAIL" if value.contains('@') => ("emails", "address"),
                    "TEL" => ("phones", "number"),
                    "FN" => {
                        assert_eq!(json["name"]["full"], value.as_str(), "{}", path.display());
                        continue;
                    }
                    _ => continue,
                };
                let found = json[members]
                    .as_object()
                    .is_some_and(|map| map.values().any(|object| object[shown] == value.as_str()));
                assert!(found, "{} of {}", property.name, path.display());
            }
        }
    }
}
