//! The network as a recording has it: a guest that asks what it asked then is told what it was
//! told then, and no socket is opened.
//!
//! A request is the recorded one that equals it, the first such where there are several: which of
//! two answers came first then says nothing. All answers are there at once.

use std::{
    collections::VecDeque,
    future::pending,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, WasiBody};

use super::{Ending, written};
use crate::record::{
    BodyEnd, Difference, HttpAnswer, HttpExchange, HttpHeader, HttpRequest, HttpResponse, Octets,
};

type Answer = Result<(Response<WasiBody>, Ending), Error>;

/// Answers as the network did then.
pub(crate) struct RecordedNetwork(Mutex<Inner>);

struct Inner {
    /// Those that were asked again are gone.
    exchanges: Vec<Option<HttpExchange>>,
    n_asked: usize,
    difference: Option<Difference>,
}

impl RecordedNetwork {
    pub(crate) fn new(exchanges: &[HttpExchange]) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner {
            exchanges: exchanges.iter().cloned().map(Some).collect(),
            n_asked: 0,
            difference: None,
        })))
    }

    /// The first request that was another, or was not sent this time.
    pub(crate) fn difference(&self) -> Option<Difference> {
        let inner = self.lock();
        let missing = || {
            let mut exchanges = inner.exchanges.iter().enumerate();
            exchanges.find_map(|(at, exchange)| {
                let request = &exchange.as_ref()?.request;
                Some(Difference::new(path(at), request, "not asked"))
            })
        };
        inner.difference.clone().or_else(missing)
    }

    pub(super) fn answer(
        self: &Arc<Self>,
        request: Request<WasiBody>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let (parts, body) = request.into_parts();
        let mut asked = written::head(&parts);
        asked.is_whole = body.is_end_stream();
        let nth = {
            let mut inner = self.lock();
            inner.n_asked += 1;
            inner.n_asked - 1
        };
        // At once where it can be, so that equal requests are told apart by their order.
        let found = (asked.is_whole || self.goes_by_head(&asked)).then(|| self.find(nth, &asked));
        let network = Arc::clone(self);
        // A guest that was denied then finds nobody who takes its body.
        let is_refused = matches!(&found, Some(Some((_, exchange)))
            if matches!(exchange.answer, HttpAnswer::Failure(_)) && exchange.request.body.0.is_empty());
        let mut body = (!is_refused).then_some(body);
        Box::new(async move {
            let found = if let Some(found) = found {
                found
            } else {
                let n_bytes = network.longest_body(&asked);
                if let Some(body) = &mut body {
                    (asked.body, asked.is_whole) = read(body, n_bytes.saturating_add(1)).await;
                }
                network.find(nth, &asked)
            };
            let (at, exchange) = found.ok_or_else(differs)?;
            if let (Some(body), false) = (&mut body, exchange.request.is_whole) {
                read(body, exchange.request.body.0.len()).await;
            }
            network.tell(at, exchange.answer, body).await
        })
    }

    async fn tell(
        self: Arc<Self>,
        at: usize,
        answer: HttpAnswer,
        body: Option<WasiBody>,
    ) -> Answer {
        let rest = async move {
            if let Some(mut body) = body {
                while let Some(Ok(_)) = body.frame().await {}
            }
        };
        match answer {
            HttpAnswer::Response(response) => {
                let response = self.response(at, response)?;
                let ending: Ending = Box::new(async move {
                    rest.await;
                    Ok(())
                });
                Ok((response, ending))
            }
            HttpAnswer::Failure(failure) => Err(failure.into()),
            HttpAnswer::Unanswered => {
                rest.await;
                pending().await
            }
            // Whoever replays looks for these before.
            HttpAnswer::NotKept(why) => Err(Error::InternalError(Some(why.to_string()))),
        }
    }

    fn response(
        self: Arc<Self>,
        at: usize,
        response: HttpResponse,
    ) -> Result<Response<WasiBody>, Error> {
        let unreadable = || Error::InternalError(Some("the recording cannot be read".to_owned()));
        let mut replayed = Response::new(());
        *replayed.status_mut() = StatusCode::from_u16(response.status).map_err(|_| unreadable())?;
        *replayed.headers_mut() = headers(response.headers).ok_or_else(unreadable)?;
        let body = RecordedBody {
            network: self,
            at,
            n_bytes: 0,
            pieces: response.pieces.into(),
            end: Some(response.end),
        };
        Ok(replayed.map(|()| body.boxed_unsync()))
    }

    /// Whether no body needs to be looked at: every open exchange with this head ended before its
    /// body did.
    fn goes_by_head(&self, asked: &HttpRequest) -> bool {
        let inner = self.lock();
        let mut open = inner.exchanges.iter().flatten();
        !open.any(|exchange| exchange.request.is_whole && exchange.request.has_head_of(asked))
    }

    fn longest_body(&self, asked: &HttpRequest) -> usize {
        let inner = self.lock();
        let open = inner.exchanges.iter().flatten();
        let alike = open.filter(|exchange| exchange.request.has_head_of(asked));
        let n_bytes = alike.map(|exchange| exchange.request.body.0.len());
        n_bytes.max().unwrap_or(0)
    }

    /// Takes the first open exchange of this request out; or notes that there is none.
    fn find(&self, nth: usize, asked: &HttpRequest) -> Option<(usize, HttpExchange)> {
        let mut inner = self.lock();
        let is_asked = |exchange: &Option<HttpExchange>| {
            exchange
                .as_ref()
                .is_some_and(|HttpExchange { request, .. }| {
                    let has_body =
                        !request.is_whole || (asked.is_whole && request.body == asked.body);
                    has_body && request.has_head_of(asked)
                })
        };
        if let Some(at) = inner.exchanges.iter().position(is_asked) {
            return Some((at, inner.exchanges[at].take()?));
        }
        let difference = inner.unknown(nth, asked);
        inner.difference.get_or_insert(difference);
        None
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Where a request to the same place is open, what of it is another.
    fn unknown(&self, nth: usize, asked: &HttpRequest) -> Difference {
        let mut exchanges = self.exchanges.iter().enumerate();
        let near = exchanges.find_map(|(at, exchange)| {
            let request = &exchange.as_ref()?.request;
            let is_near = request.method == asked.method && request.url == asked.url;
            is_near.then(|| Difference::first(&path(at), request, asked))?
        });
        near.unwrap_or_else(|| Difference::new(path(nth), "not asked", asked))
    }
}

fn path(at: usize) -> String {
    format!("http[{at}].request")
}

fn differs() -> Error {
    Error::InternalError(Some("the recording has no such request".to_owned()))
}

fn headers(recorded: Vec<HttpHeader>) -> Option<HeaderMap> {
    let headers = recorded.into_iter().map(|(name, Octets(value))| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_maybe_shared(value).ok()?))
    });
    // Several values of one name stay several.
    let headers: Option<Vec<_>> = headers.collect();
    let mut map = HeaderMap::new();
    for (name, value) in headers? {
        map.append(name, value);
    }
    Some(map)
}

/// A body up to about `n_bytes`, and whether that was its end.
async fn read(body: &mut WasiBody, n_bytes: usize) -> (Octets, bool) {
    let mut bytes = BytesMut::new();
    let mut is_whole = false;
    while bytes.len() < n_bytes {
        match body.frame().await {
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
            Some(Err(_)) => break,
            None => {
                is_whole = true;
                break;
            }
        }
    }
    (Octets(bytes.freeze()), is_whole)
}

/// A response's body, in the pieces of then.
struct RecordedBody {
    network: Arc<RecordedNetwork>,
    at: usize,
    n_bytes: usize,
    pieces: VecDeque<Octets>,
    end: Option<BodyEnd>,
}

impl Body for RecordedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(Octets(piece)) = self.pieces.pop_front() {
            self.n_bytes += piece.len();
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let last = match self.end.take() {
            None | Some(BodyEnd::Whole) => None,
            Some(BodyEnd::Trailers(trailers)) => headers(trailers).map(|t| Ok(Frame::trailers(t))),
            Some(BodyEnd::Failure(failure)) => Some(Err(failure.into())),
            Some(BodyEnd::Silence) => {
                self.end = Some(BodyEnd::Silence);
                return Poll::Pending;
            }
            Some(BodyEnd::Unread) => {
                let path = format!("http[{}].response.body", self.at);
                let recorded = format!("read up to byte {}", self.n_bytes);
                let difference = Difference::new(path, recorded, "read on");
                self.network.lock().difference.get_or_insert(difference);
                Some(Err(differs()))
            }
        };
        Poll::Ready(last)
    }
}
