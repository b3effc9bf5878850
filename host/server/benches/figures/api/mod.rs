//! `GET /api/jobs/{id}` of results of 50 KB, at a fixed rate, while jobs are analysed: server, worker,
//! database and whoever asks share the cores.
//!
//! Requests leave by the clock, whether the answers before them came or not, and each is timed from
//! when it was due: a server that stalls cannot hide it by being asked less.

mod client;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use phagen_domain::{job::JobId, result::JobResult};
use reqwest::Client;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    analysis::{analyse, request},
    engine::{Engine, Place},
    process::Server,
    setting::{MOLECULES, Setting},
};

use client::{Answers, Load};

const RESULT_BYTES: usize = 50_000;
/// Pieces of one kind that are left in it.
const LEAST_EVIDENCE: usize = 2;
const PER_SECOND: u32 = 2_000;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(15);
/// Jobs submitted a second meanwhile, each analysed anew.
const JOBS_PER_SECOND: u32 = 5;
/// More than a process keeps answers of.
const N_MANY: usize = 1_000;

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    let result = result(setting)?;
    for engine in Engine::ALL {
        let place = Place::make(setting, engine)?;
        setting
            .runtime
            .block_on(on(setting, engine, &place, &result))?;
        place.clear(setting)?;
    }
    Ok(())
}

async fn on(setting: &Setting, engine: Engine, place: &Place, result: &JobResult) -> Result<()> {
    let mut ids = Vec::new();
    for _ in 0..N_MANY {
        ids.push(place.succeeded(request(MOLECULES[0]), result).await?);
    }
    let mut command = place.phagen(setting);
    command
        .env("PHAGEN_LIMIT__REQUESTS_PER_SECOND", "0")
        .env("PHAGEN_CACHE__ENABLED", "false");
    let server = Server::spawn_with(command, &["--workers", "1"])?;
    server.ready().await?;
    for (what, ids) in [("one result", &ids[..1]), ("1,000 results", &ids[..])] {
        for (load, jobs_per_second) in [("at rest", 0), ("with jobs", JOBS_PER_SECOND)] {
            let (answers, n_jobs) = under_load(&server, ids, jobs_per_second).await?;
            println!(
                "  {:<17}{what:<15}{load:<11}{} · {n_jobs} jobs submitted",
                engine.as_str(),
                answers.summary()
            );
        }
    }
    Ok(())
}

async fn under_load(
    server: &Server,
    ids: &[JobId],
    jobs_per_second: u32,
) -> Result<(Answers, usize)> {
    let load = |lasts| Load {
        authority: server.address.trim_start_matches("http://").to_owned(),
        paths: ids.iter().map(|id| format!("/api/jobs/{id}")).collect(),
        per_second: PER_SECOND,
        lasts,
    };
    let stop = CancellationToken::new();
    let measured = async {
        load(WARM_UP).run().await?;
        let answers = load(MEASURED).run().await;
        stop.cancel();
        answers
    };
    let (answers, n_jobs) = tokio::join!(measured, submit(server, jobs_per_second, &stop));
    Ok((answers?, n_jobs?))
}

/// Jobs at their own pace until `stop`; how many.
async fn submit(server: &Server, per_second: u32, stop: &CancellationToken) -> Result<usize> {
    if per_second == 0 {
        return Ok(0);
    }
    let client = Client::new();
    let url = format!("{}/api/jobs", server.address);
    let mut due = tokio::time::interval(Duration::from_secs(1) / per_second);
    let mut n_jobs = 0;
    while stop.run_until_cancelled(due.tick()).await.is_some() {
        let body = json!({
            "molecule": MOLECULES[n_jobs % MOLECULES.len()],
            "synonyms": [format!("name {n_jobs}")],
        });
        let answer = client.post(&url).json(&body).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "a job was answered {status}");
        n_jobs += 1;
    }
    Ok(n_jobs)
}

/// A real result, of as many bytes as asked for, more or less one piece of evidence.
fn result(setting: &Setting) -> Result<JobResult> {
    let house = setting.open(true)?;
    let slots = std::sync::Arc::clone(&house.fleet.serving().set);
    let mut result = setting
        .runtime
        .block_on(analyse(&house, &slots, MOLECULES[0]))?;
    let n_bytes = |result: &JobResult| serde_json::to_vec(result).map(|json| json.len());
    while n_bytes(&result)? > RESULT_BYTES {
        let most = result.evidence.values_mut().max_by_key(|kind| kind.len());
        let most = most.filter(|kind| kind.len() > LEAST_EVIDENCE);
        // The last of each list: what is best stays.
        let taken = most.and_then(Vec::pop).is_some();
        ensure!(
            result.repurposing_suggestions.pop().is_some() || taken,
            "nothing is left to take away"
        );
    }
    let piece = result.evidence.values().flatten().next().cloned();
    let piece = piece.context("the result has no evidence")?;
    while n_bytes(&result)? < RESULT_BYTES {
        let any = result.evidence.values_mut().next();
        any.context("the result has no evidence")?
            .push(piece.clone());
    }
    println!("  results of {} bytes", n_bytes(&result)?);
    Ok(result)
}
