//! The words of subscriptions and messages.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

macro_rules! words {
    ($(#[doc = $doc:literal])+ $type:ident { $($(#[$of:meta])* $name:ident = $word:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$of])* #[serde(rename = $word)] $name,)+
        }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As the API, the table and the messages write it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// The one that `word` names.
            #[must_use]
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.name() == word)
            }
        }

        // The derive macro does not see through this one.
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                let words = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some(concat!($($doc),+).trim_ascii()))
                    .enum_values(Some([$($word),+]));
                words.into()
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($type))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

words! {
    /// What can happen.
    EventKind {
        /// A contact is new.
        ContactCreated = "contact.created",
        /// A contact changed.
        ContactChanged = "contact.changed",
        /// A contact is gone.
        ContactDeleted = "contact.deleted",
        /// Tomorrow is a contact's birthday.
        ContactBirthday = "contact.birthday",
        /// Tomorrow is another day that comes back every year, such as that of a wedding.
        ContactAnniversary = "contact.anniversary",
        /// The book has another name.
        BookRenamed = "book.renamed",
        /// The book is gone, and the subscription with it.
        BookDeleted = "book.deleted",
        /// A job about the book is done.
        JobSucceeded = "job.succeeded",
        /// A job about the book was given up.
        JobFailed = "job.failed",
        /// Somebody stopped a job about the book.
        JobCancelled = "job.cancelled",
    }
}

impl EventKind {
    /// What happened, as a sentence.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::ContactCreated => "A contact is new.",
            Self::ContactChanged => "A contact changed.",
            Self::ContactDeleted => "A contact is gone.",
            Self::ContactBirthday => "Tomorrow is a contact's birthday.",
            Self::ContactAnniversary => "Tomorrow is another day that comes back every year.",
            Self::BookRenamed => "The book has another name.",
            Self::BookDeleted => "The book is gone, and the subscription with it.",
            Self::JobSucceeded => "A job about the book is done.",
            Self::JobFailed => "A job about the book was given up.",
            Self::JobCancelled => "Somebody stopped a job about the book.",
        }
    }

    /// Whether it comes from the calendar rather than from a write.
    #[must_use]
    pub const fn is_by_day(self) -> bool {
        matches!(self, Self::ContactBirthday | Self::ContactAnniversary)
    }
}

words! {
    /// The way that messages take.
    Channel {
        /// An email, in plain text.
        Email = "email",
        /// A message in an Amazon SQS queue.
        Sqs = "sqs",
        /// A POST to a URL.
        Https = "https",
    }
}

words! {
    /// How much messages say of a contact.
    Detail {
        /// Identifiers alone: nothing personal leaves the service.
        None = "none",
        /// The name as well.
        Name = "name",
    }
}
