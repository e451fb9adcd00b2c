//! Cards to measure with: each has 16 terms, and no item of it is above 1 KB.

use serde_json::{Value, json};

const GIVEN: [&str; 32] = [
    "Ada", "Bela", "Clara", "Dmitri", "Elif", "Farid", "Greta", "Hana", "Ivan", "Jonas", "Kenji",
    "Leila", "Marta", "Nadia", "Oskar", "Priya", "Quinn", "Rosa", "Samir", "Tomas", "Uma",
    "Viktor", "Wanda", "Xenia", "Yusuf", "Zofia", "Amara", "Boris", "Chloe", "Diego", "Emil",
    "Freya",
];
const MIDDLE: [&str; 8] = ["Noor", "Lux", "Mika", "Reza", "Sol", "Tove", "Vera", "Yara"];
const FAMILY: [&str; 32] = [
    "Abbott", "Bauer", "Castro", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanov",
    "Jansen", "Kowalski", "Lindgren", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Rossi",
    "Sato", "Tanaka", "Ulrich", "Vargas", "Weber", "Xu", "Yilmaz", "Zhang", "Andersen", "Banerjee",
    "Costa", "Dimitrov", "Engel", "Fontaine",
];

/// A card and the words that it is found by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Card(pub(crate) usize);

/// A word of every card's address: a search for it finds the whole book.
pub(crate) const COMMON_WORD: &str = "example";

impl Card {
    fn name(self) -> [&'static str; 3] {
        let number = self.0;
        [
            GIVEN[number % GIVEN.len()],
            MIDDLE[number / (GIVEN.len() * FAMILY.len()) % MIDDLE.len()],
            FAMILY[number / GIVEN.len() % FAMILY.len()],
        ]
    }

    /// The word that no other card has.
    pub(crate) fn own_word(self) -> String {
        format!("k{:06}", self.0)
    }

    fn email(self) -> String {
        let [given, _, family] = self.name().map(str::to_ascii_lowercase);
        format!("{given}.{family}@{COMMON_WORD}.org")
    }

    fn phone(self) -> String {
        format!("+44 20 79{:06}", self.0)
    }

    pub(crate) fn json(self) -> Value {
        let [given, middle, family] = self.name();
        json!({
            "@type": "Card",
            "version": "1.0",
            "name": {
                "full": format!("{given} {middle} {family}"),
                "components": [
                    {"kind": "given", "value": given},
                    {"kind": "given2", "value": middle},
                    {"kind": "surname", "value": family},
                ],
            },
            "nicknames": {"k1": {"name": self.own_word()}},
            "organizations": {"o1": {"name": "Analytical Engines"}},
            "titles": {"t1": {"name": "Computer"}},
            "emails": {"e1": {"address": self.email()}},
            "phones": {"p1": {"number": self.phone()}},
        })
    }

    /// The same as a vCard 4.0.
    pub(crate) fn vcard(self) -> String {
        let [given, middle, family] = self.name();
        format!(
            "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{given} {middle} {family}\r\n\
             N:{family};{given};{middle};;\r\nNICKNAME:{}\r\nORG:Analytical Engines\r\n\
             TITLE:Computer\r\nEMAIL:{}\r\nTEL:{}\r\nEND:VCARD\r\n",
            self.own_word(),
            self.email(),
            self.phone(),
        )
    }
}
