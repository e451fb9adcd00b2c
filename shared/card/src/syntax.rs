//! Syntax of the texts inside a card. It says whether a text is well-formed; none of it knows what is
//! registered, because registries grow.

use crate::limits::{TEXT_BYTES, UID_BYTES};

/// A syntax, and how to tell a person about it.
pub(crate) struct Syntax {
    valid: fn(&str) -> bool,
    pub(crate) expected: &'static str,
    /// Bytes a text may have.
    most: usize,
}

impl Syntax {
    /// What should be there instead of `text`, if it is not well-formed.
    pub(crate) fn check(&self, text: &str) -> Result<(), String> {
        if text.len() > self.most {
            Err(format!("at most {} bytes of text", self.most))
        } else if (self.valid)(text) {
            Ok(())
        } else {
            Err(self.expected.to_owned())
        }
    }
}

const fn syntax(valid: fn(&str) -> bool, expected: &'static str) -> Syntax {
    Syntax {
        valid,
        expected,
        most: TEXT_BYTES,
    }
}

pub(crate) static TEXT: Syntax = syntax(|_| true, "a string");
pub(crate) static WORD: Syntax = syntax(|s| !s.is_empty(), "a string that is not empty");
pub(crate) static UID: Syntax = Syntax {
    valid: |s| !s.is_empty(),
    expected: "a string that is not empty, best a URI such as \"urn:uuid:…\"",
    most: UID_BYTES,
};
pub(crate) static ID: Syntax = syntax(is_id, "an id: 1 to 255 of A-Z, a-z, 0-9, - and _");
pub(crate) static URI: Syntax = Syntax {
    valid: is_uri,
    expected: "a URI, such as \"https://example.com/\"",
    most: usize::MAX,
};
pub(crate) static GEO_URI: Syntax = syntax(is_geo_uri, "a geo: URI, such as \"geo:46.77,-71.30\"");
pub(crate) static UTC_DATE_TIME: Syntax = syntax(
    is_utc_date_time,
    "a time in UTC, such as \"2026-01-31T09:30:00Z\"",
);
pub(crate) static LANGUAGE: Syntax = syntax(
    is_language_tag,
    "a language tag, such as \"en\" or \"fr-CA\"",
);
pub(crate) static COUNTRY_CODE: Syntax = syntax(
    is_country_code,
    "a country code of two letters, such as \"CA\"",
);
pub(crate) static TIME_ZONE: Syntax = syntax(
    is_time_zone,
    "an IANA time zone, such as \"America/Toronto\"",
);
pub(crate) static EMAIL: Syntax = syntax(
    is_email_address,
    "an e-mail address, such as \"someone@example.com\"",
);
pub(crate) static MEDIA_TYPE: Syntax = syntax(is_media_type, "a media type, such as \"image/png\"");

/// Id: 1 to 255 characters of the URL-safe base64 alphabet (RFC 9553, section 1.4.1).
fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// `UTCDateTime`: RFC 3339 in UTC, with capital `T` and `Z` (RFC 9553, section 1.4.5).
fn is_utc_date_time(text: &str) -> bool {
    let b = text.as_bytes();
    // The shape first: everything after it may index digits.
    let shape = b"dddd-dd-ddTdd:dd:dd";
    if b.len() < shape.len() + 1
        || !shape.iter().zip(b).all(|(s, b)| {
            if *s == b'd' {
                b.is_ascii_digit()
            } else {
                s == b
            }
        })
    {
        return false;
    }
    let number = |from: usize, to: usize| {
        b[from..to]
            .iter()
            .fold(0u32, |n, d| n * 10 + u32::from(d - b'0'))
    };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let fraction = match &b[shape.len()..b.len() - 1] {
        [] => true,
        [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let seconds = number(17, 19); // 60 is a leap second (RFC 3339, section 5.7)
    fraction
        && b.last() == Some(&b'Z')
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && number(11, 13) < 24
        && number(14, 16) < 60
        && seconds <= 60
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// A URI's scheme and colon, something after it, and no white space or controls (RFC 3986, section
/// 3). Characters that should be percent-encoded pass: address books are full of them.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !rest.is_empty()
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// A `geo:` URI (RFC 5870).
fn is_geo_uri(text: &str) -> bool {
    is_uri(text)
        && text
            .get(..4)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("geo:"))
}

/// A language tag's shape (RFC 5646, section 2.1): subtags of 1 to 8 letters and digits, the first
/// of letters.
fn is_language_tag(text: &str) -> bool {
    let mut subtags = text.split('-');
    let first = subtags.next().unwrap_or_default();
    let private_or_grandfathered =
        first.eq_ignore_ascii_case("x") || first.eq_ignore_ascii_case("i");
    let well_formed =
        |s: &str| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric());
    let rest: Vec<&str> = subtags.collect();
    first.bytes().all(|b| b.is_ascii_alphabetic())
        && ((2..=8).contains(&first.len()) || (private_or_grandfathered && !rest.is_empty()))
        && rest.into_iter().all(well_formed)
}

/// An ISO 3166-1 alpha-2 code's shape.
fn is_country_code(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic())
}

/// An IANA time zone name's shape, such as `America/Argentina/Buenos_Aires`.
fn is_time_zone(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b))
}

/// An e-mail address: something on either side of an `@`, no white space or controls outside a
/// quoted local part (the core of addr-spec, RFC 5322, section 3.4.1, with RFC 6531's letters).
fn is_email_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let solid =
        |s: &str| !s.is_empty() && !s.contains(|c: char| c.is_whitespace() || c.is_control());
    solid(domain) && (solid(local) || (quoted && !local.contains(char::is_control)))
}

/// A media type's shape (RFC 6838): type, slash, subtype, perhaps parameters.
fn is_media_type(text: &str) -> bool {
    let name = |s: &str| {
        !s.is_empty()
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    essence
        .split_once('/')
        .is_some_and(|(t, subtype)| name(t) && name(subtype))
}
