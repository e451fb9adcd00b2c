//! A release that looks well and is not: it is healthy, it asks strangers for a token, and it answers
//! everybody else with 500. It runs as the API's container and as its function.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Result, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use serde_json::{Value, json};

fn main() -> Result<()> {
    match env::var("AWS_LAMBDA_RUNTIME_API") {
        Ok(runtime) => function(&runtime),
        Err(_) => container(),
    }
}

fn status(path: &str, authorized: bool) -> u16 {
    match path {
        "/health" | "/ready" => 200,
        _ if authorized => 500,
        _ => 401,
    }
}

fn container() -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:8080")?;
    for connection in listener.incoming() {
        let connection = connection?;
        thread::spawn(move || answer(connection));
    }
    Ok(())
}

fn answer(mut connection: TcpStream) -> Result<()> {
    let request = read(&connection)?;
    let target = request.first_line.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let status = status(path, request.header("authorization").is_some());
    write!(
        connection,
        "HTTP/1.1 {status} Broken\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

fn function(runtime: &str) -> Result<()> {
    const BASE: &str = "/2018-06-01/runtime/invocation";
    loop {
        let mut next = TcpStream::connect(runtime)?;
        write!(
            next,
            "GET {BASE}/next HTTP/1.1\r\nhost: {runtime}\r\nconnection: close\r\n\r\n"
        )?;
        let next = read(&next)?;
        let id = next
            .header("lambda-runtime-aws-request-id")
            .unwrap_or_default();
        let event: Value = serde_json::from_slice(&next.body)?;
        let path = event["path"].as_str().unwrap_or_default();
        let authorized = event["multiValueHeaders"]["authorization"].is_array();
        let answer = json!({
            "statusCode": status(path, authorized),
            "multiValueHeaders": {},
            "body": "",
            "isBase64Encoded": false,
        });
        let answer = answer.to_string();
        let mut response = TcpStream::connect(runtime)?;
        write!(
            response,
            "POST {BASE}/{id}/response HTTP/1.1\r\nhost: {runtime}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{answer}",
            answer.len()
        )?;
        read(&response)?;
    }
}

/// A request or an answer of HTTP.
struct Message {
    first_line: String,
    /// Their names in lower case.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    fn header(&self, wanted: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    }
}

fn read(connection: &TcpStream) -> Result<Message> {
    let mut reader = BufReader::new(connection);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: Vec<(String, String)> = lines
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut message = Message {
        first_line: lines.into_iter().next().unwrap_or_default(),
        headers,
        body: Vec::new(),
    };
    let length = message.header("content-length");
    let length = length.and_then(|length| length.parse().ok());
    message.body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut message.body)?;
    Ok(message)
}
