//! `wasi:http` for sources: the only way out of the sandbox.
//!
//! A request goes out when the plugin's manifest asks for it *and* the operator grants it, to an
//! address that was checked after the name was resolved, within limits on size, number and time.
//! Nothing is followed, decoded, cached or kept alive here: a redirect goes back to the guest, and
//! following it is a new request that is judged anew.

mod address;
mod body;
mod canned;
mod connect;
mod exchange;
mod failure;
mod header;
mod limits;
mod overheard;
mod policy;
mod rate;
mod recorded;
mod resolve;
mod secret;
mod target;
mod written;

use std::{sync::Arc, time::Instant};

use http::{
    Request, Response, Version,
    header::{CONTENT_LENGTH, HOST},
};
use phagen_package::golden::HttpExchange;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::ClientConfig;
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
    p2::bindings::http::types::ErrorCode,
};

use self::{
    canned::Canned,
    exchange::{Exchange, Way},
    limits::Patience,
    policy::{decide, decide_secret},
    rate::Rate,
    target::{check_length, host, origin_form},
};
use super::{
    Role, Witness,
    denial::{Denials, Denied, Wanted},
};
use crate::{PluginError, settings::PluginSettings};

pub use limits::{EgressLimits, EgressSettings};
pub(super) use overheard::OverheardNetwork;
pub(super) use recorded::RecordedNetwork;
pub use resolve::{Resolve, SystemResolver};
pub use secret::{InvalidSecret, Secrets};
pub(super) use secret::{KEY_PREFIX, Placeholders};

/// How a request or a response ends, as `wasi:http` wants it told.
type Ending = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// What the requests of all guests share.
pub(crate) struct Egress {
    limits: EgressLimits,
    resolver: Arc<dyn Resolve>,
    tls: Arc<ClientConfig>,
    rate: Rate,
    places: Arc<Semaphore>,
    secrets: Secrets,
    /// Answers in place of the network, where something does.
    canned: Option<Canned>,
}

impl Egress {
    pub(crate) fn new(settings: &PluginSettings) -> Result<Self, PluginError> {
        let EgressSettings {
            limits,
            extra_roots,
            resolver,
        } = settings.egress.clone();
        Ok(Self {
            tls: connect::tls(&extra_roots)?,
            rate: Rate::default(),
            places: Arc::new(Semaphore::new(limits.n_connections)),
            secrets: settings.secrets.clone(),
            limits,
            resolver,
            canned: None,
        })
    }

    /// The same rules and limits, with `exchanges` in place of the network.
    pub(crate) fn canned(
        settings: &PluginSettings,
        exchanges: &[HttpExchange],
    ) -> Result<Self, PluginError> {
        Ok(Self {
            canned: Some(Canned::new(exchanges)),
            ..Self::new(settings)?
        })
    }

    /// Bytes of memory that one set of headers may take up, with what the host keeps beside them.
    pub(super) fn field_bytes(&self) -> usize {
        2 * self.limits.header_bytes
    }

    /// Bytes of one call's requests and responses that are written down.
    pub(crate) fn recorded_bytes(&self) -> usize {
        self.limits.recorded_bytes
    }

    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}

/// One guest's way out, for one call.
pub(super) struct Door {
    egress: Arc<Egress>,
    role: Arc<Role>,
    denials: Denials,
    placeholders: Placeholders,
    witness: Witness,
    n_left: u32,
    places: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(
        egress: Arc<Egress>,
        role: Arc<Role>,
        denials: Denials,
        placeholders: Placeholders,
        witness: Witness,
    ) -> Self {
        Self {
            n_left: egress.limits.n_requests,
            places: Arc::new(Semaphore::new(egress.limits.n_connections_per_call)),
            egress,
            role,
            denials,
            placeholders,
            witness,
        }
    }

    /// For the next call of a kept instance.
    pub(super) fn begin_again(&mut self) {
        self.n_left = self.egress.limits.n_requests;
    }

    fn denied(&self, denied: &Denied) -> Error {
        self.denials.deny(denied);
        Error::HttpRequestDenied
    }

    /// Everything that the request itself shows.
    fn admit(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Exchange, Error> {
        let limits = self.egress.limits.clone();
        let (mut parts, body) = request.into_parts();
        let wanted = policy::wanted(&parts.method, &parts.uri)?;
        self.count(&wanted)?;
        let permit = decide(&self.role.asked, &self.role.granted, &wanted)
            .map_err(|denied| self.denied(&denied))?;

        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        if target.len() > limits.target_bytes {
            return Err(Error::HttpRequestUriTooLong);
        }
        exchange::check_headers(&parts.headers, limits.header_bytes)?;
        check_length(parts.headers.get(CONTENT_LENGTH), limits.request_bytes)?;

        let secrets = self.placeholders.used(&parts.headers, target);
        let target = if secrets.is_empty() {
            target.to_owned()
        } else {
            self.fill(&secrets, &wanted, target)?
        };
        if !secrets.is_empty() {
            secrets.fill(&mut parts.headers);
        }
        parts.uri = origin_form(&target)?;
        parts.version = Version::HTTP_11;
        parts.headers.insert(HOST, host(&wanted.origin)?);

        let wait = self.line_up(&wanted)?;
        let (body, is_too_large) = body::Outgoing::new(body, limits.request_bytes);
        Ok(Exchange {
            way: Way {
                egress: Arc::clone(&self.egress),
                denials: self.denials.clone(),
                slot: self.role.slot.clone(),
                wanted,
                permit,
                secrets,
                patience: Patience::new(&limits, options),
                places: Arc::clone(&self.places),
                wait,
            },
            request: Request::from_parts(parts, body),
            is_too_large,
        })
    }

    fn count(&mut self, wanted: &Wanted) -> Result<(), Error> {
        let Some(left) = self.n_left.checked_sub(1) else {
            let n_requests = self.egress.limits.n_requests;
            let why = format!("one call may make {n_requests} requests, redirects included");
            return Err(self.denied(&Denied::Limit(wanted.clone(), why)));
        };
        self.n_left = left;
        Ok(())
    }

    /// Puts the secrets into the request's target, where they may go there at all.
    fn fill(&self, secrets: &Placeholders, wanted: &Wanted, target: &str) -> Result<String, Error> {
        for name in secrets.names() {
            decide_secret(&self.role.asked, &self.role.granted, wanted, name)
                .map_err(|denied| self.denied(&denied))?;
        }
        secrets.fill_target(target).ok_or_else(|| {
            let why = "a secret may stand in a header or in the query, not in the path";
            self.denied(&Denied::Never(wanted.clone(), why))
        })
    }

    fn line_up(&self, wanted: &Wanted) -> Result<std::time::Duration, Error> {
        let limits = &self.egress.limits;
        let n_per_second = limits.n_requests_per_second;
        self.egress
            .rate
            .wait(
                &self.role.slot,
                n_per_second,
                limits.first_byte_timeout,
                Instant::now(),
            )
            .ok_or_else(|| {
                let why = format!("the slot's {n_per_second} requests a second are taken");
                self.denied(&Denied::Limit(wanted.clone(), why))
            })
    }
}

impl WasiHttpHooks for Door {
    /// Wasmtime asks here for what a guest sets, for what a server answers, and for trailers.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(header::is_forbidden)
    }

    /// It is set from the origin that was judged.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _ending: Ending,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Ending), Error>> + Send> {
        let (request, ear) = match &self.witness {
            Witness::Nobody => (request, None),
            Witness::Overheard(call) => {
                let (request, ear) = call.network.hear(request);
                (request, Some(ear))
            }
            // What then became of each request, limits and grants included, was written down.
            Witness::Recorded(call) => return call.network.answer(request),
        };
        let admitted = self.admit(request, options);
        let answer = async move { admitted?.run().await };
        match ear {
            None => Box::new(answer),
            Some(ear) => Box::new(async move { ear.answer(answer.await) }),
        }
    }

    /// Told where it is handled, and no fault of the host's.
    fn p2_error_from_hyper(&mut self, error: &hyper::Error) -> ErrorCode {
        tracing::debug!(%error, "a guest's exchange broke off");
        ErrorCode::HttpProtocolError
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_may_be_less_patient_than_the_host_and_not_more() {
        let limits = EgressLimits::default();
        let told = |connect, first_byte| {
            Patience::new(
                &limits,
                Some(RequestOptions {
                    connect_timeout: Some(connect),
                    first_byte_timeout: Some(first_byte),
                    between_bytes_timeout: None,
                }),
            )
        };
        let (second, hour) = (
            std::time::Duration::from_secs(1),
            std::time::Duration::from_hours(1),
        );
        assert_eq!(told(hour, hour), Patience::new(&limits, None));
        assert_ne!(told(second, hour), Patience::new(&limits, None));
    }
}
