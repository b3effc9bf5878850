//! What is known of jobs, read without ever waiting for a writer.

use phagen_domain::job::{Job, JobId, JobState, JobStatus};
use phagen_store::{JobFilter, JobPage, JobSummary, QueueStats, StoreError};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    SqliteStore,
    row::{corrupt, failed, from_json, number, parse, priority, required, tenant, time},
};

/// Progress belongs to an attempt: an older attempt's ends where the newest `running` begins.
const FIND_JOB: &str = "
select
    job.request, job.state, job.run_at, job.attempt, job.max_attempts, job.lease_until,
    job.cancel_requested_at is not null as cancel_requested,
    case newest.kind when 'progress' then newest.data end as progress,
    job.failure, job.result, job.created_at, job.finished_at, job.priority, job.tenant,
    job.trace_parent
from job
left join job_event as newest on newest.job_id = job.id and newest.seq = (
    select max(seq) from job_event
    where job_id = job.id and kind in ('running', 'progress')
)
where job.id = ?1";

/// One statement for each set of filters, so that each walks the index made for it.
macro_rules! list_jobs {
    ($filter:literal) => {
        concat!(
            "select id, molecule, state, attempt, priority, created_at, finished_at from job ",
            "where ",
            $filter,
            " (created_at, id) < (?1, ?2) ",
            "order by created_at desc, id desc limit ?3"
        )
    };
}

const LIST: &str = list_jobs!("");
const LIST_BY_STATE: &str = list_jobs!("state = ?4 and");
const LIST_BY_MOLECULE: &str = list_jobs!("molecule_folded = ?4 and");
const LIST_BY_MOLECULE_AND_STATE: &str = list_jobs!("molecule_folded = ?4 and state = ?5 and");

const QUEUE_STATS: &str = "
select
    count(*) filter (where run_at <= now),
    count(*) filter (where run_at > now),
    (select count(*) from job indexed by job_leased where state = 'running'),
    coalesce((now - min(run_at) filter (where run_at <= now)) / 1000, 0)
from clock left join job indexed by job_due on state = 'queued'";

#[derive(FromRow)]
struct JobRow {
    request: String,
    state: String,
    run_at: i64,
    attempt: i64,
    max_attempts: i64,
    lease_until: Option<i64>,
    cancel_requested: bool,
    progress: Option<String>,
    failure: Option<String>,
    result: Option<String>,
    created_at: i64,
    finished_at: Option<i64>,
    priority: i64,
    tenant: String,
    trace_parent: Option<String>,
}

impl JobRow {
    fn into_job(self, id: JobId) -> Result<Job, StoreError> {
        let progress = self.progress.as_deref();
        Ok(Job {
            id,
            request: from_json("job", "request", &self.request)?,
            state: self.state()?,
            attempt: number("job", "attempt", self.attempt)?,
            max_attempts: number("job", "max_attempts", self.max_attempts)?,
            progress: progress
                .map(|text| from_json("job_event", "data", text))
                .transpose()?,
            created_at: time("job", self.created_at)?,
            priority: priority(self.priority)?,
            tenant: tenant(self.tenant),
            trace_parent: self.trace_parent,
        })
    }

    fn state(&self) -> Result<JobState, StoreError> {
        let finished_at = || time("job", required("job", "finished_at", self.finished_at)?);
        Ok(match status(&self.state)? {
            JobStatus::Queued => JobState::Queued {
                run_at: time("job", self.run_at)?,
            },
            JobStatus::Running => JobState::Running {
                lease_until: time("job", required("job", "lease_until", self.lease_until)?)?,
                cancel_requested: self.cancel_requested,
            },
            JobStatus::Succeeded => JobState::Succeeded {
                result: {
                    let text = required("job", "result", self.result.as_deref())?;
                    Box::new(from_json("job", "result", text)?)
                },
                finished_at: finished_at()?,
            },
            JobStatus::Failed => JobState::Failed {
                failure: {
                    let text = required("job", "failure", self.failure.as_deref())?;
                    from_json("job", "failure", text)?
                },
                finished_at: finished_at()?,
            },
            JobStatus::Cancelled => JobState::Cancelled {
                finished_at: finished_at()?,
            },
        })
    }
}

pub(super) async fn find_job(store: &SqliteStore, id: JobId) -> Result<Option<Job>, StoreError> {
    let row: Option<JobRow> = sqlx::query_as(FIND_JOB)
        .bind(id.to_string())
        .fetch_optional(&store.readers)
        .await
        .map_err(failed("find a job"))?;
    row.map(|row| row.into_job(id)).transpose()
}

#[derive(FromRow)]
struct SummaryRow {
    id: String,
    molecule: String,
    state: String,
    attempt: i64,
    priority: i64,
    created_at: i64,
    finished_at: Option<i64>,
}

impl SummaryRow {
    fn into_summary(self) -> Result<JobSummary, StoreError> {
        Ok(JobSummary {
            id: parse("job", &self.id)?,
            status: status(&self.state)?,
            molecule: self.molecule,
            attempt: number("job", "attempt", self.attempt)?,
            priority: priority(self.priority)?,
            created_at: time("job", self.created_at)?,
            finished_at: self.finished_at.map(|at| time("job", at)).transpose()?,
        })
    }
}

pub(super) async fn list_jobs(
    store: &SqliteStore,
    filter: &JobFilter,
    limit: u32,
    cursor: Option<&str>,
) -> Result<JobPage, StoreError> {
    let before = cursor.map_or(Ok(Cursor::NEWEST), Cursor::parse)?;
    let state = filter.status.map(JobStatus::as_str);
    let molecule = filter.molecule.as_deref().map(str::to_lowercase);
    let sql = match (&molecule, state) {
        (None, None) => LIST,
        (None, Some(_)) => LIST_BY_STATE,
        (Some(_), None) => LIST_BY_MOLECULE,
        (Some(_), Some(_)) => LIST_BY_MOLECULE_AND_STATE,
    };
    let mut query = sqlx::query_as(sql)
        .bind(before.created_at)
        .bind(before.id.to_string())
        // One more tells whether there is a next page.
        .bind(i64::from(limit) + 1);
    if let Some(molecule) = molecule {
        query = query.bind(molecule);
    }
    if let Some(state) = state {
        query = query.bind(state);
    }
    let mut rows: Vec<SummaryRow> = query
        .fetch_all(&store.readers)
        .await
        .map_err(failed("list jobs"))?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = match rows.last() {
        Some(last) if has_more => Some(Cursor::after(last)?.to_text()),
        _ => None,
    };
    let jobs = rows
        .into_iter()
        .map(SummaryRow::into_summary)
        .collect::<Result<_, _>>()?;
    Ok(JobPage { jobs, next_cursor })
}

pub(super) async fn queue_stats(store: &SqliteStore) -> Result<QueueStats, StoreError> {
    let (n_queued, n_scheduled, n_running, oldest): (i64, i64, i64, i64) =
        sqlx::query_as(QUEUE_STATS)
            .fetch_one(&store.readers)
            .await
            .map_err(failed("count the jobs of the queue"))?;
    Ok(QueueStats {
        n_queued: number("job", "count", n_queued)?,
        n_scheduled: number("job", "count", n_scheduled)?,
        n_running: number("job", "count", n_running)?,
        oldest_due_seconds: number("job", "run_at", oldest)?,
    })
}

fn status(name: &str) -> Result<JobStatus, StoreError> {
    JobStatus::from_name(name).ok_or_else(|| corrupt("job", format!("`{name}` is not a state")))
}

/// The last job of a page: 16 hexadecimal digits of its time, 32 of its id.
#[derive(Debug, PartialEq)]
struct Cursor {
    created_at: i64,
    id: Uuid,
}

impl Cursor {
    const NEWEST: Self = Self {
        created_at: i64::MAX,
        id: Uuid::max(),
    };

    fn after(row: &SummaryRow) -> Result<Self, StoreError> {
        Ok(Self {
            created_at: row.created_at,
            id: parse("job", &row.id)?,
        })
    }

    fn to_text(&self) -> String {
        format!("{:016x}{}", self.created_at, self.id.simple())
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let read = || {
            // `from_str_radix` would take a sign, and `parse_str` hyphens.
            let plain = text.len() == 48 && text.bytes().all(|b| b.is_ascii_hexdigit());
            let (time, id) = plain.then(|| text.split_at(16))?;
            Some(Self {
                created_at: i64::from_str_radix(time, 16).ok()?,
                id: Uuid::parse_str(id).ok()?,
            })
        };
        read().ok_or_else(|| StoreError::InvalidCursor(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_wrote_and_nothing_else() {
        let cursor = Cursor {
            created_at: 1_795_000_000_123,
            id: Uuid::now_v7(),
        };
        assert_eq!(Cursor::parse(&cursor.to_text()).unwrap(), cursor);
        let good = cursor.to_text();
        for bad in [
            "",
            "0",
            &good[1..],
            &format!("+{}", &good[1..]),
            &format!("f{}", &good[1..]),
            &"g".repeat(48),
            &"é".repeat(24),
        ] {
            assert!(Cursor::parse(bad).is_err(), "{bad}");
        }
    }
}
