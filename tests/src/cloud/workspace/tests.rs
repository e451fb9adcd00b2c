use super::*;

const QUERY: &str = "/workspaces/ws-1/api/v1/query?query=up%7Bjob%3D%22a%20b%22%7D";
const ALERTS: &str = "/workspaces/ws-1/alertmanager/api/v2/alerts";

/// A front before a program that answers whatever it is asked with the method and the target.
async fn front() -> Front {
    let moto = tokio::task::spawn_blocking(Moto::start).await.unwrap();
    let front = Front::start(&moto.unwrap()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo = Router::new().fallback(async |method: Method, uri: Uri| format!("{method} {uri}"));
    tokio::spawn(async move { axum::serve(listener, echo).await });
    let mut state = front.state();
    (state.prometheus, state.alertmanager) = (Some(address), Some(address));
    drop(state);
    front
}

fn signed_with(
    (key, secret): (&str, &str),
    service: &str,
    method: &str,
    host: SocketAddr,
    path: &str,
) -> Request {
    let identity = aws_credential_types::Credentials::new(key, secret, None, None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let target = format!("http://{host}{path}");
    let body = SignableBody::Bytes(&[]);
    let signable = SignableRequest::new(method, &target, [].into_iter(), body).unwrap();
    let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
    let mut request = Request::new(method, path);
    for (name, value) in instructions.headers() {
        request = request.header(name, value);
    }
    request
}

#[tokio::test]
async fn what_the_operator_has_signed_reaches_the_program_that_it_is_for() {
    let front = front().await;
    let silence = "/workspaces/ws-1/alertmanager/api/v2/silence/1-2";
    for (method, path, reached) in [
        (
            "GET",
            QUERY,
            "GET /api/v1/query?query=up%7Bjob%3D%22a%20b%22%7D",
        ),
        (
            "POST",
            QUERY,
            "POST /api/v1/query?query=up%7Bjob%3D%22a%20b%22%7D",
        ),
        ("GET", ALERTS, "GET /api/v2/alerts"),
        ("DELETE", silence, "DELETE /api/v2/silence/1-2"),
    ] {
        let request = signed_with(OPERATOR, "aps", method, front.address, path);
        let answer = Client::new(front.address).send(&request).await.unwrap();
        assert_eq!(answer.status, 200, "{method} {path}");
        assert_eq!(String::from_utf8_lossy(&answer.body), reached);
    }
    assert_eq!(front.state().unsigned, 0);
}

#[tokio::test]
async fn a_missing_a_wrong_and_a_foreign_signature_are_refused() {
    let front = front().await;
    let at = front.address;
    let mut of_another_query = signed_with(OPERATOR, "aps", "GET", at, QUERY);
    of_another_query.target = QUERY.replace("up", "down").into();
    let mut of_another_method = signed_with(OPERATOR, "aps", "GET", at, ALERTS);
    of_another_method.method = "DELETE".into();
    let mut of_another_body = signed_with(OPERATOR, "aps", "POST", at, QUERY);
    of_another_body.body = b"query=up".to_vec();
    let refused = [
        Request::new("GET", QUERY),
        Request::new("POST", "/workspaces/ws-1/api/v1/remote_write"),
        of_another_query,
        of_another_method,
        of_another_body,
        signed_with(("test", "guessed"), "aps", "GET", at, ALERTS),
        signed_with(("AKIASOMEBODY", "test"), "aps", "GET", at, ALERTS),
        signed_with(OPERATOR, "sns", "GET", at, ALERTS),
    ];
    for request in &refused {
        let answer = Client::new(at).send(request).await.unwrap();
        assert_eq!(answer.status, 403, "{request:?}");
    }
    assert_eq!(
        front.state().unsigned,
        u64::try_from(refused.len()).unwrap()
    );
}
