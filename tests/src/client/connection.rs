//! One HTTP/1.1 connection, from either end (RFC 9112).

use std::net::SocketAddr;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{
    ExchangeError, Request, Response,
    message::{content_length, is_chunked},
};

/// Above this many bytes a head is refused, so that a broken peer cannot fill the memory.
const MAX_HEAD: usize = 256 * 1024;

/// Above this many bytes a body is refused, for the same reason.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// What the next message on a server's connection turned out to be.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// A request, and whether the client wants the connection kept open.
    Request(Request, bool),
    /// Bytes that are not a request.
    Malformed,
    /// The client is gone.
    Closed,
}

/// A buffered connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Whether the peer has neither hung up nor sent anything since the last exchange.
    pub(crate) fn is_quiet(&self) -> bool {
        let read = self.stream.get_ref().try_read(&mut [0]);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Sends a request and reads its answer; also tells whether the connection can be used again.
    /// A server may answer before it has read the whole request, so both happen at once.
    pub(crate) async fn exchange(
        &mut self,
        request: &Request,
        address: SocketAddr,
    ) -> Result<(Response, bool), ExchangeError> {
        let bytes = encode_request(request, address);
        let (read, mut write) = self.stream.get_mut().split();
        let mut read = BufReader::new(read);
        let (response, reusable) = {
            let answer = read_response(&mut read, request.method == "HEAD");
            tokio::pin!(answer);
            let early = tokio::select! {
                biased;
                // A failed write is not yet a failure: the answer may have come before it.
                _ = write.write_all(&bytes) => None,
                answer = &mut answer => Some(answer?.0),
            };
            match early {
                Some(response) => (response, false),
                None => answer.await?,
            }
        };
        Ok((response, reusable && read.buffer().is_empty()))
    }

    /// Reads the next request, and tells the client to go on where it waits to be told.
    pub(crate) async fn read_request(&mut self) -> Inbound {
        match self.try_read_request().await {
            Ok(inbound) => inbound,
            Err(ExchangeError::Malformed(_)) => Inbound::Malformed,
            Err(_) => Inbound::Closed,
        }
    }

    async fn try_read_request(&mut self) -> Result<Inbound, ExchangeError> {
        let head = read_head(&mut self.stream).await?;
        if head.is_empty() {
            return Ok(Inbound::Closed);
        }
        let (line, headers) = parse_head(&head)?;
        let line = line.as_slice();
        let malformed = ExchangeError::Malformed("the request line is not `method target version`");
        let (Some(first), Some(last)) = (
            line.iter().position(|byte| *byte == b' '),
            line.iter().rposition(|byte| *byte == b' '),
        ) else {
            return Err(malformed);
        };
        let version = &line[last + 1..];
        if first == last || !version.starts_with(b"HTTP/1.") {
            return Err(malformed);
        }
        let mut request = Request {
            method: String::from_utf8_lossy(&line[..first]).into_owned(),
            target: line[first + 1..last].to_owned(),
            headers,
            body: Vec::new(),
        };
        let told = |word: &[u8]| {
            request
                .all("connection")
                .any(|value| value.eq_ignore_ascii_case(word))
        };
        let keep = if version == b"HTTP/1.0" {
            told(b"keep-alive")
        } else {
            !told(b"close")
        };
        if request.first("expect").is_some() {
            let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
            self.stream
                .write_all(go_on)
                .await
                .map_err(|_| ExchangeError::Closed)?;
        }
        request.body = if request.is_chunked() {
            read_chunks(&mut self.stream).await?
        } else {
            let length = content_length(&request.headers).map_err(ExchangeError::Malformed)?;
            read_exactly(&mut self.stream, length.unwrap_or_default()).await?
        };
        Ok(Inbound::Request(request, keep))
    }

    /// Writes an answer. `bodiless` says that it answers HEAD: its stated length is kept, its body
    /// is not sent.
    pub(crate) async fn write_response(
        &mut self,
        response: &Response,
        bodiless: bool,
        keep: bool,
    ) -> std::io::Result<()> {
        let mut out = format!(
            "HTTP/1.1 {} {}\r\n",
            response.status,
            reason(response.status)
        )
        .into_bytes();
        for (name, value) in &response.headers {
            push_header(&mut out, name, value);
        }
        let silent = bodiless || !has_body(response.status);
        if !silent && response.first("content-length").is_none() {
            push_header(
                &mut out,
                "content-length",
                response.body.len().to_string().as_bytes(),
            );
        }
        push_header(
            &mut out,
            "connection",
            if keep { b"keep-alive" } else { b"close" },
        );
        out.extend_from_slice(b"\r\n");
        if !silent {
            out.extend_from_slice(&response.body);
        }
        self.stream.write_all(&out).await?;
        self.stream.flush().await
    }
}

/// Whether answers of this status may have a body at all (RFC 9110, section 6.4.1).
pub(crate) fn has_body(status: u16) -> bool {
    status >= 200 && status != 204 && status != 304
}

/// The reason phrases that people meet; the phrase has no meaning in the protocol.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Not Allowed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        _ => "",
    }
}

fn encode_request(request: &Request, address: SocketAddr) -> Vec<u8> {
    let mut out = format!("{} ", request.method).into_bytes();
    out.extend_from_slice(&request.target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if request.first("host").is_none() {
        push_header(&mut out, "host", address.to_string().as_bytes());
    }
    for (name, value) in &request.headers {
        push_header(&mut out, name, value);
    }
    if request.is_chunked() {
        out.extend_from_slice(b"\r\n");
        if !request.body.is_empty() {
            out.extend_from_slice(format!("{:x}\r\n", request.body.len()).as_bytes());
            out.extend_from_slice(&request.body);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"0\r\n\r\n");
        return out;
    }
    let writes = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
    if request.first("content-length").is_none() && (writes || !request.body.is_empty()) {
        push_header(
            &mut out,
            "content-length",
            request.body.len().to_string().as_bytes(),
        );
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&request.body);
    out
}

fn push_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

async fn read_response<R: AsyncBufReadExt + Unpin>(
    source: &mut R,
    bodiless: bool,
) -> Result<(Response, bool), ExchangeError> {
    loop {
        let head = read_head(source).await?;
        if head.is_empty() {
            return Err(ExchangeError::Closed);
        }
        let (line, headers) = parse_head(&head)?;
        let version = line.get(..9).unwrap_or_default();
        let status = line
            .get(9..12)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let status = status.and_then(|digits| digits.parse::<u16>().ok());
        let Some(status) =
            status.filter(|status| version.starts_with(b"HTTP/1.") && *status >= 100)
        else {
            return Err(ExchangeError::Malformed(
                "the status line is not `version status reason`",
            ));
        };
        if status < 200 {
            continue;
        }
        let mut response = Response {
            status,
            headers,
            body: Vec::new(),
        };
        let told = |word: &[u8]| {
            response
                .all("connection")
                .any(|value| value.eq_ignore_ascii_case(word))
        };
        let mut reusable = version == b"HTTP/1.1 " && !told(b"close");
        let length = content_length(&response.headers).map_err(ExchangeError::Malformed)?;
        response.body = if bodiless || !has_body(status) {
            Vec::new()
        } else if is_chunked(&response.headers) {
            read_chunks(source).await?
        } else if let Some(length) = length {
            read_exactly(source, length).await?
        } else {
            reusable = false;
            let mut body = Vec::new();
            source
                .read_to_end(&mut body)
                .await
                .map_err(|_| ExchangeError::Closed)?;
            body
        };
        return Ok((response, reusable));
    }
}

/// Reads up to and including the empty line; empty if the peer hung up before the first byte.
async fn read_head<R: AsyncBufReadExt + Unpin>(source: &mut R) -> Result<Vec<u8>, ExchangeError> {
    let mut head = Vec::new();
    loop {
        let start = head.len();
        let read = source.read_until(b'\n', &mut head).await;
        if read.map_err(|_| ExchangeError::Closed)? == 0 {
            return if start == 0 {
                Ok(head)
            } else {
                Err(ExchangeError::Closed)
            };
        }
        if head.len() > MAX_HEAD {
            return Err(ExchangeError::Malformed("the head is too large"));
        }
        if head[start..] == *b"\r\n" || head[start..] == *b"\n" {
            return Ok(head);
        }
    }
}

type Head = (Vec<u8>, Vec<(String, Vec<u8>)>);

/// The first line and the header fields.
fn parse_head(head: &[u8]) -> Result<Head, ExchangeError> {
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = lines.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':');
        let Some(colon) = colon.filter(|colon| *colon > 0 && line[..*colon].iter().all(is_token))
        else {
            return Err(ExchangeError::Malformed("a header has no proper name"));
        };
        let value = line[colon + 1..].trim_ascii();
        if value.iter().any(|byte| matches!(byte, b'\0' | b'\r')) {
            return Err(ExchangeError::Malformed(
                "a header value has a control character",
            ));
        }
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        headers.push((name, value.to_owned()));
    }
    Ok((first, headers))
}

/// Whether a byte may stand in a header name or a method (RFC 9110, section 5.6.2).
pub(crate) fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

async fn read_chunks<R: AsyncBufReadExt + Unpin>(source: &mut R) -> Result<Vec<u8>, ExchangeError> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        source
            .read_until(b'\n', &mut line)
            .await
            .map_err(|_| ExchangeError::Closed)?;
        if !line.ends_with(b"\n") {
            return Err(ExchangeError::Closed);
        }
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits.trim_ascii())
            .ok()
            .and_then(|digits| usize::from_str_radix(digits, 16).ok())
            .ok_or(ExchangeError::Malformed("a chunk has no size"))?;
        if size == 0 {
            // The trailers, which nobody here reads, end with an empty line as a head does.
            read_head(source).await?;
            return Ok(body);
        }
        if body.len() + size > MAX_BODY {
            return Err(ExchangeError::Malformed("the body is too large"));
        }
        body.extend(read_exactly(source, size).await?);
        if read_exactly(source, 2).await? != b"\r\n" {
            return Err(ExchangeError::Malformed(
                "a chunk does not end where it says",
            ));
        }
    }
}

async fn read_exactly<R: AsyncBufReadExt + Unpin>(
    source: &mut R,
    length: usize,
) -> Result<Vec<u8>, ExchangeError> {
    if length > MAX_BODY {
        return Err(ExchangeError::Malformed("the body is too large"));
    }
    let mut body = vec![0; length];
    source
        .read_exact(&mut body)
        .await
        .map_err(|_| ExchangeError::Closed)?;
    Ok(body)
}
