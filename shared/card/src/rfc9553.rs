//! RFC 9553 as tables: every object type, its properties, and what each must hold.
//!
//! Properties not listed here are unknown or a vendor's, and are kept as they are. Enumerations
//! (`kind`, `level`, `grammaticalGender`, …) are plain words: their registries grow, and vendors may
//! add their own ("vendor.example:thing").

use crate::check::{components, members_need_a_group, partial_date};
use crate::schema::{Kind, Type, object};
use crate::syntax;

/// A map from ids to objects.
const fn map_of(kind: &'static Kind) -> Kind {
    Kind::Map(&syntax::ID, kind)
}

const TEXT: Kind = Kind::Text(&syntax::TEXT);
const WORD: Kind = Kind::Text(&syntax::WORD);
const ID: Kind = Kind::Text(&syntax::ID);
const UID: Kind = Kind::Text(&syntax::UID);
const URI: Kind = Kind::Text(&syntax::URI);
const GEO_URI: Kind = Kind::Text(&syntax::GEO_URI);
const UTC_DATE_TIME: Kind = Kind::Text(&syntax::UTC_DATE_TIME);
const LANGUAGE: Kind = Kind::Text(&syntax::LANGUAGE);
const COUNTRY_CODE: Kind = Kind::Text(&syntax::COUNTRY_CODE);
const TIME_ZONE: Kind = Kind::Text(&syntax::TIME_ZONE);
const EMAIL: Kind = Kind::Text(&syntax::EMAIL);
const MEDIA_TYPE: Kind = Kind::Text(&syntax::MEDIA_TYPE);
const SET: Kind = Kind::Map(&syntax::WORD, &Kind::True);
const PREF: Kind = Kind::Int(1, 100);
/// The largest integer that every JSON implementation keeps (RFC 7493, section 2.2).
const MAX_INT: u64 = (1 << 53) - 1;
const POSITION: Kind = Kind::Int(1, MAX_INT);

/// What conversion from vCard may leave on any object (RFC 9555, section 3.2). `@type` is checked
/// against the type's name.
pub(crate) const EVERYWHERE: &[(&str, Kind)] = &[
    ("vCardName", WORD),
    (
        "vCardParams",
        Kind::Map(&syntax::WORD, &Kind::ParameterValue),
    ),
];

/// Section 2.
pub(crate) static CARD: Type = object(
    "Card",
    &[
        ("version", Kind::Exactly("1.0")),
        ("created", UTC_DATE_TIME),
        ("kind", WORD),
        ("language", LANGUAGE),
        ("members", SET),
        ("prodId", TEXT),
        (
            "relatedTo",
            Kind::Map(&syntax::WORD, &Kind::Object(&RELATION)),
        ),
        ("uid", UID),
        ("updated", UTC_DATE_TIME),
        ("name", Kind::Object(&NAME)),
        ("nicknames", map_of(&Kind::Object(&NICKNAME))),
        ("organizations", map_of(&Kind::Object(&ORGANIZATION))),
        ("speakToAs", Kind::Object(&SPEAK_TO_AS)),
        ("titles", map_of(&Kind::Object(&TITLE))),
        ("emails", map_of(&Kind::Object(&EMAIL_ADDRESS))),
        ("onlineServices", map_of(&Kind::Object(&ONLINE_SERVICE))),
        ("phones", map_of(&Kind::Object(&PHONE))),
        ("preferredLanguages", map_of(&Kind::Object(&LANGUAGE_PREF))),
        ("calendars", map_of(&Kind::Object(&CALENDAR))),
        (
            "schedulingAddresses",
            map_of(&Kind::Object(&SCHEDULING_ADDRESS)),
        ),
        ("addresses", map_of(&Kind::Object(&ADDRESS))),
        ("cryptoKeys", map_of(&Kind::Object(&CRYPTO_KEY))),
        ("directories", map_of(&Kind::Object(&DIRECTORY))),
        ("links", map_of(&Kind::Object(&LINK))),
        ("media", map_of(&Kind::Object(&MEDIA))),
        ("localizations", Kind::Map(&syntax::LANGUAGE, &Kind::Patch)),
        ("anniversaries", map_of(&Kind::Object(&ANNIVERSARY))),
        ("keywords", SET),
        ("notes", map_of(&Kind::Object(&NOTE))),
        ("personalInfo", map_of(&Kind::Object(&PERSONAL_INFO))),
        ("vCardProps", Kind::List(0, &Kind::JCardProperty)),
    ],
)
.mandatory(&["@type", "version", "uid"])
.rule(members_need_a_group);

/// Section 2.1.8.
static RELATION: Type = object("Relation", &[("relation", SET)]);

/// Section 2.2.1.1.
static NAME: Type = object(
    "Name",
    &[
        ("components", Kind::List(1, &Kind::Object(&NAME_COMPONENT))),
        ("isOrdered", Kind::Bool),
        ("defaultSeparator", TEXT),
        ("full", TEXT),
        ("sortAs", Kind::Map(&syntax::WORD, &TEXT)),
        ("phoneticScript", WORD),
        ("phoneticSystem", WORD),
    ],
)
.one_of(&["components", "full"])
.rule(components);

/// Section 2.2.1.2.
static NAME_COMPONENT: Type = object(
    "NameComponent",
    &[("value", TEXT), ("kind", WORD), ("phonetic", TEXT)],
)
.mandatory(&["value", "kind"]);

/// Section 2.2.2.
static NICKNAME: Type = object(
    "Nickname",
    &[("name", TEXT), ("contexts", SET), ("pref", PREF)],
)
.mandatory(&["name"]);

/// Section 2.2.3.
static ORGANIZATION: Type = object(
    "Organization",
    &[
        ("name", TEXT),
        ("units", Kind::List(1, &Kind::Object(&ORG_UNIT))),
        ("sortAs", TEXT),
        ("contexts", SET),
    ],
)
.one_of(&["name", "units"]);

/// Section 2.2.3.
static ORG_UNIT: Type = object("OrgUnit", &[("name", TEXT), ("sortAs", TEXT)]).mandatory(&["name"]);

/// Section 2.2.4.
static SPEAK_TO_AS: Type = object(
    "SpeakToAs",
    &[
        ("grammaticalGender", WORD),
        ("pronouns", map_of(&Kind::Object(&PRONOUNS))),
    ],
)
.one_of(&["grammaticalGender", "pronouns"]);

/// Section 2.2.4.
static PRONOUNS: Type = object(
    "Pronouns",
    &[("pronouns", TEXT), ("contexts", SET), ("pref", PREF)],
)
.mandatory(&["pronouns"]);

/// Section 2.2.5.
static TITLE: Type = object(
    "Title",
    &[("name", TEXT), ("kind", WORD), ("organizationId", ID)],
)
.mandatory(&["name"]);

/// Section 2.3.1.
static EMAIL_ADDRESS: Type = object(
    "EmailAddress",
    &[
        ("address", EMAIL),
        ("contexts", SET),
        ("pref", PREF),
        ("label", TEXT),
    ],
)
.mandatory(&["address"]);

/// Section 2.3.2.
static ONLINE_SERVICE: Type = object(
    "OnlineService",
    &[
        ("service", TEXT),
        ("uri", URI),
        ("user", TEXT),
        ("contexts", SET),
        ("pref", PREF),
        ("label", TEXT),
    ],
)
.one_of(&["uri", "user"]);

/// Section 2.3.3.
static PHONE: Type = object(
    "Phone",
    &[
        ("number", TEXT),
        ("features", SET),
        ("contexts", SET),
        ("pref", PREF),
        ("label", TEXT),
    ],
)
.mandatory(&["number"]);

/// Section 2.3.4.
static LANGUAGE_PREF: Type = object(
    "LanguagePref",
    &[("language", LANGUAGE), ("contexts", SET), ("pref", PREF)],
)
.mandatory(&["language"]);

/// The properties of a Resource (section 1.4.4), and what else follows.
macro_rules! resource {
    ($($more:expr),*) => {
        &[
            ("kind", WORD),
            ("uri", URI),
            ("mediaType", MEDIA_TYPE),
            ("contexts", SET),
            ("pref", PREF),
            ("label", TEXT),
            $($more),*
        ]
    };
}

/// Section 2.4.1.
static CALENDAR: Type = object("Calendar", resource!()).mandatory(&["uri", "kind"]);

/// Section 2.4.2.
static SCHEDULING_ADDRESS: Type = object(
    "SchedulingAddress",
    &[
        ("uri", URI),
        ("contexts", SET),
        ("pref", PREF),
        ("label", TEXT),
    ],
)
.mandatory(&["uri"]);

/// Section 2.5.1.1.
static ADDRESS: Type = object(
    "Address",
    &[
        (
            "components",
            Kind::List(1, &Kind::Object(&ADDRESS_COMPONENT)),
        ),
        ("isOrdered", Kind::Bool),
        ("countryCode", COUNTRY_CODE),
        ("coordinates", GEO_URI),
        ("timeZone", TIME_ZONE),
        ("contexts", SET),
        ("full", TEXT),
        ("defaultSeparator", TEXT),
        ("pref", PREF),
        ("phoneticScript", WORD),
        ("phoneticSystem", WORD),
    ],
)
.one_of(&[
    "components",
    "coordinates",
    "countryCode",
    "full",
    "timeZone",
])
.rule(components);

/// Section 2.5.1.2.
static ADDRESS_COMPONENT: Type = object(
    "AddressComponent",
    &[("value", TEXT), ("kind", WORD), ("phonetic", TEXT)],
)
.mandatory(&["value", "kind"]);

/// Section 2.6.1.
static CRYPTO_KEY: Type = object("CryptoKey", resource!()).mandatory(&["uri"]);

/// Section 2.6.2.
static DIRECTORY: Type =
    object("Directory", resource!(("listAs", POSITION))).mandatory(&["uri", "kind"]);

/// Section 2.6.3.
static LINK: Type = object("Link", resource!()).mandatory(&["uri"]);

/// Section 2.6.4.
static MEDIA: Type = object("Media", resource!()).mandatory(&["uri", "kind"]);

/// Section 2.8.1.
static ANNIVERSARY: Type = object(
    "Anniversary",
    &[
        ("kind", WORD),
        ("date", Kind::Date),
        ("place", Kind::Object(&ADDRESS)),
    ],
)
.mandatory(&["kind", "date"]);

/// Section 2.8.1: a date, a year, a month of a year, or a day of a month.
pub(crate) static PARTIAL_DATE: Type = object(
    "PartialDate",
    &[
        ("year", Kind::Int(0, MAX_INT)),
        ("month", Kind::Int(1, 12)),
        ("day", Kind::Int(1, 31)),
        ("calendarScale", WORD),
    ],
)
.one_of(&["year", "month"])
.rule(partial_date);

/// Section 2.8.1.
pub(crate) static TIMESTAMP: Type =
    object("Timestamp", &[("utc", UTC_DATE_TIME)]).mandatory(&["utc"]);

/// Section 2.8.3.
static NOTE: Type = object(
    "Note",
    &[
        ("note", TEXT),
        ("created", UTC_DATE_TIME),
        ("author", Kind::Object(&AUTHOR)),
    ],
)
.mandatory(&["note"]);

/// Section 2.8.3.
static AUTHOR: Type = object("Author", &[("name", TEXT), ("uri", URI)]).one_of(&["name", "uri"]);

/// Section 2.8.4.
static PERSONAL_INFO: Type = object(
    "PersonalInfo",
    &[
        ("kind", WORD),
        ("value", TEXT),
        ("level", WORD),
        ("listAs", POSITION),
        ("label", TEXT),
    ],
)
.mandatory(&["kind", "value"]);

#[cfg(test)]
mod tests;
