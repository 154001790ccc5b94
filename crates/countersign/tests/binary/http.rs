//! A blocking HTTP client, with one connection for each request. It distinguishes an answer that
//! arrived completely from one that did not: only a complete answer counts as given.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// An answer that has arrived completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    /// The target of a redirect; empty if there is none.
    pub(crate) location: String,
    pub(crate) body: Value,
}

impl HttpAnswer {
    pub(crate) fn text(&self, member: &str) -> String {
        text(&self.body, member)
    }
}

/// A member as text; empty if there is none.
pub(crate) fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}

/// Sends a request and reads its whole answer.
pub(crate) fn send(address: SocketAddr, request: &http::Request<bytes::Bytes>) -> io::Result<HttpAnswer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut bytes = format!("{} {target} HTTP/1.1\r\n", request.method()).into_bytes();
    for (name, value) in request.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    let length = request.body().len();
    bytes.extend(format!("host: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n").bytes());
    bytes.extend_from_slice(request.body());
    stream.write_all(&bytes)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn parse(answer: &[u8]) -> Option<HttpAnswer> {
    let head_end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(&answer[..head_end]).ok()?, &answer[head_end + 4..]);
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let header = |named: &str| {
        let mut headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(name, _)| name.eq_ignore_ascii_case(named)).map(|(_, value)| value.trim())
    };
    if header("content-length")?.parse() != Ok(body.len()) {
        return None;
    }
    let location = header("location").unwrap_or_default().to_owned();
    Some(HttpAnswer { status, location, body: serde_json::from_slice(body).unwrap_or_default() })
}

/// A server, and the token that it asks for, if any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<&'static str>,
}

impl Api {
    pub(crate) fn get(self, path: &str) -> io::Result<HttpAnswer> {
        self.call("GET", path, bytes::Bytes::new())
    }

    pub(crate) fn post(self, path: &str, body: &Value) -> io::Result<HttpAnswer> {
        self.call("POST", path, body.to_string().into())
    }

    fn call(self, method: &str, path: &str, body: bytes::Bytes) -> io::Result<HttpAnswer> {
        let mut request = http::Request::builder().method(method).uri(path);
        if let Some(token) = self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        send(self.address, &request.body(body).unwrap())
    }
}
