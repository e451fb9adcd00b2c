//! Configuration: read once from the environment, typed and documented.
//!
//! [`Settings::read`] takes every variable of the product from a [`Strings`], which is the process
//! environment in a door and a map in a test. An empty variable counts as unset. A wrong value, or a
//! `CONTACTS_…` variable that nobody reads, is an [`Error`] of one line for the operator.
//!
//! Traces are set by variables that OpenTelemetry names. The standard `AWS_*` variables are read by the AWS
//! SDK and `RUST_LOG` by `contacts-telemetry`.

mod cache;
mod error;
mod objects;
mod secret;
mod source;
mod web;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

pub use cache::CacheServer;
pub use error::Error;
pub use objects::ObjectsUrl;
pub use secret::Secret;
pub use source::Strings;

const LISTEN: &str = "CONTACTS_LISTEN";
const METRICS_LISTEN: &str = "CONTACTS_METRICS_LISTEN";
const DRAIN_S: &str = "CONTACTS_DRAIN_S";
const DATA_DIR: &str = "CONTACTS_DATA_DIR";
const TOKEN: &str = "CONTACTS_TOKEN";
const TABLE: &str = "CONTACTS_TABLE";
const CHANGES_DAYS: &str = "CONTACTS_CHANGES_DAYS";
const QUEUE_URL: &str = "CONTACTS_QUEUE_URL";
const TOPIC_ARN: &str = "CONTACTS_TOPIC_ARN";
const OBJECTS_URL: &str = "CONTACTS_OBJECTS_URL";
const HISTORY_DAYS: &str = "CONTACTS_HISTORY_DAYS";
const FUNCTIONS: &str = "CONTACTS_FUNCTIONS";
const CORS_ORIGINS: &str = "CONTACTS_CORS_ORIGINS";
const CACHE_URL: &str = "CONTACTS_CACHE_URL";
const RATE_LIMIT: &str = "CONTACTS_RATE_LIMIT";
const SITE_SECRET: &str = "CONTACTS_SITE_SECRET";
const OIDC_ISSUER: &str = "CONTACTS_OIDC_ISSUER";
const OIDC_AUDIENCE: &str = "CONTACTS_OIDC_AUDIENCE";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_SAMPLE: &str = "OTEL_TRACES_SAMPLER_ARG";
const TRACES_SERVICE: &str = "OTEL_SERVICE_NAME";

/// Every variable of this product, for finding the one that a misspelt name means.
const KNOWN: [&str; 18] = [
    LISTEN,
    DRAIN_S,
    METRICS_LISTEN,
    DATA_DIR,
    TOKEN,
    TABLE,
    CHANGES_DAYS,
    QUEUE_URL,
    TOPIC_ARN,
    OBJECTS_URL,
    HISTORY_DAYS,
    FUNCTIONS,
    CORS_ORIGINS,
    CACHE_URL,
    RATE_LIMIT,
    SITE_SECRET,
    OIDC_ISSUER,
    OIDC_AUDIENCE,
];

/// The program that reads its settings: some variables are required of one and not of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `api-lambda`.
    Lambda,
    /// `api-container`.
    Container,
    /// `worker-lambda`.
    WorkerLambda,
    /// `worker-container`.
    WorkerContainer,
    /// `standalone`.
    Standalone,
}

/// All settings. A door uses those that concern it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the process listens (container and standalone).
    pub listen: Listen,
    /// Where the data is kept (standalone).
    pub data: Data,
    /// `CONTACTS_TOKEN`: the owner's personal access token, `cm_` and at least 40 characters of
    /// `A-Z a-z 0-9 - _`. No default: standalone then makes one at its first start.
    pub token: Option<Secret>,
    /// The DynamoDB table.
    pub table: Table,
    /// `CONTACTS_QUEUE_URL`: the SQS queue of the workers, as SQS names it. Default: none, so that
    /// messages are rows of the table; required in `worker-lambda`, which SQS calls.
    pub queue_url: Option<String>,
    /// `CONTACTS_TOPIC_ARN`: the standard topic of Amazon SNS through which events are sent. Default:
    /// none, so that the process itself calls the URLs that are subscribed, and nothing else can be.
    pub topic_arn: Option<String>,
    /// The history of figures.
    pub history: History,
    /// What browsers may do.
    pub http: Http,
    /// `CONTACTS_CACHE_URL`: the Valkey or Redis server that all processes share,
    /// `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS. Default: none, so
    /// that each process remembers and counts for itself.
    pub cache: Option<CacheServer>,
    /// How much anybody may ask for.
    pub limits: Limits,
    /// The OpenID provider whose tokens are accepted. None: personal access tokens alone.
    pub oidc: Option<Oidc>,
    /// Where traces go. None: nothing is traced.
    pub traces: Option<TraceSettings>,
}

/// Traces by OpenTelemetry (OpenTelemetry Specification, "Environment Variable Specification" and
/// "OpenTelemetry Protocol Exporter").
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSettings {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: the URL of a collector that takes OTLP over HTTP, without
    /// `/v1/traces`. Default: none, so that nothing is traced.
    pub endpoint: String,
    /// `OTEL_TRACES_SAMPLER_ARG`: the share of requests that are traced, 0 to 1. Default 0.05.
    pub sample: f64,
    /// `OTEL_SERVICE_NAME`: what this program is called in traces, 1 to 255 printable ASCII
    /// characters. Default by the door: `contact-manager-api`, `contact-manager-worker`, or
    /// `contact-manager` in standalone.
    pub service: String,
}

/// The addresses of the two listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// `CONTACTS_LISTEN`: address and port of the API. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// `CONTACTS_METRICS_LISTEN`: address and port of `/metrics`. Default `127.0.0.1:5000`.
    pub metrics: SocketAddr,
    /// `CONTACTS_DRAIN_S`: for how long after SIGTERM the API goes on accepting connections, 0 to 60
    /// seconds: a load balancer sends some for as long as it has not heard that this task leaves.
    /// Default 15, in standalone 0.
    pub linger: Duration,
}

/// The data folder of the embedded database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// `CONTACTS_DATA_DIR`: a folder, made if it is missing. Default `./data`.
    pub dir: PathBuf,
}

/// The DynamoDB table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// `CONTACTS_TABLE`: the table's name, 3 to 255 characters of `A-Z a-z 0-9 . - _`
    /// (Amazon DynamoDB Developer Guide, "Naming rules"). Default `contacts` in standalone;
    /// required on Lambda and in the container.
    pub name: String,
    /// `CONTACTS_CHANGES_DAYS`: how long the change log is kept, in days, 1 to 3650. Default 90.
    pub changes_days: u32,
}

/// The history of figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// `CONTACTS_OBJECTS_URL`: where files are kept, `s3://bucket[/prefix]` or `file:///folder`. Default:
    /// the folder `objects` of the data folder in standalone, else none, so that no history is kept.
    pub objects: Option<ObjectsUrl>,
    /// `CONTACTS_HISTORY_DAYS`: how long hours and days are kept, 7 to 3650 days; minutes are for 7. Default
    /// 400.
    pub days: u32,
    /// `CONTACTS_FUNCTIONS`: names of Lambda functions, separated by commas, whose minutes the worker takes
    /// from `CloudWatch`: no function lives for a minute. Default: none.
    pub functions: Vec<String>,
}

/// Cross-origin access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http {
    /// `CONTACTS_CORS_ORIGINS`: origins separated by commas, each `scheme://host[:port]`, kept as a
    /// browser sends them (RFC 6454, section 6.2: lower case, no default port). Default: none, so
    /// that no other origin is allowed.
    pub cors_origins: Vec<String>,
}

/// The rate limits.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `CONTACTS_RATE_LIMIT`: requests per second of one token, and of one address without a valid
    /// token; 1 to 10,000, None for `0`, which is off. Default `0` in standalone, else `50`.
    pub rate: Option<NonZeroU32>,
    /// How the address of a client is known.
    pub client: ClientAddress,
}

/// How the address of a client is known.
#[derive(Clone, Debug)]
pub enum ClientAddress {
    /// By the last entry of `X-Forwarded-For`, which the load balancer writes (Elastic Load
    /// Balancing, "HTTP headers and Application Load Balancers").
    Forwarded {
        /// `CONTACTS_SITE_SECRET`: what a site, such as a distribution of `CloudFront`, that hands
        /// requests on to the load balancer shows in `X-Contacts-Site`; at least 32 characters of
        /// `A-Z a-z 0-9 - _`. Beside it, and only there, the address is the one in
        /// `X-Contacts-Viewer`. Default: none, so that neither header says anything.
        site_secret: Option<Secret>,
    },
    /// By the connection: nobody trustworthy writes that header.
    Peer,
}

/// The OpenID provider. Both variables are set, or neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// `CONTACTS_OIDC_ISSUER`: the issuer, an `https` URL without query or fragment (`http` for
    /// loopback hosts), exactly as the `iss` claim has it.
    pub issuer: String,
    /// `CONTACTS_OIDC_AUDIENCE`: what the `aud` claim must contain.
    pub audience: String,
}

impl Settings {
    /// Reads the process environment.
    ///
    /// # Errors
    /// The first variable that is missing, wrong or unknown.
    pub fn from_env(door: Door) -> Result<Self, Error> {
        Self::read(door, &Strings::env())
    }

    /// Reads `strings`.
    ///
    /// # Errors
    /// The first variable that is missing, wrong or unknown.
    pub fn read(door: Door, strings: &Strings) -> Result<Self, Error> {
        strings.refuse_unknown(&KNOWN)?;
        Ok(Self {
            listen: Listen {
                listen: address(strings, LISTEN, 8080)?,
                metrics: address(strings, METRICS_LISTEN, 5000)?,
                linger: linger(door, strings)?,
            },
            data: Data {
                dir: data_dir(strings),
            },
            token: token(strings)?,
            table: Table {
                name: table_name(door, strings)?,
                changes_days: changes_days(strings)?,
            },
            queue_url: queue_url(door, strings)?,
            topic_arn: topic_arn(strings)?,
            history: History {
                objects: objects(door, strings)?,
                days: history_days(strings)?,
                functions: functions(strings)?,
            },
            http: Http {
                cors_origins: cors_origins(strings)?,
            },
            cache: cache::server(strings, CACHE_URL)?,
            limits: limits(door, strings)?,
            oidc: oidc(strings)?,
            traces: traces(door, strings)?,
        })
    }
}

fn address(strings: &Strings, variable: &'static str, port: u16) -> Result<SocketAddr, Error> {
    strings
        .parse(
            variable,
            "an IP address and a port, such as 127.0.0.1:8080 or [::]:8080",
            |text| text.parse().ok(),
        )
        .map(|address| address.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, port).into()))
}

fn data_dir(strings: &Strings) -> PathBuf {
    strings
        .os(DATA_DIR)
        .map_or_else(|| PathBuf::from("./data"), PathBuf::from)
}

fn linger(door: Door, strings: &Strings) -> Result<Duration, Error> {
    let seconds = strings.parse(DRAIN_S, "a number of seconds from 0 to 60", |text| {
        text.parse().ok().filter(|seconds| *seconds <= 60)
    })?;
    let usual = match door {
        Door::Standalone => 0,
        _ => 15,
    };
    Ok(Duration::from_secs(seconds.unwrap_or(usual)))
}

fn token(strings: &Strings) -> Result<Option<Secret>, Error> {
    strings.parse_secret(
        TOKEN,
        "cm_ followed by at least 40 characters of A-Z a-z 0-9 - _",
        |text| {
            let random = text.strip_prefix("cm_")?;
            (random.len() >= 40 && random.bytes().all(is_url_safe)).then(|| Secret::new(text))
        },
    )
}

fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn table_name(door: Door, strings: &Strings) -> Result<String, Error> {
    const SHOULD: &str = "the DynamoDB table's name: 3 to 255 characters of A-Z a-z 0-9 . - _";
    let name = strings.parse(TABLE, SHOULD, |text| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        ((3..=255).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
    })?;
    match (name, door) {
        (Some(name), _) => Ok(name),
        (None, Door::Standalone) => Ok("contacts".to_owned()),
        (None, _) => Err(Error::Missing {
            variable: TABLE,
            should: SHOULD,
        }),
    }
}

fn changes_days(strings: &Strings) -> Result<u32, Error> {
    strings
        .parse(CHANGES_DAYS, "a number of days from 1 to 3650", |text| {
            text.parse().ok().filter(|days| (1..=3650).contains(days))
        })
        .map(|days| days.unwrap_or(90))
}

fn queue_url(door: Door, strings: &Strings) -> Result<Option<String>, Error> {
    const SHOULD: &str = "the URL of the SQS queue, http(s)://host/…";
    let url = strings.parse(QUEUE_URL, SHOULD, |text| {
        web::is_url(text).then(|| text.to_owned())
    })?;
    match (url, door) {
        (None, Door::WorkerLambda) => Err(Error::Missing {
            variable: QUEUE_URL,
            should: SHOULD,
        }),
        (url, _) => Ok(url),
    }
}

fn topic_arn(strings: &Strings) -> Result<Option<String>, Error> {
    strings.parse(
        TOPIC_ARN,
        "the ARN of a standard SNS topic, such as arn:aws:sns:eu-central-1:123456789012:contacts",
        |text| {
            let parts: Vec<&str> = text.split(':').collect();
            let ["arn", partition, "sns", region, account, name] = parts[..] else {
                return None;
            };
            let is_word = |word: &str| !word.is_empty() && word.bytes().all(is_url_safe);
            let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
            let is_topic = is_account && [partition, region, name].into_iter().all(is_word);
            is_topic.then(|| text.to_owned())
        },
    )
}

fn objects(door: Door, strings: &Strings) -> Result<Option<ObjectsUrl>, Error> {
    let url = strings.parse(OBJECTS_URL, objects::SHOULD, objects::read)?;
    Ok(match (url, door) {
        (None, Door::Standalone) => Some(ObjectsUrl::Folder(data_dir(strings).join("objects"))),
        (url, _) => url,
    })
}

fn history_days(strings: &Strings) -> Result<u32, Error> {
    strings
        .parse(HISTORY_DAYS, "a number of days from 7 to 3650", |text| {
            text.parse().ok().filter(|days| (7..=3650).contains(days))
        })
        .map(|days| days.unwrap_or(400))
}

fn functions(strings: &Strings) -> Result<Vec<String>, Error> {
    strings
        .parse(
            FUNCTIONS,
            "names of Lambda functions separated by commas, each of at most 64 characters of A-Z a-z 0-9 - _",
            |text| {
                let is_name =
                    |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(is_url_safe);
                let names = text.split(',').map(str::trim);
                names
                    .map(|name| is_name(name).then(|| name.to_owned()))
                    .collect()
            },
        )
        .map(Option::unwrap_or_default)
}

fn cors_origins(strings: &Strings) -> Result<Vec<String>, Error> {
    strings
        .parse(
            CORS_ORIGINS,
            "origins separated by commas, each http(s)://host[:port] without a path",
            |text| text.split(',').map(|one| web::origin(one.trim())).collect(),
        )
        .map(Option::unwrap_or_default)
}

fn limits(door: Door, strings: &Strings) -> Result<Limits, Error> {
    let rate = strings.parse(
        RATE_LIMIT,
        "a number of requests per second from 1 to 10000, or 0 for no limit",
        |text| text.parse().ok().filter(|rate| *rate <= 10_000),
    )?;
    let site_secret = strings.parse_secret(
        SITE_SECRET,
        "at least 32 characters of A-Z a-z 0-9 - _",
        |text| (text.len() >= 32 && text.bytes().all(is_url_safe)).then(|| Secret::new(text)),
    )?;
    let (rate, client) = match door {
        Door::Standalone => (rate.unwrap_or(0), ClientAddress::Peer),
        _ => (rate.unwrap_or(50), ClientAddress::Forwarded { site_secret }),
    };
    Ok(Limits {
        rate: NonZeroU32::new(rate),
        client,
    })
}

fn oidc(strings: &Strings) -> Result<Option<Oidc>, Error> {
    const ISSUER: &str = "the issuer's https URL without query or fragment (http for loopback)";
    const AUDIENCE: &str =
        "the audience that tokens must name, because CONTACTS_OIDC_ISSUER is set";
    let issuer = strings.parse(OIDC_ISSUER, ISSUER, |text| {
        web::is_issuer(text).then(|| text.to_owned())
    })?;
    let audience = strings.parse(OIDC_AUDIENCE, AUDIENCE, |text| Some(text.to_owned()))?;
    match (issuer, audience) {
        (Some(issuer), Some(audience)) => Ok(Some(Oidc { issuer, audience })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Error::Missing {
            variable: OIDC_AUDIENCE,
            should: AUDIENCE,
        }),
        (None, Some(_)) => Err(Error::Missing {
            variable: OIDC_ISSUER,
            should: ISSUER,
        }),
    }
}

fn traces(door: Door, strings: &Strings) -> Result<Option<TraceSettings>, Error> {
    let endpoint = strings.parse(
        TRACES_ENDPOINT,
        "the URL of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318",
        |text| web::is_base(text).then(|| text.to_owned()),
    )?;
    let sample = strings.parse(
        TRACES_SAMPLE,
        "the share of requests that are traced, a number from 0 to 1",
        |text| {
            let sample = text.parse().ok();
            sample.filter(|sample| (0.0..=1.0).contains(sample))
        },
    )?;
    let service = strings.parse(
        TRACES_SERVICE,
        "a name of 1 to 255 printable ASCII characters",
        |text| {
            let fits = text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic());
            fits.then(|| text.to_owned())
        },
    )?;
    let usual = match door {
        Door::Lambda | Door::Container => "contact-manager-api",
        Door::WorkerLambda | Door::WorkerContainer => "contact-manager-worker",
        Door::Standalone => "contact-manager",
    };
    Ok(endpoint.map(|endpoint| TraceSettings {
        endpoint,
        sample: sample.unwrap_or(0.05),
        service: service.unwrap_or_else(|| usual.to_owned()),
    }))
}

#[cfg(test)]
mod tests;
