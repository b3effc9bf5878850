//! An ear at the door: what goes through is written down as the guest sees it. Changes nothing of
//! it, and never hears the value of a secret that the host puts in.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, header::CONTENT_LENGTH};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use phagen_domain::evidence::Attribute;
use wasmtime_wasi_http::{Error, WasiBody};

use super::{
    Ending,
    secret::Placeholders,
    written::{forget, head, n_bytes, reveals, written},
};
use crate::record::{
    BodyEnd, HttpAnswer, HttpExchange, HttpFailure, HttpResponse, NotKept, Octets,
};

/// Everything that the guest of one call asks of the network.
pub(crate) struct OverheardNetwork {
    inner: Mutex<Inner>,
    max_bytes: usize,
    placeholders: OnceLock<Placeholders>,
}

struct Inner {
    exchanges: Vec<HttpExchange>,
    left_bytes: usize,
}

impl OverheardNetwork {
    pub(crate) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                exchanges: Vec::new(),
                left_bytes: max_bytes,
            }),
            max_bytes,
            placeholders: OnceLock::new(),
        })
    }

    /// The guest's, before it is asked anything.
    pub(crate) fn meet(&self, placeholders: &Placeholders) {
        let _ = self.placeholders.set(placeholders.clone());
    }

    pub(crate) fn placeholders(&self) -> Vec<Attribute> {
        let placeholders = self.placeholders.get();
        placeholders.map_or_else(Vec::new, |all| all.attributes().collect())
    }

    /// All that was heard, in the order of the requests.
    pub(crate) fn take(&self) -> Vec<HttpExchange> {
        let mut exchanges = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut inner.exchanges)
        };
        // One that carries a secret gets it back as the placeholder. A server that tells a value
        // which it was not sent is rare, and its words are nothing to keep.
        for exchange in &mut exchanges {
            if self
                .placeholders
                .get()
                .is_some_and(|p| reveals(p, exchange))
            {
                forget(exchange, NotKept::HoldsSecret);
            }
        }
        exchanges
    }

    /// The same request, each piece of whose body is heard, and who hears its answer.
    pub(super) fn hear(self: &Arc<Self>, request: Request<WasiBody>) -> (Request<WasiBody>, Ear) {
        let (parts, body) = request.into_parts();
        let mut head = head(&parts);
        head.is_whole = body.is_end_stream();
        let n_bytes = head.url.len() + n_bytes(&head.headers);
        let at = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.exchanges.push(HttpExchange {
                request: head,
                answer: HttpAnswer::Unanswered,
            });
            inner.exchanges.len() - 1
        };
        let ear = Ear {
            network: Arc::clone(self),
            at,
        };
        ear.note(n_bytes, |_| ());
        let length = parts.headers.get(CONTENT_LENGTH);
        let body = HeardRequest {
            inner: body,
            left_bytes: length.and_then(|length| length.to_str().ok()?.parse().ok()),
            ear: ear.clone(),
        };
        (Request::from_parts(parts, body.boxed_unsync()), ear)
    }
}

/// Hears one exchange.
#[derive(Clone)]
pub(super) struct Ear {
    network: Arc<OverheardNetwork>,
    at: usize,
}

impl Ear {
    /// The same answer, each piece of whose body is heard.
    pub(super) fn answer(
        self,
        answer: Result<(Response<WasiBody>, Ending), Error>,
    ) -> Result<(Response<WasiBody>, Ending), Error> {
        let (response, ending) = answer.inspect_err(|error| {
            self.note(0, |exchange| {
                exchange.answer = HttpAnswer::Failure(HttpFailure::from(error));
            });
        })?;
        let headers = written(response.headers());
        let response_head = HttpResponse {
            status: response.status().as_u16(),
            pieces: Vec::new(),
            end: BodyEnd::Unread,
            headers,
        };
        self.note(n_bytes(&response_head.headers), |exchange| {
            exchange.answer = HttpAnswer::Response(response_head);
        });
        let response = response.map(|inner| HeardResponse { inner, ear: self }.boxed_unsync());
        Ok((response, ending))
    }

    /// Writes down `n_bytes` more, while there is room for them.
    fn note(&self, n_bytes: usize, write: impl FnOnce(&mut HttpExchange)) {
        let network = &self.network;
        let mut inner = network.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *inner;
        // None where the call has ended.
        let Some(exchange) = inner.exchanges.get_mut(self.at) else {
            return;
        };
        if matches!(exchange.answer, HttpAnswer::NotKept(_)) {
            return;
        }
        let Some(left_bytes) = inner.left_bytes.checked_sub(n_bytes) else {
            let max_bytes = network.max_bytes as u64;
            forget(exchange, NotKept::TooLarge { max_bytes });
            return;
        };
        inner.left_bytes = left_bytes;
        write(exchange);
    }

    fn note_end(&self, n_bytes: usize, end: BodyEnd) {
        self.note(n_bytes, |exchange| {
            if let HttpAnswer::Response(response) = &mut exchange.answer
                // Whoever asks on after the end hears of no other.
                && matches!(response.end, BodyEnd::Unread | BodyEnd::Silence)
            {
                response.end = end;
            }
        });
    }
}

struct HeardRequest {
    inner: WasiBody,
    /// As the guest says its length: nobody asks for more after the last piece.
    left_bytes: Option<usize>,
    ear: Ear,
}

impl Body for HeardRequest {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let piece = match &frame {
            Some(Ok(frame)) => frame.data_ref().cloned().unwrap_or_default(),
            _ => Bytes::new(),
        };
        self.left_bytes = self.left_bytes.map(|left| left.saturating_sub(piece.len()));
        let is_whole = frame.is_none() || self.inner.is_end_stream() || self.left_bytes == Some(0);
        self.ear.note(piece.len(), |exchange| {
            let request = &mut exchange.request;
            let mut body = BytesMut::from(std::mem::take(&mut request.body.0));
            body.extend_from_slice(&piece);
            request.body = Octets(body.freeze());
            request.is_whole = is_whole;
        });
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

struct HeardResponse {
    inner: WasiBody,
    ear: Ear,
}

impl Body for HeardResponse {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
            self.ear.note_end(0, BodyEnd::Silence);
            return Poll::Pending;
        };
        match &frame {
            None => self.ear.note_end(0, BodyEnd::Whole),
            Some(Err(error)) => self.ear.note_end(0, BodyEnd::Failure(error.into())),
            Some(Ok(frame)) => {
                if let Some(piece) = frame.data_ref() {
                    self.ear.note(piece.len(), |exchange| {
                        if let HttpAnswer::Response(response) = &mut exchange.answer {
                            response.pieces.push(Octets(piece.clone()));
                            response.end = BodyEnd::Unread;
                        }
                    });
                } else if let Some(trailers) = frame.trailers_ref() {
                    let trailers = written(trailers);
                    let n_bytes = n_bytes(&trailers);
                    self.ear.note_end(n_bytes, BodyEnd::Trailers(trailers));
                }
            }
        }
        Poll::Ready(frame)
    }
}
