//! `GET /api/jobs/{job_id}/events`: the life of a job as server-sent events.
//!
//! The store is polled, so a stream needs no worker in this process and can begin anywhere.

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use chrono::{DateTime, Utc};
use futures::{Stream, stream};
use phagen_domain::job::{JobId, JobStatus};
use phagen_store::JobEvent;
use serde::Serialize;
use tokio::{sync::OwnedSemaphorePermit, time::sleep};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{JobPath, find};
use crate::http::{
    problem::{Kind, Problem, ProblemBody},
    state::App,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx to pass events on as they come.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(events))
}

/// The `data` of an event; its `id` counts from 1 and its `event` is `queued`, `running`,
/// `progress`, `retry`, `succeeded`, `failed` or `cancelled`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobEvent)]
struct EventBody<'a> {
    job_id: JobId,
    at: DateTime<Utc>,
    /// What the kind of event has to tell, such as `stage` and `detail` of progress.
    #[schema(value_type = Object)]
    data: &'a serde_json::Value,
}

/// The life of a job as server-sent events
///
/// Begins with the first event, or after `Last-Event-ID`; ends after the last. A client that has
/// seen the last gets 204, which tells an `EventSource` to stop asking.
#[utoipa::path(
    get, path = "/api/jobs/{job_id}/events", operation_id = "watch_job", tag = "jobs",
    params(
        ("job_id" = JobId, Path, description = "Id of the job"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that was seen; it is not repeated")),
    responses(
        (status = 200, description = "Events, with comments in between so that nobody hangs up", body = EventBody<'_>, content_type = "text/event-stream"),
        (status = 204, description = "There is nothing to come"),
        (status = 400, description = "The id or `Last-Event-ID` is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams are open", body = ProblemBody, content_type = "application/problem+json")))]
async fn events(
    State(app): State<Arc<App>>,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = last_event_id(&headers)?;
    let is_finished = find(&app, id).await?.state.status().is_finished();
    let pending = app.store.list_events(id, after).await?;
    if is_finished && pending.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let heartbeat = KeepAlive::new()
        .interval(app.limits.event_heartbeat)
        .text("heartbeat");
    let feed = Feed::begin(app, id, after, pending)?;
    Ok((
        [UNBUFFERED],
        Sse::new(feed.into_stream()).keep_alive(heartbeat),
    )
        .into_response())
}

/// Zero, before the first, when the client has seen none.
fn last_event_id(headers: &HeaderMap) -> Result<u64, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(0);
    };
    value
        .to_str()
        .ok()
        .map(str::trim)
        .and_then(|text| {
            if text.is_empty() {
                Some(0)
            } else {
                text.parse().ok()
            }
        })
        .ok_or_else(|| {
            Problem::of_field(
                Kind::InvalidHeader,
                "Last-Event-ID",
                "must be the number of an event of this job",
            )
        })
}

/// Where one client's stream stands.
struct Feed {
    app: Arc<App>,
    id: JobId,
    after: u64,
    pending: VecDeque<JobEvent>,
    has_ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    fn begin(
        app: Arc<App>,
        id: JobId,
        after: u64,
        pending: Vec<JobEvent>,
    ) -> Result<Self, Problem> {
        let permit = Arc::clone(&app.event_streams)
            .try_acquire_owned()
            .map_err(|_| {
                let limit = app.limits.n_event_streams;
                Problem::new(
                    Kind::TooManyStreams,
                    format!(
                        "{limit} event streams are open, as many as may be; ask for the job instead"
                    ),
                )
            })?;
        Ok(Self {
            app,
            id,
            after,
            pending: pending.into(),
            has_ended: false,
            _permit: permit,
        })
    }

    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut feed| async {
            let event = feed.next().await?;
            Some((Ok(feed.written(&event)), feed))
        })
    }

    /// The next event; none after the last, at shutdown, and when the database fails: the client
    /// then comes back and goes on where it was.
    async fn next(&mut self) -> Option<JobEvent> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                self.after = event.seq;
                self.has_ended =
                    JobStatus::from_name(&event.kind).is_some_and(JobStatus::is_finished);
                return Some(event);
            }
            if self.has_ended {
                return None;
            }
            tokio::select! {
                () = self.app.shutdown.cancelled() => return None,
                () = sleep(self.app.limits.event_poll) => {}
            }
            match self.app.store.list_events(self.id, self.after).await {
                Ok(events) => self.pending.extend(events),
                Err(error) => {
                    let id = self.id;
                    tracing::warn!(job.id = %id, %error, "event stream of job `{id}` broke off: {error}");
                    return None;
                }
            }
        }
    }

    fn written(&self, event: &JobEvent) -> Event {
        let body = EventBody {
            job_id: self.id,
            at: event.at,
            data: &event.data,
        };
        let written = Event::default()
            .id(event.seq.to_string())
            .event(&event.kind);
        let json = serde_json::json!(body).to_string();
        written.data(json)
    }
}
