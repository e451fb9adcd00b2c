//! Which JSContact member shows which vCard property, and by which parameters (RFC 9555 section 2).

/// Where a property shows in a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// As an object of its own in this map.
    Map(&'static [&'static str]),
    /// As, or within, this member, together with others of this place.
    Member(&'static str),
    /// As the member at this pointer, if it is the first of its name.
    First(&'static str),
    /// Nowhere.
    Nowhere,
}

/// The place of the properties called `name`.
pub(crate) fn place(name: &str) -> Place {
    match name {
        "N" | "FN" => Place::First("name"),
        "KIND" => Place::First("kind"),
        "UID" => Place::First("uid"),
        "PRODID" => Place::First("prodId"),
        "LANGUAGE" => Place::First("language"),
        "CREATED" => Place::First("created"),
        "REV" => Place::First("updated"),
        "GRAMGENDER" => Place::First("speakToAs/grammaticalGender"),
        "CATEGORIES" => Place::Member("keywords"),
        "MEMBER" => Place::Member("members"),
        "RELATED" => Place::Member("relatedTo"),
        "NICKNAME" => Place::Map(&["nicknames"]),
        "ORG" => Place::Map(&["organizations"]),
        "TITLE" | "ROLE" => Place::Map(&["titles"]),
        "EMAIL" => Place::Map(&["emails"]),
        "TEL" => Place::Map(&["phones"]),
        "ADR" | "TZ" | "GEO" => Place::Map(&["addresses"]),
        "IMPP" | "SOCIALPROFILE" => Place::Map(&["onlineServices"]),
        "LANG" => Place::Map(&["preferredLanguages"]),
        "BDAY" | "ANNIVERSARY" | "DEATHDATE" => Place::Map(&["anniversaries"]),
        "NOTE" => Place::Map(&["notes"]),
        "URL" | "CONTACT-URI" => Place::Map(&["links"]),
        "PHOTO" | "LOGO" | "SOUND" => Place::Map(&["media"]),
        "KEY" => Place::Map(&["cryptoKeys"]),
        "SOURCE" | "ORG-DIRECTORY" => Place::Map(&["directories"]),
        "CALURI" | "FBURL" => Place::Map(&["calendars"]),
        "CALADRURI" => Place::Map(&["schedulingAddresses"]),
        "EXPERTISE" | "HOBBY" | "INTEREST" => Place::Map(&["personalInfo"]),
        "PRONOUNS" => Place::Map(&["speakToAs", "pronouns"]),
        _ => Place::Nowhere,
    }
}

/// The members that hold objects made from one property each.
pub(crate) const MAPS: &[&[&str]] = &[
    &["nicknames"],
    &["organizations"],
    &["titles"],
    &["emails"],
    &["phones"],
    &["addresses"],
    &["onlineServices"],
    &["preferredLanguages"],
    &["anniversaries"],
    &["notes"],
    &["links"],
    &["media"],
    &["cryptoKeys"],
    &["directories"],
    &["calendars"],
    &["schedulingAddresses"],
    &["personalInfo"],
    &["speakToAs", "pronouns"],
];

/// The members a card may have, in the order cards made here have them. Others are vendors'.
pub(crate) const MEMBERS: &[&str] = &[
    "@type",
    "version",
    "uid",
    "kind",
    "language",
    "prodId",
    "created",
    "updated",
    "name",
    "nicknames",
    "organizations",
    "titles",
    "speakToAs",
    "emails",
    "phones",
    "onlineServices",
    "addresses",
    "preferredLanguages",
    "anniversaries",
    "keywords",
    "notes",
    "links",
    "media",
    "cryptoKeys",
    "directories",
    "calendars",
    "schedulingAddresses",
    "personalInfo",
    "relatedTo",
    "members",
    "localizations",
    "vCardProps",
];

/// The parameters of `ADR` that show as members of the address (RFC 9555 section 2.4.1).
pub(crate) const ADDRESS_PARAMS: &[(&str, &str)] = &[
    ("LABEL", "full"),
    ("GEO", "coordinates"),
    ("TZ", "timeZone"),
];

/// Whether JSContact shows this parameter of this property (`TYPE` apart: see [`shows_type`]).
pub(crate) fn shows_param(property: &str, param: &str) -> bool {
    match param {
        "PREF" => matches!(
            property,
            "EMAIL"
                | "TEL"
                | "ADR"
                | "NICKNAME"
                | "IMPP"
                | "SOCIALPROFILE"
                | "LANG"
                | "URL"
                | "CONTACT-URI"
                | "PHOTO"
                | "LOGO"
                | "SOUND"
                | "KEY"
                | "SOURCE"
                | "ORG-DIRECTORY"
                | "CALURI"
                | "FBURL"
                | "CALADRURI"
                | "PRONOUNS"
        ),
        "LABEL" => matches!(
            property,
            "EMAIL" | "URL" | "PHOTO" | "LOGO" | "SOUND" | "KEY"
        ),
        "MEDIATYPE" => matches!(
            property,
            "PHOTO" | "LOGO" | "SOUND" | "KEY" | "URL" | "SOURCE"
        ),
        "SORT-AS" => matches!(property, "N" | "ORG"),
        "JSCOMPS" => matches!(property, "N" | "ADR"),
        "CC" => property == "ADR",
        "CALSCALE" => matches!(property, "BDAY" | "ANNIVERSARY" | "DEATHDATE"),
        "LEVEL" | "INDEX" => matches!(property, "EXPERTISE" | "HOBBY" | "INTEREST"),
        "SERVICE-TYPE" | "USERNAME" => matches!(property, "IMPP" | "SOCIALPROFILE"),
        "AUTHOR" | "AUTHOR-NAME" | "CREATED" => property == "NOTE",
        // Whether the value is a user's name, a person's, or a URI.
        "VALUE" => matches!(property, "IMPP" | "SOCIALPROFILE" | "RELATED"),
        _ => false,
    }
}

/// Whether JSContact shows this value of `TYPE`, as a context, a feature or a relation.
pub(crate) fn shows_type(property: &str, value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    match property {
        "TEL" => matches!(
            value.as_str(),
            "home" | "work" | "voice" | "fax" | "cell" | "pager" | "text" | "textphone" | "video"
        ),
        "ADR" => matches!(value.as_str(), "home" | "work" | "billing" | "delivery"),
        "ORG" => value == "work",
        "EMAIL" | "NICKNAME" | "URL" | "KEY" | "CALADRURI" | "FBURL" | "CALURI" | "IMPP"
        | "SOCIALPROFILE" | "LANG" => matches!(value.as_str(), "home" | "work"),
        "RELATED" => true,
        _ => false,
    }
}
