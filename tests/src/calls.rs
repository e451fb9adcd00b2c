//! Who calls what of AWS: `calls.txt` is the list, and requests are told apart by the application that
//! their SDK names.

use std::collections::BTreeSet;

use http::HeaderMap;
use serde_json::Value;

use crate::faults::call::{Call, Service};

const LIST: &str = include_str!("calls.txt");

/// Whose permissions a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The function or the task behind the load balancer.
    Api,
    /// The function or the task behind the queue.
    Worker,
    /// Somebody who runs a command of the worker by hand.
    Operator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Api, Self::Worker, Self::Operator];

    /// As the list writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Operator => "operator",
        }
    }

    /// The environment variable by which the SDK of a program names it in each request (AWS SDKs and
    /// Tools Reference Guide, "Application ID").
    #[must_use]
    pub fn environment(self) -> (String, String) {
        ("AWS_SDK_UA_APP_ID".to_owned(), self.name().to_owned())
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Who sent a request; nobody of these for the tests' own clients.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let agent = headers.get("x-amz-user-agent")?.to_str().ok()?;
        let application = agent.split(' ').find_map(|word| word.strip_prefix("app/"));
        Self::named(application?)
    }
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The service and the operation, as in `sqs:SendMessage`.
    pub call: &'static str,
    /// The kind of resource: `table`, `queue`, `dead-letters`, `topic`, `subscription`, `objects`, `bucket` or
    /// `metrics`.
    pub on: &'static str,
    /// The action by which IAM allows it.
    pub action: &'static str,
    /// Who makes it.
    pub by: Vec<Role>,
}

/// The list.
///
/// # Panics
/// If a line of it is none.
#[must_use]
pub fn lines() -> Vec<Line> {
    let lines = LIST
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = |line: &'static str| {
        let mut words = line.split_whitespace();
        Some(Line {
            call: words.next()?,
            on: words.next()?,
            action: words.next()?,
            by: words.map(Role::named).collect::<Option<_>>()?,
        })
    };
    lines
        .map(|line| read(line).unwrap_or_else(|| panic!("calls.txt: {line:?} is no call")))
        .collect()
}

/// A call that was made, by whom, and on what kind of resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Made {
    /// Who made it.
    pub by: Role,
    /// As in [`Line::call`].
    pub call: String,
    /// As in [`Line::on`].
    pub on: &'static str,
}

impl Made {
    /// Whether it is on the list.
    pub(crate) fn is_listed(&self, lines: &[Line]) -> bool {
        lines
            .iter()
            .any(|line| line.call == self.call && line.on == self.on && line.by.contains(&self.by))
    }
}

/// What a request calls: of a transaction, each of its actions.
pub(crate) fn made(by: Role, request: &Call) -> BTreeSet<Made> {
    let Call {
        service,
        operation,
        parameters,
    } = request;
    let text = |name: &str| parameters[name].as_str();
    let (service, on) = match service {
        Service::DynamoDb => ("dynamodb", "table"),
        Service::Sqs => {
            let queue = text("QueueUrl").or(text("QueueName"));
            let is_dead = queue.is_some_and(|queue| queue.ends_with("-dead"));
            ("sqs", if is_dead { "dead-letters" } else { "queue" })
        }
        Service::S3 if text("Key") == Some("") => ("s3", "bucket"),
        Service::S3 if text("Key").is_some_and(|key| key.starts_with("system/")) => {
            ("s3", "objects")
        }
        Service::S3 => ("s3", "other objects"),
        Service::CloudWatch => ("cloudwatch", "metrics"),
        Service::Sns if text("SubscriptionArn").is_some() => ("sns", "subscription"),
        Service::Sns => ("sns", "topic"),
    };
    let parts: Vec<&str> = match &parameters["TransactItems"] {
        Value::Array(actions) => actions
            .iter()
            .filter_map(|action| Some(action.as_object()?.keys().next()?.as_str()))
            .collect(),
        _ => text("Protocol").into_iter().collect(),
    };
    let call = |part: Option<&str>| Made {
        by,
        call: match part {
            Some(part) => format!("{service}:{operation}/{part}"),
            None => format!("{service}:{operation}"),
        },
        on,
    };
    if parts.is_empty() {
        BTreeSet::from([call(None)])
    } else {
        parts.into_iter().map(Some).map(call).collect()
    }
}
