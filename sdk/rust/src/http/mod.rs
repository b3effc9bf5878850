//! A small HTTP client for sources.
//!
//! A request leaves only when the plugin's `plugin.toml` asks for it and the slot's operator
//! grants it; otherwise it fails as `denied`, and the host's log says what to add where. The host
//! also puts secrets in: [`Context::secret`](crate::Context::secret) gives a placeholder, which may
//! stand in a header or in the query.
//!
//! ```
//! use phagen_sdk::{Failure, http};
//!
//! fn titles(base_url: &str, molecule: &str, key: Option<&str>) -> Result<String, Failure> {
//!     let mut request = http::get(&format!("{base_url}/search")).query("q", molecule);
//!     if let Some(key) = key {
//!         request = request.header("authorization", &format!("Bearer {key}"));
//!     }
//!     request.send()?.ok()?.text()
//! }
//! ```
//!
//! In a native test a [`Harness`](crate::testing::Harness) answers.

mod failure;
mod url;

use crate::{Failure, host};

#[cfg(target_arch = "wasm32")]
pub(crate) use failure::of_code;
pub(crate) use url::{Url, without_query};

/// Redirects that one request follows.
const MAX_REDIRECTS: usize = 5;
/// Bytes of a body that are read, unless [`Request::max_bytes`] says otherwise.
const DEFAULT_MAX_BYTES: usize = 4 << 20;

/// A request to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET` and the like.
    pub method: String,
    /// Where to, with scheme, host, path and query.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// What is sent along.
    pub body: Vec<u8>,
    max_bytes: usize,
    max_redirects: usize,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Such as 200.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// All of it, as it came: nothing is decompressed.
    pub body: Vec<u8>,
    /// Where it came from, after redirects.
    pub url: String,
}

/// A request for what is at `url`.
pub fn get(url: &str) -> Request {
    Request::new("GET", url)
}

/// A request that sends `body` to `url`.
pub fn post(url: &str, body: impl Into<Vec<u8>>) -> Request {
    Request {
        body: body.into(),
        ..Request::new("POST", url)
    }
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            max_bytes: DEFAULT_MAX_BYTES,
            max_redirects: MAX_REDIRECTS,
        }
    }

    /// One header more. The host refuses those that are its own, such as `host`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// One parameter of the query more; name and value are encoded here.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        url::add_query(&mut self.url, name, value);
        self
    }

    /// Bytes of the response's body that are taken, 4 MiB if not said; the host has a limit of its
    /// own.
    #[must_use]
    pub fn max_bytes(mut self, n_bytes: usize) -> Self {
        self.max_bytes = n_bytes;
        self
    }

    /// Gives a redirect back as it is.
    #[must_use]
    pub fn without_redirects(mut self) -> Self {
        self.max_redirects = 0;
        self
    }

    /// Sends it and follows up to 5 redirects, each a request of its own that must be granted
    /// too. Any status is a response; see [`Response::ok`].
    pub fn send(mut self) -> Result<Response, Failure> {
        let follows = self.max_redirects > 0;
        loop {
            let url = Url::parse(&self.url)?;
            let mut response = host::send_http(&self, self.max_bytes)?;
            response.url.clone_from(&self.url);
            let Some(location) = response.location().filter(|_| follows) else {
                return Ok(response);
            };
            self.max_redirects = self.max_redirects.checked_sub(1).ok_or_else(|| {
                Failure::unavailable(format!("`{url}` redirects more than {MAX_REDIRECTS} times"))
            })?;
            let next = url.join(location)?;
            self.redirect(response.status, &url, &next);
        }
    }

    /// Becomes the request that a redirect asks for.
    fn redirect(&mut self, status: u16, from: &Url, to: &Url) {
        let becomes_get = status == 303 || (matches!(status, 301 | 302) && self.method == "POST");
        if becomes_get && self.method != "HEAD" {
            "GET".clone_into(&mut self.method);
            self.body.clear();
            self.headers
                .retain(|(name, _)| !name.starts_with("content-"));
        }
        // What is for one server is not for another.
        if !from.has_origin_of(to) {
            let is_personal = |name: &str| matches!(name, "authorization" | "cookie");
            self.headers.retain(|(name, _)| !is_personal(name));
        }
        self.url = to.to_string();
    }
}

impl Response {
    /// A response for tests.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            url: String::new(),
        }
    }

    /// With one header more, for tests.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        let (_, value) = self.headers.iter().find(found)?;
        Some(value)
    }

    /// Itself where its status is 200 to 299; else the failure that the status means:
    /// `rate-limited` with its `retry-after`, `unavailable`, `not-found`, `denied` and so on.
    pub fn ok(self) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(failure::of_status(&self))
    }

    /// The body as text; fails where it is not UTF-8.
    pub fn text(self) -> Result<String, Failure> {
        String::from_utf8(self.body).map_err(|error| {
            let (url, at) = (without_query(&self.url), error.utf8_error().valid_up_to());
            Failure::unavailable(format!("`{url}` answered with no UTF-8 at byte {at}"))
        })
    }

    /// Where a redirect leads.
    fn location(&self) -> Option<&str> {
        matches!(self.status, 301 | 302 | 303 | 307 | 308)
            .then(|| self.header("location"))
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Recorder;

    /// Sends, with requests answered by `answer`, and returns what was asked.
    fn sent(
        request: Request,
        answer: impl Fn(&Request) -> Response + 'static,
    ) -> (Result<Response, Failure>, Vec<Request>) {
        let asked = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let kept = std::rc::Rc::clone(&asked);
        let recorder = Recorder::answering(move |request| {
            kept.borrow_mut().push(request.clone());
            Ok(answer(request))
        });
        let answer = recorder.record(|| request.send());
        let asked = asked.borrow().clone();
        (answer, asked)
    }

    fn to(location: &str, status: u16) -> Response {
        Response::new(status, "").with_header("Location", location)
    }

    #[test]
    fn a_query_is_encoded_and_a_response_read() {
        let request = get("https://h/a").query("q", "a b&c").query("n", "é");
        let (response, asked) = sent(request.header("Accept", "text/plain"), |_| {
            Response::new(200, "fine").with_header("X-A", "1")
        });
        assert_eq!(asked[0].url, "https://h/a?q=a%20b%26c&n=%C3%A9");
        assert_eq!(asked[0].headers[0].0, "accept");
        let response = response.unwrap().ok().unwrap();
        assert_eq!(response.header("x-a"), Some("1"));
        assert_eq!(response.url, asked[0].url);
        assert_eq!(response.text().unwrap(), "fine");
    }

    #[test]
    fn a_redirect_is_followed_and_keeps_secrets_at_home() {
        let request = get("https://h/a").header("authorization", "Bearer x");
        let (response, asked) = sent(request, |request| match request.url.as_str() {
            "https://h/a" => to("b?c=1", 302),
            "https://h/b?c=1" => to("//other.org/d", 307),
            _ => Response::new(200, "there"),
        });
        assert_eq!(response.unwrap().url, "https://other.org/d");
        assert_eq!(asked[1].headers.len(), 1);
        assert_eq!(asked[2].headers.len(), 0);
    }

    #[test]
    fn a_post_becomes_a_get_where_the_redirect_says_so() {
        for (status, method, body) in [(302, "GET", ""), (303, "GET", ""), (307, "POST", "x")] {
            let request = post("https://h/a", "x").header("content-type", "text/plain");
            let (_, asked) = sent(request, move |request| match request.url.as_str() {
                "https://h/a" => to("/b", status),
                _ => Response::new(200, ""),
            });
            assert_eq!(asked[1].method, method);
            assert_eq!(asked[1].body, body.as_bytes());
            assert_eq!(asked[1].headers.is_empty(), body.is_empty());
        }
    }

    #[test]
    fn redirects_end_after_five() {
        let (response, asked) = sent(get("https://h/a"), |_| to("/a", 301));
        assert_eq!(response.unwrap_err().code, "unavailable");
        assert_eq!(asked.len(), 6);
        let (response, asked) = sent(get("https://h/a").without_redirects(), |_| to("/a", 301));
        assert_eq!(response.unwrap().status, 301);
        assert_eq!(asked.len(), 1);
    }

    #[test]
    fn a_body_is_no_longer_than_was_asked_for() {
        let answer = |_: &Request| Response::new(200, "12345");
        let (response, _) = sent(get("https://h/").max_bytes(5), answer);
        assert!(response.is_ok());
        let (response, _) = sent(get("https://h/").max_bytes(4), answer);
        assert_eq!(response.unwrap_err().code, "unavailable");
    }

    #[test]
    fn text_is_utf_8() {
        let failure = Response::new(200, vec![b'a', 0xff]).text().unwrap_err();
        assert!(failure.message.contains("byte 1"), "{}", failure.message);
    }
}
