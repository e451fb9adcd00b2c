//! moto's SQS, SNS, S3 and `CloudWatch`, as a process of its own on a loopback port.
//!
//! A queue that subscribes is confirmed at once; an email address and a URL are when [`Moto::confirm`]
//! says so, and what they are sent is in [`Moto::mailbox`].
//!
//! What it does not do as AWS does, and a test must therefore not rest on: no confirmation is sent,
//! and none runs out, no policy is enforced, and an old receipt handle still works.

mod queue;

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider, StalledStreamProtectionConfig};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::client::{Client, Request};
use crate::dynamodb_local::Endpoint;
use crate::faults::Faults;
use crate::tools::{Script, program};

pub use queue::{Counts, Queue};

const REGION: &str = "us-east-1";

/// How often a message of [`Moto::queue`] is received before it is a dead letter.
pub const MAX_RECEIVES: u32 = 5;

/// A running moto, or a way to it. It ends when the last clone is dropped or this process dies.
#[derive(Clone, Debug)]
pub struct Moto {
    endpoint: Endpoint,
    script: Arc<Mutex<Script>>,
}

impl Moto {
    /// Starts one and returns when it answers. Blocks for some seconds.
    ///
    /// # Errors
    /// If it is not installed.
    pub fn start() -> Result<Self> {
        let script = crate::repository().join("tests/src/moto/server.py");
        let (script, url) =
            Script::start(Command::new(python()?).arg(script)).context("cannot run moto")?;
        Ok(Self {
            endpoint: Endpoint {
                url: url.as_str().context("moto's URL is text")?.to_owned(),
                access_key_id: "test".into(),
                secret_access_key: "test".into(),
            },
            script: Arc::new(Mutex::new(script)),
        })
    }

    /// Its base, `http://host:port`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.endpoint.url
    }

    /// The environment variables by which an AWS SDK in another process finds it. Neither region nor
    /// credential is among them: moto takes any, and [`Endpoint::environment`] has the database's.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        ["CLOUDWATCH", "S3", "SNS", "SQS"]
            .map(|service| {
                let name = format!("AWS_ENDPOINT_URL_{service}");
                (name, self.endpoint.url.clone())
            })
            .to_vec()
    }

    /// A fault proxy in front of it, and the way through it. Queue URLs name the way by which they
    /// were asked for, and are good on either.
    ///
    /// # Errors
    /// As with [`Faults::start`].
    pub async fn behind_faults(&self, seed: u64) -> Result<(Faults, Self)> {
        let faults = Faults::start(&self.endpoint, seed).await?;
        let through = Self {
            endpoint: faults.endpoint(),
            ..self.clone()
        };
        Ok((faults, through))
    }

    /// The SDK's client for SQS.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config())
    }

    /// The SDK's client for SNS.
    #[must_use]
    pub fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config())
    }

    /// Confirms the subscriptions of this address, as its owner would by the link in a message.
    ///
    /// # Errors
    /// If it has none.
    pub fn confirm(&self, address: &str) -> Result<()> {
        let confirmed = self.tell(&json!({"confirm": address}))?;
        ensure!(confirmed != 0, "{address} has no subscription");
        Ok(())
    }

    /// Drops the subscriptions of this address, as its owner can, and as SNS does with those that
    /// nobody confirms.
    ///
    /// # Errors
    /// If it has none.
    pub fn forget(&self, address: &str) -> Result<()> {
        let forgotten = self.tell(&json!({"forget": address}))?;
        ensure!(forgotten != 0, "{address} has no subscription");
        Ok(())
    }

    /// What was sent to this email address or URL, in order, each as `{"subject", "body"}`.
    ///
    /// # Errors
    /// If moto has ended.
    pub fn mailbox(&self, address: &str) -> Result<Vec<Value>> {
        let mail = self.tell(&json!({"mailbox": address}))?;
        Ok(mail.as_array().context("a mailbox is a list")?.clone())
    }

    /// The addresses that are subscribed to a topic, confirmed or not.
    ///
    /// # Errors
    /// If moto has ended.
    pub fn endpoints(&self, topic: &Topic) -> Result<Vec<Value>> {
        let endpoints = self.tell(&json!({"endpoints": topic.arn()}))?;
        Ok(endpoints.as_array().context("it is a list")?.clone())
    }

    /// From now on a topic takes so many filter policies.
    ///
    /// # Errors
    /// If moto has ended.
    pub fn limit_policies(&self, count: usize) -> Result<()> {
        self.tell(&json!({"policies": count})).map(drop)
    }

    /// The next so many entries of `PublishBatch` fail on the side of SNS, whatever the others do.
    ///
    /// # Errors
    /// If moto has ended.
    pub fn fail_entries(&self, count: usize) -> Result<()> {
        self.tell(&json!({"failing": count})).map(drop)
    }

    /// Says one line to `tests/src/moto/server.py`, and waits for the answer.
    ///
    /// # Errors
    /// If moto has ended, or says one.
    pub fn tell(&self, line: &Value) -> Result<Value> {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.ask(line)
    }

    /// An SDK configuration that reaches it.
    #[must_use]
    pub fn config(&self) -> SdkConfig {
        let Endpoint {
            url,
            access_key_id,
            secret_access_key,
        } = &self.endpoint;
        let credentials = Credentials::new(access_key_id, secret_access_key, None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .endpoint_url(url)
            .build()
    }

    /// A new standard queue with this visibility time-out (whole seconds), from which a message goes
    /// to a dead-letter queue of its own after [`MAX_RECEIVES`] receives.
    ///
    /// # Errors
    /// If moto cannot be reached, or has a queue of that name with other attributes.
    pub async fn queue(&self, name: &str, visibility: Duration) -> Result<Queue> {
        let dead = Queue::create(self.sqs(), &Queue::dead_name(name), []).await?;
        let redrive = json!({"deadLetterTargetArn": dead.arn(), "maxReceiveCount": MAX_RECEIVES});
        let attributes = [
            (
                QueueAttributeName::VisibilityTimeout,
                visibility.as_secs().to_string(),
            ),
            (QueueAttributeName::RedrivePolicy, redrive.to_string()),
        ];
        Queue::create(self.sqs(), name, attributes).await
    }

    /// The queue of this ARN.
    pub(crate) async fn queue_of(&self, arn: &str) -> Result<Queue> {
        let name = arn.rsplit(':').next().unwrap_or_default();
        Queue::find(self.sqs(), name).await
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// If moto cannot be reached.
    pub async fn bucket(&self, name: &str) -> Result<()> {
        self.request("PUT", &format!("/{name}"), "s3", "", &[])
            .await
    }

    /// Puts a value of a metric with one dimension at a time in seconds since 1970, as `PutMetricData` does.
    ///
    /// # Errors
    /// If moto cannot be reached.
    pub async fn measure(
        &self,
        namespace: &str,
        metric: &str,
        dimension: (&str, &str),
        time: i64,
        value: f64,
    ) -> Result<()> {
        let body = json!({
            "Namespace": namespace,
            "MetricData": [{
                "MetricName": metric,
                "Dimensions": [{"Name": dimension.0, "Value": dimension.1}],
                "Timestamp": time,
                "Value": value,
            }],
        });
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            (
                "x-amz-target",
                "GraniteServiceVersion20100801.PutMetricData",
            ),
        ];
        let body = body.to_string();
        self.request("POST", "/", "monitoring", &body, &headers)
            .await
    }

    /// A request of which moto wants to know no more than its service: it verifies no signature.
    async fn request(
        &self,
        method: &str,
        path: &str,
        service: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Result<()> {
        let host = self.url().trim_start_matches("http://");
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        );
        let mut request = Request::new(method, path)
            .header("host", host)
            .header("authorization", &credential);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body = body.as_bytes().to_vec();
        let answer = Client::new(host.parse()?).send(&request).await?;
        let said = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200, "{} {said}", answer.status);
        Ok(())
    }

    /// A new standard topic.
    ///
    /// # Errors
    /// If moto cannot be reached.
    pub async fn topic(&self, name: &str) -> Result<Topic> {
        let sns = self.sns();
        let created = sns.create_topic().name(name).send().await?;
        let arn = created.topic_arn.context("the topic has an ARN")?;
        Ok(Topic { sns, arn })
    }
}

/// The moto that all tests of one binary share, started by the first that asks. Each test uses
/// queues and topics of its own.
///
/// # Panics
/// If it cannot be started; the message says why.
pub async fn shared() -> Moto {
    static SHARED: OnceCell<Moto> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            tokio::task::spawn_blocking(Moto::start)
                .await
                .expect("starting it does not panic")
                .unwrap_or_else(|error| panic!("{error:#}"))
        })
        .await
        .clone()
}

/// An email.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// What it is about, at most 100 characters of ASCII by way of SNS.
    pub subject: String,
    /// The rest.
    pub body: String,
}

/// A topic, and how to read what is published to it.
#[derive(Clone, Debug)]
pub struct Topic {
    sns: aws_sdk_sns::Client,
    arn: String,
}

impl Topic {
    /// Its name to AWS.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Subscribes a queue with raw message delivery, and with a filter policy on the message
    /// attributes if there is one. Returns the subscription's ARN.
    ///
    /// # Errors
    /// If the policy is not valid.
    pub async fn subscribe(&self, queue: &Queue, filter: Option<&Value>) -> Result<String> {
        let subscribe = self
            .sns
            .subscribe()
            .topic_arn(&self.arn)
            .protocol("sqs")
            .endpoint(queue.arn())
            .return_subscription_arn(true)
            .attributes("RawMessageDelivery", "true");
        let subscribe = filter.into_iter().fold(subscribe, |subscribe, filter| {
            subscribe.attributes("FilterPolicy", filter.to_string())
        });
        let done = subscribe.send().await?;
        done.subscription_arn.context("the subscription has an ARN")
    }
}

/// The Python that has moto: on the path that the Makefile sets, or where it puts it.
///
/// # Errors
/// If there is none.
pub fn python() -> Result<PathBuf> {
    Ok(program(&["moto_server"])?.with_file_name("python3"))
}
