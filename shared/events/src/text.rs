//! What a message says, as an email in plain text.

use jiff::{Timestamp, tz::TimeZone};

use crate::{EventKind, Message};

/// The subject: one line of ASCII, at most 100 characters (Amazon SNS API Reference, "Publish"), with
/// nothing personal, since it is shown on locked screens.
pub(crate) fn subject(message: &Message) -> String {
    let what = match message.kind {
        EventKind::ContactCreated => "a contact was created",
        EventKind::ContactChanged => "a contact was changed",
        EventKind::ContactDeleted => "a contact was deleted",
        EventKind::ContactBirthday => "a birthday tomorrow",
        EventKind::ContactAnniversary => "an anniversary tomorrow",
        EventKind::BookRenamed => "the book was renamed",
        EventKind::BookDeleted => "the book was deleted",
        EventKind::JobSucceeded => "a job is done",
        EventKind::JobFailed => "a job failed",
        EventKind::JobCancelled => "a job was stopped",
    };
    format!("Address book: {what}")
}

/// The body: what happened, when, where to look, and how to stop it.
pub(crate) fn body(message: &Message, at: Timestamp, zone: &TimeZone) -> String {
    let contact = message.contact.as_ref();
    let name = contact
        .and_then(|contact| contact.name.as_deref())
        .map(line)
        .filter(|name| !name.is_empty());
    let who = name.as_deref().unwrap_or("a contact");
    let day = message.anniversary.as_ref();
    let date = day.map(|day| day.date.as_str()).unwrap_or_default();
    let job = message.job.as_ref();
    let kind = job.map(|job| job.kind.as_str()).unwrap_or_default();
    let what = match message.kind {
        EventKind::ContactCreated => format!("New in the address book: {who}."),
        EventKind::ContactChanged => format!("Changed in the address book: {who}."),
        EventKind::ContactDeleted => "A contact was deleted from the address book.".to_owned(),
        EventKind::ContactBirthday => format!("Tomorrow, {date}, is the birthday of {who}."),
        EventKind::ContactAnniversary => {
            let of = match day.map(|day| day.kind.as_str()) {
                Some("wedding") => "a wedding anniversary",
                Some("death") => "an anniversary of death",
                _ => "an anniversary",
            };
            format!("Tomorrow, {date}, is {of}: {who}.")
        }
        EventKind::BookRenamed => match &message.name {
            Some(name) => format!("The address book is now called {}.", line(name)),
            None => "The address book has another name.".to_owned(),
        },
        EventKind::BookDeleted => {
            "The address book was deleted, and this subscription with it.".to_owned()
        }
        EventKind::JobSucceeded => format!("The job {kind} is done."),
        EventKind::JobFailed => format!("The job {kind} failed; the job itself says what to do."),
        EventKind::JobCancelled => format!("The job {kind} was stopped."),
    };
    let book = format!("/v1/books/{}", message.book);
    let look = match (message.kind, contact, job) {
        (EventKind::BookDeleted, ..) => None,
        (EventKind::ContactDeleted, ..) => Some(format!("{book}/changes")),
        (_, Some(contact), _) => Some(format!("{book}/contacts/{}", contact.id)),
        (_, _, Some(job)) => Some(format!("/v1/jobs/{}", job.id)),
        _ => Some(book),
    };
    let when = at.to_zoned(zone.clone());
    let mut text = format!("{what}\n\nWhen:   {}", when.strftime("%Y-%m-%d %H:%M %Z"));
    if let Some(look) = look {
        text += &format!("\nLook:   GET {look}");
    }
    text += &format!(
        "\nEvent:  {} {}, number {}\n",
        message.kind, message.id, message.sequence
    );
    if message.kind != EventKind::BookDeleted {
        text += &format!(
            "\nYou get this because this address is subscribed to the address book. To stop it:\n\
             DELETE /v1/subscriptions/{}\nor follow the link below, which stops all messages to this \
             address.\n",
            message.subscription
        );
    }
    text
}

/// A name on one line.
fn line(name: &str) -> String {
    name.split(char::is_control)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: EventKind) -> Message {
        Message::example(kind)
    }

    #[test]
    fn every_subject_is_a_short_line_of_ascii() {
        for kind in EventKind::ALL {
            let subject = subject(&of(*kind));
            assert!(subject.len() <= 100 && subject.is_ascii(), "{subject}");
            assert!(!subject.contains('\n') && !subject.starts_with(' '));
        }
    }

    #[test]
    fn a_body_says_what_happened_where_to_look_and_how_to_stop_it() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = "2026-01-02T23:30:00Z".parse().unwrap();
        let text = body(&of(EventKind::ContactChanged), at, &berlin);
        let wanted = "Changed in the address book: Ada Lovelace.\n\n\
            When:   2026-01-03 00:30 CET\n\
            Look:   GET /v1/books/5l2c8v0q6m1t4s9r3n7p0k2j8g/contacts/7h3k9m2p5r8t1v4c6e0g2j5l8o\n\
            Event:  contact.changed 2m5p8s1u4a7d0g3j6m9p2s5v8g, number 42\n\n\
            You get this because this address is subscribed to the address book. To stop it:\n\
            DELETE /v1/subscriptions/0k3n6q9t2v5a8d1g4j7m0p3s6u\n\
            or follow the link below, which stops all messages to this address.\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_name_stays_on_its_line() {
        let mut message = of(EventKind::ContactCreated);
        let contact = message.contact.as_mut().unwrap();
        contact.name = Some("Ada\r\n\r\nPlease pay\u{0}".to_owned());
        let text = body(&message, Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        assert!(
            text.starts_with("New in the address book: Ada Please pay.\n"),
            "{text}"
        );
    }
}
