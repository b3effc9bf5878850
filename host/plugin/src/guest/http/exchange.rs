//! One request on its way: a place, an address, a connection, a response. Everything that can be
//! refused by looking at the request was refused before.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use http::{HeaderMap, Method, Request, Response, Uri, header};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{self, SendRequest};
use phagen_domain::plugin::Origin;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use wasmtime_wasi::runtime::{self, AbortOnDropJoinHandle};
use wasmtime_wasi_http::{Error, WasiBody, io::TokioIo};

use super::{
    super::denial::{Denials, Denied, Wanted},
    Egress, Ending,
    address::{self, Reach},
    body::{self, Places},
    canned::Canned,
    connect::{self, Stream},
    failure, header as headers,
    limits::Patience,
    policy::Permit,
    secret::{Placeholders, Redactor},
};

/// Drives a connection, and ends it when it is dropped.
type Connection = AbortOnDropJoinHandle<Result<(), hyper::Error>>;

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// A request that both sides cover, and its way.
pub(super) struct Exchange {
    pub(super) way: Way,
    pub(super) request: Request<body::Outgoing>,
    pub(super) is_too_large: Arc<AtomicBool>,
}

/// All that is known of a request besides its body.
pub(super) struct Way {
    pub(super) egress: Arc<Egress>,
    pub(super) denials: Denials,
    pub(super) slot: String,
    pub(super) wanted: Wanted,
    pub(super) permit: Permit,
    /// Those whose values it carries.
    pub(super) secrets: Placeholders,
    pub(super) patience: Patience,
    /// The call's.
    pub(super) places: Arc<Semaphore>,
    /// Until the slot's turn.
    pub(super) wait: Duration,
}

impl Exchange {
    /// Waits for its turn, sends, and is counted.
    pub(super) async fn run(self) -> Result<(Response<WasiBody>, Ending), Error> {
        let Self {
            way,
            request,
            is_too_large,
        } = self;
        let started = Instant::now();
        let answer = way.send(request, &is_too_large).await;
        let outcome = answer.as_ref().map_or_else(failure::label, |_| "ok");
        metrics::histogram!(
            "phagen_plugin_http_seconds",
            "slot" => way.slot.clone(),
            "outcome" => outcome,
        )
        .record(started.elapsed());
        if let Err(error) = &answer {
            tracing::debug!(%error, "`{}` came to nothing", way.wanted);
        }
        answer
    }
}

impl Way {
    async fn send(
        &self,
        request: Request<body::Outgoing>,
        is_too_large: &AtomicBool,
    ) -> Result<(Response<WasiBody>, Ending), Error> {
        sleep(self.wait).await;
        let places = self.take_places().await?;
        let (played, player) = match &self.egress.canned {
            Some(canned) => {
                let (stream, player) = self.play(canned, request.method(), request.uri())?;
                (Some(stream), Some(player))
            }
            None => (None, None),
        };
        let connecting = async {
            if let Some(stream) = played {
                return self.shake_hands(stream).await;
            }
            let addresses = self.locate().await?;
            let (origin, tls) = (&self.wanted.origin, &self.egress.tls);
            let stream = connect::connect(origin, &addresses, tls, self.patience.connect).await?;
            self.shake_hands(stream).await
        };
        let (sender, connection) = timeout(self.patience.connect, connecting)
            .await
            .map_err(|_| Error::ConnectionTimeout)??;
        let response = self.ask(sender, request).await.map_err(|error| {
            // The client's error does not say that it was the body's.
            if is_too_large.load(Ordering::Relaxed) {
                Error::HttpRequestBodySize(None)
            } else {
                error
            }
        })?;
        let response = self.receive(response, places)?;
        let ending: Ending = Box::new(async move {
            // How a connection ends is told by its response.
            let _ = connection.await;
            drop(player);
            Ok(())
        });
        Ok((response, ending))
    }

    /// A connection on which the answer of a golden case comes.
    fn play(
        &self,
        canned: &Canned,
        method: &Method,
        target: &Uri,
    ) -> Result<(Box<dyn Stream>, AbortOnDropJoinHandle<()>), Error> {
        let stream = canned.answer(method, &self.wanted.origin, target);
        stream.ok_or_else(|| {
            let denied = Denied::Never(self.wanted.clone(), "the golden case has no answer for it");
            self.denials.deny(&denied);
            Error::ConnectionRefused
        })
    }

    async fn take_places(&self) -> Result<Places, Error> {
        let taking = async {
            let of_call = take_place(&self.places).await?;
            Ok([of_call, take_place(&self.egress.places).await?])
        };
        timeout(self.patience.connect, taking)
            .await
            .map_err(|_| Error::ConnectionLimitReached)?
    }

    /// Asks for the name once, and judges every address that it leads to: a name with one address
    /// that may not be reached is not to be trusted with the others.
    async fn locate(&self) -> Result<Vec<IpAddr>, Error> {
        let mut addresses = match literal(&self.wanted.origin) {
            Some(address) => vec![address],
            None => self.resolve().await?,
        };
        for &address in &addresses {
            self.admit(address)?;
        }
        addresses.truncate(MAX_ADDRESSES);
        Ok(addresses)
    }

    async fn resolve(&self) -> Result<Vec<IpAddr>, Error> {
        let host = self.wanted.origin.host();
        let asking = self.egress.resolver.resolve(host);
        let found = timeout(self.patience.connect, asking)
            .await
            .map_err(|_| Error::DnsTimeout)?
            .map_err(|_| unknown_name())?;
        if found.is_empty() {
            return Err(unknown_name());
        }
        Ok(found)
    }

    fn admit(&self, address: IpAddr) -> Result<(), Error> {
        let denied = match address::reach(address) {
            Reach::Public => return Ok(()),
            Reach::Private(_) if self.permit.private_addresses => return Ok(()),
            Reach::Private(kind) => {
                // The address itself is the operator's business, not that of whoever sees the job.
                tracing::info!(%address, "`{}` leads to {kind} address", self.wanted);
                Denied::PrivateAddress(self.wanted.clone(), kind.to_string())
            }
            Reach::Metadata => Denied::Never(
                self.wanted.clone(),
                "its host is where a cloud hands out credentials, which no grant opens",
            ),
        };
        self.denials.deny(&denied);
        Err(Error::DestinationIpProhibited)
    }

    async fn shake_hands(
        &self,
        stream: Box<dyn Stream>,
    ) -> Result<(SendRequest<body::Outgoing>, Connection), Error> {
        let limits = &self.egress.limits;
        let (sender, connection) = http1::Builder::new()
            .max_headers(limits.n_headers)
            .max_header_size(limits.header_bytes)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failure::of_exchange(&error))?;
        Ok((sender, runtime::spawn(connection)))
    }

    async fn ask(
        &self,
        mut sender: SendRequest<body::Outgoing>,
        request: Request<body::Outgoing>,
    ) -> Result<Response<hyper::body::Incoming>, Error> {
        timeout(self.patience.first_byte, sender.send_request(request))
            .await
            .map_err(|_| Error::ConnectionReadTimeout)?
            .map_err(|error| failure::of_exchange(&error))
    }

    fn receive(
        &self,
        response: Response<hyper::body::Incoming>,
        places: Places,
    ) -> Result<Response<WasiBody>, Error> {
        let max_bytes = self.egress.limits.response_bytes;
        let (mut parts, incoming) = response.into_parts();
        check_response(&parts.headers, max_bytes, !self.secrets.is_empty())?;
        let redactor = (!self.secrets.is_empty()).then(|| {
            self.secrets.redact_headers(&mut parts.headers);
            // What stands in for a value has another length.
            parts.headers.remove(header::CONTENT_LENGTH);
            Redactor::new(self.secrets.clone())
        });
        let pause = self.patience.between_bytes;
        let body = body::Incoming::new(incoming, max_bytes, pause, redactor, places);
        Ok(Response::from_parts(parts, body.boxed_unsync()))
    }
}

async fn take_place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    let taking = Arc::clone(places).acquire_owned();
    taking.await.map_err(|_| Error::ConnectionLimitReached)
}

fn unknown_name() -> Error {
    Error::DnsError {
        rcode: Some("the name leads nowhere".to_owned()),
        info_code: None,
    }
}

/// The address that a host is, where it is none of the names.
fn literal(origin: &Origin) -> Option<IpAddr> {
    let host = origin.host();
    let inside = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inside.unwrap_or(host).parse().ok()
}

fn check_response(headers: &HeaderMap, max_bytes: u64, is_secret: bool) -> Result<(), Error> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if let Some(n_bytes) = length.filter(|&n_bytes| n_bytes > max_bytes) {
        return Err(Error::HttpResponseBodySize(Some(n_bytes)));
    }
    // What cannot be read cannot be looked through; it was asked for as it is.
    let coding = headers.get(header::CONTENT_ENCODING);
    match coding.filter(|coding| is_secret && *coding != "identity") {
        Some(coding) => Err(Error::HttpResponseContentCoding(
            coding.to_str().ok().map(str::to_owned),
        )),
        None => Ok(()),
    }
}

/// Whether the headers that a guest set are within the limit.
pub(super) fn check_headers(headers: &HeaderMap, max_bytes: usize) -> Result<(), Error> {
    let n_bytes = headers::n_bytes(headers);
    if n_bytes > max_bytes {
        let n_bytes = u32::try_from(n_bytes).ok();
        return Err(Error::HttpRequestHeaderSectionSize(n_bytes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Mutex};

    use super::*;
    use crate::{EgressLimits, PluginSettings, Resolve};

    /// Leads elsewhere each time it is asked.
    struct Rebinding(Mutex<Vec<IpAddr>>);

    #[async_trait::async_trait]
    impl Resolve for Rebinding {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            let next = self.0.lock().unwrap().pop();
            next.map(|address| vec![address])
                .ok_or_else(|| io::ErrorKind::NotFound.into())
        }
    }

    fn way(answers: &[&str]) -> Way {
        let answers = answers.iter().rev().map(|a| a.parse().unwrap()).collect();
        let mut settings = PluginSettings::new("unused");
        settings.egress.resolver = Arc::new(Rebinding(Mutex::new(answers)));
        Way {
            egress: Arc::new(Egress::new(&settings).unwrap()),
            denials: Denials::new("p", "s"),
            slot: "s".to_owned(),
            wanted: Wanted {
                method: "GET".to_owned(),
                origin: "http://rebinding.test".parse().unwrap(),
                path: "/".to_owned(),
            },
            permit: Permit {
                private_addresses: false,
            },
            secrets: Placeholders::default(),
            patience: Patience::new(&EgressLimits::default(), None),
            places: Arc::new(Semaphore::new(1)),
            wait: Duration::ZERO,
        }
    }

    #[tokio::test]
    async fn a_name_that_turns_inward_is_denied_the_second_time() {
        let way = way(&["93.184.215.14", "127.0.0.1"]);
        let public: IpAddr = "93.184.215.14".parse().unwrap();
        // What is returned here is all that is ever connected to.
        assert_eq!(way.locate().await.unwrap(), [public]);
        let denied = way.locate().await;
        assert!(matches!(denied, Err(Error::DestinationIpProhibited)));
        assert!(way.denials.first().unwrap().contains("a loopback address"));
        let gone = way.locate().await;
        assert!(matches!(gone, Err(Error::DnsError { .. })));
    }
}
