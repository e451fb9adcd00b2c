//! Generated vCards of every version come out as they went in.

use proptest::prelude::*;

use crate::{round_trip, vcard};

const TEXT: &str = "[ -~äÖ中👩]{0,40}";

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace(',', "\\,")
        .replace(';', "\\;")
}

fn quoted_printable(text: &str) -> String {
    text.bytes()
        .enumerate()
        .map(|(at, byte)| match byte {
            // Soft breaks in odd places, as writers make them.
            _ if at % 23 == 22 => format!("=\r\n={byte:02X}"),
            b'!'..=b'<' | b'>'..=b'~' => char::from(byte).to_string(),
            _ => format!("={byte:02X}"),
        })
        .collect()
}

fn text(version: &'static str) -> BoxedStrategy<String> {
    let lines = proptest::collection::vec(TEXT, 1..3);
    lines
        .prop_map(move |lines| match version {
            "2.1" => lines.join(" ").replace('\\', "/").replace(';', "\\;"),
            _ => lines
                .iter()
                .map(|line| escaped(line))
                .collect::<Vec<_>>()
                .join("\\n"),
        })
        .boxed()
}

fn params(version: &'static str) -> BoxedStrategy<String> {
    let one = match version {
        "2.1" => prop_oneof![
            "(HOME|WORK|CELL|VOICE|FAX|PREF|INTERNET|X-[A-Z]{1,5})".prop_map(|t| format!(";{t}")),
            "[a-z]{1,6}".prop_map(|v| format!(";X-P{}={v}", v.len())),
        ]
        .boxed(),
        "3.0" => prop_oneof![
            "(home|WORK|Cell|voice|fax|pref|INTERNET|[A-Za-z]{1,6})(,(dom|pref|work))?"
                .prop_map(|t| format!(";TYPE={t}")),
            "[a-z;:,^ äß]{1,9}".prop_map(|v| format!(";X-Q=\"{v}\"")),
            Just(";LANGUAGE=de-AT".to_owned()),
        ]
        .boxed(),
        _ => prop_oneof![
            "(home|WORK|Cell|voice|fax|[a-z]{1,6})(,(work|text))?"
                .prop_map(|t| format!(";TYPE={t}")),
            "[a-z;:,^ äß]{1,9}".prop_map(|v| format!(";X-Q=\"{}\"", v.replace('^', "^^"))),
            Just(";X-R=a^nb^'c^^".to_owned()),
            "[1-9][0-9]?".prop_map(|n| format!(";PREF={n}")),
            "[1-3]".prop_map(|n| format!(";ALTID={n};LANGUAGE=fr")),
            Just(";PID=1.1".to_owned()),
            "[a-c]{1,2}".prop_map(|id| format!(";PROP-ID={id}")),
            Just(";TYPE=\"work,voice\"".to_owned()),
        ]
        .boxed(),
    };
    proptest::collection::vec(one, 0..3)
        .prop_map(|params| {
            // A name that repeats with other values is one parameter; keep the rest distinct.
            let mut seen = Vec::new();
            params
                .into_iter()
                .filter(|param| {
                    let name = param.split('=').next().unwrap_or_default().to_owned();
                    let new = !seen.contains(&name);
                    seen.push(name);
                    new
                })
                .collect()
        })
        .boxed()
}

fn value(version: &'static str, name: &str) -> BoxedStrategy<String> {
    match name {
        "N" | "ADR" | "ORG" => proptest::collection::vec(text(version), 0..9)
            .prop_map(|parts| parts.join(";"))
            .boxed(),
        "NICKNAME" | "CATEGORIES" => proptest::collection::vec(text(version), 1..4)
            .prop_map(|parts| parts.join(","))
            .boxed(),
        "BDAY" | "REV" | "ANNIVERSARY" => prop_oneof![
            "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|2[0-8])(T[01][0-9]:[0-5][0-9]:[0-5][0-9]Z)?",
            "(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|2[0-8])(T[01][0-9][0-5][0-9][0-5][0-9]Z)?",
            "--[01][0-9][0-2][0-9]",
            "[0-9T:-]{0,9}",
        ]
        .boxed(),
        "URL" | "UID" | "SOURCE" | "IMPP" | "MEMBER" | "RELATED" => {
            "(https?|urn|xmpp)?:?[a-z0-9/?&=%._;,-]{0,60}".boxed()
        }
        "GEO" => "(geo:)?-?[0-9]{1,2}(\\.[0-9]{1,3})?[;,]-?[0-9]{1,3}".boxed(),
        "TZ" => "(Europe/Paris|[+-][01][0-9]:?[0-5]0|[A-Z]{3})".boxed(),
        "KIND" => "(individual|group|ORG|x-[a-z]{1,3})".boxed(),
        name if name.starts_with("X-") => "[ -~ä中]{0,80}"
            .prop_map(move |text| match version {
                "2.1" => text.replace('\\', "/"),
                _ => text,
            })
            .boxed(),
        _ => text(version),
    }
}

fn line(version: &'static str) -> BoxedStrategy<String> {
    let names = prop_oneof![
        3 => "(N|FN|EMAIL|TEL|ADR|ORG|NOTE|TITLE|ROLE|NICKNAME|CATEGORIES|BDAY|URL)",
        2 => "(REV|UID|GEO|TZ|PRODID|KIND|ANNIVERSARY|IMPP|MEMBER|RELATED|SOURCE|GENDER|LANG|LABEL|MAILER|CLASS|BIRTHPLACE|HOBBY)",
        1 => "X-[A-Z][A-Z-]{0,12}",
    ];
    let plain = (names, "(item[1-9]\\.|Home\\.)?").prop_flat_map(move |(name, group)| {
        (params(version), value(version, &name))
            .prop_map(move |(params, value)| format!("{group}{name}{params}:{value}"))
    });
    let bytes = proptest::collection::vec(any::<u8>(), 0..120);
    let binary = (
        "(PHOTO|LOGO|SOUND|KEY)",
        "(;TYPE=(JPEG|png|X509|WORK|image/gif))?",
        bytes,
    )
        .prop_map(move |(name, kind, bytes)| {
            let data = data_encoding::BASE64.encode(&bytes);
            match version {
                "2.1" => format!("{name}{kind};ENCODING=BASE64:{data}\r\n"),
                "3.0" => format!("{name};ENCODING=b{kind}:{data}"),
                _ => format!("{name}:data:image/png;base64,{data}"),
            }
        });
    match version {
        "2.1" => {
            let quoted =
                ("(N|FN|NOTE|ADR|ORG|X-Q)", "[ -~äÖ中\r\n]{0,60}").prop_map(|(name, text)| {
                    let text = text.replace('\\', "/");
                    format!(
                        "{name};CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:{}",
                        quoted_printable(&text)
                    )
                });
            prop_oneof![4 => plain, 1 => binary, 2 => quoted].boxed()
        }
        _ => prop_oneof![6 => plain, 1 => binary].boxed(),
    }
}

fn check(version: &str, lines: &[String]) {
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    lines.push("FN:Somebody");
    round_trip(vcard(version, &lines).as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_2_1_vcard_comes_out_as_it_went_in(lines in proptest::collection::vec(line("2.1"), 0..12)) {
        check("2.1", &lines);
    }

    #[test]
    fn a_3_0_vcard_comes_out_as_it_went_in(lines in proptest::collection::vec(line("3.0"), 0..12)) {
        check("3.0", &lines);
    }

    #[test]
    fn a_4_0_vcard_comes_out_as_it_went_in(lines in proptest::collection::vec(line("4.0"), 0..12)) {
        check("4.0", &lines);
    }
}

#[test]
fn empty_names_in_a_language_come_out_as_often_as_they_went_in() {
    for version in ["2.1", "3.0", "4.0"] {
        check(
            version,
            &[
                "N;LANGUAGE=de-AT:".to_owned(),
                "N;LANGUAGE=de-AT:".to_owned(),
            ],
        );
    }
}
