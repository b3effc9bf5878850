//! The network as a golden case has it: each request that policy let through is answered over a
//! connection in memory, so that the rest of its way is the real one.

use std::{collections::HashMap, fmt::Write};

use http::{Method, StatusCode, Uri};
use phagen_domain::plugin::Origin;
use phagen_package::golden::HttpExchange;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, sink};
use wasmtime_wasi::runtime::{self, AbortOnDropJoinHandle};

use super::connect::Stream;

/// Bytes that one side of a connection may be ahead of the other.
const BUFFER_BYTES: usize = 64 << 10;

/// The answers of one case, by method and address.
pub(super) struct Canned(HashMap<(String, String), Vec<u8>>);

impl Canned {
    /// Of two answers to one request the first counts, as everywhere in a case.
    pub(super) fn new(exchanges: &[HttpExchange]) -> Self {
        let mut answers = HashMap::new();
        for exchange in exchanges {
            answers
                .entry((exchange.method.clone(), normal(&exchange.url)))
                .or_insert_with(|| response(exchange));
        }
        Self(answers)
    }

    /// A connection that answers a request, if the case has an answer to it, and who answers: it
    /// stops when it is dropped.
    pub(super) fn answer(
        &self,
        method: &Method,
        origin: &Origin,
        target: &Uri,
    ) -> Option<(Box<dyn Stream>, AbortOnDropJoinHandle<()>)> {
        let url = normal(&format!("{origin}{target}"));
        let answer = self.0.get(&(method.as_str().to_owned(), url))?.clone();
        let (ours, theirs) = duplex(BUFFER_BYTES);
        Some((Box::new(ours), runtime::spawn(serve(theirs, answer))))
    }
}

/// Waits for the head of the request, takes in the rest, and answers once.
async fn serve(stream: DuplexStream, answer: Vec<u8>) {
    let (mut read, mut write) = tokio::io::split(stream);
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if !matches!(read.read_buf(&mut head).await, Ok(1..)) {
            return;
        }
    }
    let mut rest = sink();
    // Whoever hangs up has heard enough.
    let _ = tokio::join!(tokio::io::copy(&mut read, &mut rest), async {
        let _ = write.write_all(&answer).await;
        write.shutdown().await
    },);
}

fn response(exchange: &HttpExchange) -> Vec<u8> {
    let reason = StatusCode::from_u16(exchange.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("");
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", exchange.status);
    for (name, value) in &exchange.headers {
        // Those of the connection are its own.
        let is_ours = ["content-length", "transfer-encoding", "connection"];
        if is_ours.iter().all(|ours| !name.eq_ignore_ascii_case(ours)) {
            let clean = |text: &str| text.replace(['\r', '\n'], " ");
            let _ = write!(head, "{}: {}\r\n", clean(name), clean(value));
        }
    }
    let _ = write!(
        head,
        "content-length: {}\r\nconnection: close\r\n\r\n",
        exchange.body.len()
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(exchange.body.as_bytes());
    bytes
}

/// One way to write an address: an author may leave out the port or the slash.
fn normal(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    let origin: Result<Origin, _> = format!("{scheme}://{host}").parse();
    match (origin, target.starts_with('/')) {
        (Ok(origin), true) => format!("{origin}{target}"),
        (Ok(origin), false) => format!("{origin}/{target}"),
        (Err(_), _) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_in_one_way() {
        for (url, expected) in [
            ("https://API.fda.gov", "https://api.fda.gov/"),
            ("https://api.fda.gov:443/a?b=c", "https://api.fda.gov/a?b=c"),
            ("http://h?b=c", "http://h/?b=c"),
            ("not an address", "not an address"),
        ] {
            assert_eq!(normal(url), expected);
        }
    }

    #[test]
    fn a_response_is_framed_by_us() {
        let exchange = HttpExchange {
            method: "GET".to_owned(),
            url: "http://h/".to_owned(),
            status: 404,
            headers: [("Content-Length", "9999"), ("x", "a\r\nb: c")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            body: "gone".to_owned(),
        };
        let text = String::from_utf8(response(&exchange)).unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 404 Not Found\r\nx: a  b: c\r\ncontent-length: 4\r\nconnection: close\r\n\r\ngone"
        );
    }
}
