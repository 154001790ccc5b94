//! The HTTP requests that `sign` and `verify` read, from a captured file or in parts from the
//! command line. The servers read their requests elsewhere.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri};

use crate::failure::{CommandResult, Failure};

/// The longest request that is read, in bytes. No request to Amazon Pay is longer.
const MAX_LEN: u64 = 1 << 20;

/// A header's name and value.
pub(crate) type Header = (HeaderName, HeaderValue);

/// Reads `name: value`.
pub(crate) fn header(line: &str) -> Result<Header, String> {
    let (name, value) = line.split_once(':').ok_or("a header has the form name: value")?;
    let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is not a valid header name"))?;
    let value = value
        .trim()
        .parse()
        .map_err(|_| format!("the value of {name} has characters that are not allowed in a header"))?;
    Ok((name, value))
}

/// A file's bytes; `-` is standard input.
pub(crate) fn read_bytes(path: &Path) -> CommandResult<Vec<u8>> {
    let named = if path == Path::new("-") { "standard input".into() } else { path.to_string_lossy() };
    let read = |source: &mut dyn Read| {
        let mut bytes = Vec::new();
        source.take(MAX_LEN + 1).read_to_end(&mut bytes).map(|_| bytes)
    };
    let bytes = if path == Path::new("-") {
        read(&mut io::stdin())
    } else {
        File::open(path).and_then(|mut file| read(&mut file))
    };
    let bytes = bytes.map_err(|error| Failure::new(format_args!("{named} cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_LEN {
        return Err(Failure::new(format_args!("{named} is longer than {MAX_LEN} bytes")));
    }
    Ok(bytes)
}

/// Reads a file as text; `-` is standard input.
pub(crate) fn read_text(path: &Path) -> CommandResult<String> {
    let text = String::from_utf8(read_bytes(path)?);
    text.map_err(|_| Failure::new(format_args!("{} is not UTF-8", path.display())))
}

/// Reads a request as it was sent. Lines may end with LF alone, as editors write them. The body follows
/// the empty line and is as long as `content-length` says, if that header is present.
pub(crate) fn request(bytes: &[u8]) -> CommandResult<Request<Bytes>> {
    let mut rest = bytes;
    let first = line(&mut rest)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Failure::new("the first line of the request must be METHOD /PATH HTTP/1.1"));
    };
    if !version.starts_with("HTTP/") {
        return Err(Failure::new("the first line of the request must end with HTTP/1.1"));
    }
    let mut request = Request::new(Bytes::new());
    *request.method_mut() =
        method.parse().map_err(|_| Failure::new(format_args!("{method:?} is not a method")))?;
    *request.uri_mut() =
        target.parse::<Uri>().map_err(|_| Failure::new(format_args!("{target:?} is not a path")))?;
    loop {
        let next = line(&mut rest)?;
        if next.is_empty() {
            break;
        }
        let (name, value) = header(next).map_err(Failure::new)?;
        request.headers_mut().append(name, value);
    }
    *request.body_mut() = Bytes::copy_from_slice(within_length(&request, rest)?);
    Ok(request)
}

/// The body without the bytes that a capture or an editor has appended to it.
fn within_length<'a>(request: &Request<Bytes>, rest: &'a [u8]) -> CommandResult<&'a [u8]> {
    let Some(length) = request.headers().get(http::header::CONTENT_LENGTH) else { return Ok(rest) };
    let length = length.to_str().ok().and_then(|length| length.parse::<usize>().ok());
    let length = length.ok_or_else(|| Failure::new("the header content-length is not a number"))?;
    rest.get(..length).ok_or_else(|| {
        let found = rest.len();
        Failure::new(format_args!("the body has {found} bytes, but content-length says {length}"))
    })
}

fn line<'a>(rest: &mut &'a [u8]) -> CommandResult<&'a str> {
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, behind) = match end {
        Some(end) => (rest.get(..end), rest.get(end + 1..)),
        None if rest.is_empty() => {
            return Err(Failure::new("the request ends before its headers are complete"));
        }
        None => (Some(*rest), Some([].as_slice())),
    };
    *rest = behind.unwrap_or_default();
    let line = line.unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    std::str::from_utf8(line).map_err(|_| Failure::new("the request's head is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_sent() {
        for end in ["\r\n", "\n"] {
            let text = ["POST /v2/charges?a=1 HTTP/1.1", "Accept: a/b", "x-twice:1", "x-twice: 2", "", "{} "]
                .join(end);
            let request = request(text.as_bytes()).unwrap();
            assert_eq!(
                (request.method().as_str(), request.uri().to_string().as_str()),
                ("POST", "/v2/charges?a=1")
            );
            assert_eq!(request.headers()["accept"], "a/b");
            assert_eq!(request.headers().get_all("x-twice").iter().count(), 2);
            assert_eq!(request.body(), "{} ");
        }
    }

    #[test]
    fn the_body_is_as_long_as_content_length_says() {
        let with = |length: &str| format!("POST / HTTP/1.1\ncontent-length: {length}\n\n{{}}\n");
        assert_eq!(request(with("2").as_bytes()).unwrap().body(), "{}");
        for (length, told) in [
            ("4", "the body has 3 bytes, but content-length says 4"),
            ("two", "the header content-length is not a number"),
        ] {
            assert_eq!(request(with(length).as_bytes()).unwrap_err().to_string(), told);
        }
    }

    #[test]
    fn a_text_that_is_not_a_request_is_refused() {
        for text in [
            "",
            "GET",
            "GET /",
            "GET / HTTP/1.1",
            "GET / HTTP/1.1\na",
            "GET / HTTP/1.1\na b: c\n\n",
            "GET / 1.1\n\n",
        ] {
            assert!(request(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
