use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use contacts_embedded::{Engine, Server, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::TABLE;

async fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve(Engine::memory().unwrap(), listener).await.unwrap()
}

/// The status line's code for a request written by hand.
async fn knock(server: &Server, authorization: Option<&str>) -> u16 {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let authorization = authorization
        .map(|value| format!("authorization: {value}\r\n"))
        .unwrap_or_default();
    let body = format!("{{\"TableName\":\"{TABLE}\"}}");
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nx-amz-date: 20260101T000000Z\r\n\
         x-amz-target: DynamoDB_20120810.DescribeTable\r\n{authorization}content-length: {}\r\n\r\n{body}",
        server.address(),
        body.len(),
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn describe(client: Client) -> (u16, String) {
    let error = client
        .describe_table()
        .table_name(TABLE)
        .send()
        .await
        .unwrap_err();
    let SdkError::ServiceError(answer) = &error else {
        panic!("expected an answer, got {error:?}");
    };
    let status = answer.raw().status().as_u16();
    (status, error.code().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_request_without_a_signature_is_refused() {
    let server = server().await;
    assert_eq!(knock(&server, None).await, 403);
}

#[tokio::test]
async fn the_key_id_alone_opens_nothing() {
    let server = server().await;
    let id = server.access_key_id();
    let scope = "20260101/us-east-1/dynamodb/aws4_request";
    let headers = "SignedHeaders=host;x-amz-date;x-amz-target";
    for signature in ["", "00", &"0".repeat(64), "not hexadecimal"] {
        let value =
            format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, {headers}, Signature={signature}");
        assert_eq!(knock(&server, Some(&value)).await, 403, "{signature:?}");
    }
    for value in [
        id,
        "Bearer x",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=",
    ] {
        assert_eq!(knock(&server, Some(value)).await, 403, "{value:?}");
    }
}

#[tokio::test]
async fn a_wrong_secret_or_key_id_is_refused() {
    let server = server().await;
    let other = self::server().await;
    let pairs = [
        (server.access_key_id(), other.secret_access_key()),
        (other.access_key_id(), server.secret_access_key()),
        (other.access_key_id(), other.secret_access_key()),
    ];
    for (id, secret) in pairs {
        let credentials = Credentials::new(id, secret, None, None, "test");
        let config = server.config().credentials_provider(credentials).build();
        let (status, code) = describe(Client::from_conf(config)).await;
        assert_eq!(status, 403);
        assert_eq!(code, "UnrecognizedClientException");
    }
}

#[tokio::test]
async fn the_credential_of_this_start_opens_it() {
    let server = server().await;
    let (status, code) = describe(Client::from_conf(server.config().build())).await;
    assert_eq!((status, code.as_str()), (400, "ResourceNotFoundException"));
}

/// The bytes of a request that the SDK signed with this server's credential.
async fn signed_request(server: &Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::from_conf(server.config().endpoint_url(elsewhere).build());
    let sending = tokio::spawn(client.describe_table().table_name(TABLE).send());
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = String::new();
    while !request.ends_with('}') {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).await.unwrap();
        request += std::str::from_utf8(&part[..length]).unwrap();
    }
    sending.abort();
    request
}

async fn send(server: &Server, request: &str) -> u16 {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_signature_is_good_for_its_own_request_only() {
    let server = server().await;
    let request = signed_request(&server).await;
    // The table does not exist, which is only told to whom it may concern.
    assert_eq!(send(&server, &request).await, 400);
    for (from, to) in [
        (TABLE, "contactz"),
        ("DescribeTable", "DeleteTable12"),
        ("us-east-1", "us-east-2"),
        ("x-amz-date: 20", "x-amz-date: 21"),
        ("host: 127", "host: 128"),
    ] {
        let changed = request.replacen(from, to, 1);
        assert_ne!(changed, request, "{from}");
        assert_eq!(send(&server, &changed).await, 403, "{from}");
    }
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refusal = serve(Engine::memory().unwrap(), listener).await;
    assert!(refusal.unwrap_err().to_string().contains("127.0.0.1"));
}

#[tokio::test]
async fn the_secret_is_not_part_of_its_debug_output() {
    let server = server().await;
    assert!(!format!("{server:?}").contains(server.secret_access_key()));
}
