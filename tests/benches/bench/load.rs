//! A closed loop of `GET`s: each connection sends its next request when the answer is there.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::stats::Samples;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) per_second: f64,
    pub(crate) answers: usize,
    pub(crate) latency: Samples,
}

/// Sends `requests` in turn over so many connections for so long. Every answer must be 200.
pub(crate) async fn run(
    address: SocketAddr,
    requests: &Arc<[Vec<u8>]>,
    connections: usize,
    time: Duration,
) -> Result<Load> {
    let start = Instant::now();
    let mut running = JoinSet::new();
    for number in 0..connections {
        let requests = Arc::clone(requests);
        let first = number * requests.len() / connections;
        running.spawn(async move { connection(address, &requests, first, start + time).await });
    }
    let mut latency = Samples::default();
    while let Some(samples) = running.join_next().await {
        latency.extend(samples??);
    }
    let answers = latency.len();
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let per_second = answers as f64 / start.elapsed().as_secs_f64();
    Ok(Load {
        per_second,
        answers,
        latency,
    })
}

async fn connection(
    address: SocketAddr,
    requests: &[Vec<u8>],
    first: usize,
    end: Instant,
) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut samples, mut answer) = (Vec::new(), Vec::with_capacity(16 * 1024));
    for request in requests.iter().cycle().skip(first) {
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        stream.write_all(request).await?;
        answer.clear();
        let mut length = None;
        while length.is_none_or(|length| answer.len() < length) {
            ensure!(
                stream.read_buf(&mut answer).await? > 0,
                "the server hung up"
            );
            if length.is_none() {
                length = answer_length(&answer)?;
            }
        }
        samples.push(sent.elapsed());
    }
    Ok(samples)
}

/// How long the whole answer is, once its head is there.
fn answer_length(answer: &[u8]) -> Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&answer[..head])?;
    ensure!(text.starts_with("HTTP/1.1 200 "), "{text}");
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .context("an answer without a length")?;
    Ok(Some(head + 4 + length.parse::<usize>()?))
}

/// The bytes of a `GET`.
pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}
