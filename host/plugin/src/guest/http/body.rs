//! Bodies with an end: what a guest sends is counted, what it gets is counted, timed and cleared
//! of secrets.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};
use wasmtime_wasi_http::{Error, WasiBody};

use super::{failure, secret::Redactor};

/// A request's body, up to a number of bytes.
pub(super) struct Outgoing {
    inner: WasiBody,
    left_bytes: u64,
    /// The client drops the error of a body; whether there was one is kept here.
    is_too_large: Arc<AtomicBool>,
}

impl Outgoing {
    pub(super) fn new(inner: WasiBody, max_bytes: u64) -> (Self, Arc<AtomicBool>) {
        let is_too_large = Arc::new(AtomicBool::new(false));
        let body = Self {
            inner,
            left_bytes: max_bytes,
            is_too_large: Arc::clone(&is_too_large),
        };
        (body, is_too_large)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Err(error) = take(&mut self.left_bytes, frame)
        {
            self.is_too_large.store(true, Ordering::Relaxed);
            return Poll::Ready(Some(Err(error)));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

fn take(left_bytes: &mut u64, frame: &Frame<Bytes>) -> Result<(), Error> {
    let n_bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
    *left_bytes = left_bytes
        .checked_sub(n_bytes)
        .ok_or(Error::HttpRequestBodySize(None))?;
    Ok(())
}

/// The right to have a request under way: one of the call's and one of the house's.
pub(super) type Places = [OwnedSemaphorePermit; 2];

/// A response's body, up to a number of bytes and with a longest pause between two pieces.
pub(super) struct Incoming {
    inner: hyper::body::Incoming,
    left_bytes: u64,
    pause: Duration,
    /// Runs only while the guest waits: a guest that takes its time is not the server's fault.
    timer: Option<Pin<Box<Sleep>>>,
    redactor: Option<Redactor>,
    // Held until the guest has read or dropped it.
    _places: Places,
}

impl Incoming {
    pub(super) fn new(
        inner: hyper::body::Incoming,
        max_bytes: u64,
        pause: Duration,
        redactor: Option<Redactor>,
        places: Places,
    ) -> Self {
        Self {
            inner,
            left_bytes: max_bytes,
            pause,
            timer: None,
            redactor,
            _places: places,
        }
    }

    /// A piece as the guest gets it; none while all of it is held back.
    fn cleared(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let Some(redactor) = &mut self.redactor else {
            return Some(frame);
        };
        // Trailers are left out: nobody looks for a secret in them twice.
        let piece = redactor.push(frame.data_ref()?);
        (!piece.is_empty()).then(|| Frame::data(piece))
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
                let pause = self.pause;
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(pause)));
                ready!(timer.as_mut().poll(cx));
                return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
            };
            self.timer = None;
            let frame = match frame {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(failure::of_exchange(&error)))),
                None => {
                    let rest = self
                        .redactor
                        .as_mut()
                        .map(Redactor::rest)
                        .unwrap_or_default();
                    let rest = (!rest.is_empty()).then(|| Ok(Frame::data(rest)));
                    return Poll::Ready(rest);
                }
            };
            if take(&mut self.left_bytes, &frame).is_err() {
                return Poll::Ready(Some(Err(Error::HttpResponseBodySize(None))));
            }
            if let Some(frame) = self.cleared(frame) {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
    }
}
