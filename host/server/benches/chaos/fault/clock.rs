//! The clocks of two workers are off by an hour, one ahead and one behind.

use std::{path::Path, process::Command, sync::Arc};

use anyhow::Result;

use super::{
    Engine, Size,
    cluster::{Cluster, pid_in},
    figures::Figures,
    jobs::Jobs,
    kit::{Kit, variable},
    place::Place,
    slow_source::SlowSource,
    storm::told,
};

/// Which worker, and by how many seconds.
const OFF: [(usize, &str); 2] = [(0, "+3600"), (1, "-3600")];
/// Jobs that every reaper looks at while they run.
const N_LONG: usize = 3;

pub(crate) async fn of(kit: &Arc<Kit>, engine: Engine, size: Size) -> Result<Figures> {
    let mut place = Place::new(kit, engine).await?;
    if engine == Engine::Postgres {
        place.lease_long();
    }
    let library = variable("PHAGEN_TEST_FAKETIME")?;
    let source = SlowSource::start().await?;
    let dress = |number, command: &mut Command| put_off(number, command, &library);
    let mut cluster = Cluster::start_dressed(&place, size.n_workers, dress).await?;
    source.install(place.kit(), &cluster.api.caller).await?;
    let mut jobs = Jobs::default();
    jobs.submit(&cluster.api.caller, size.n_jobs / 2).await?;
    jobs.submit_long(&cluster.api.caller, N_LONG).await?;
    let n_left = size.n_jobs - size.n_jobs / 2;
    jobs.submit(&cluster.api.caller, n_left).await?;
    let ended = place.until_open(0).await.map(|()| Figures::default());
    let mut figures = told(ended, &place)?;
    let judged = jobs.judge(&place, &mut figures).await?;
    let n_ended = cluster.n_ended()?;
    figures.must(n_ended == 0, "processes that ended over it", n_ended);
    let mut claimed_by = [0, 0];
    for claimer in &judged.claimers {
        let pid = pid_in(claimer)?;
        for ((at, _), n_claimed) in OFF.iter().zip(&mut claimed_by) {
            *n_claimed += usize::from(cluster.pid_of(*at) == pid);
        }
    }
    let [ahead, behind] = claimed_by;
    let stolen = judged.n_claimed_again;
    match engine {
        // Its clock is the server's alone.
        Engine::Postgres => {
            figures.must(ahead > 0, "claimed by the worker an hour ahead", ahead);
            figures.must(behind > 0, "claimed by the worker an hour behind", behind);
            figures.must(
                stolen == 0,
                "leases taken from those that held them",
                stolen,
            );
        }
        // Its clock is that of each process: what is due and what ran out is read by it.
        Engine::Sqlite => {
            figures.tell("claimed by the worker an hour ahead", ahead);
            figures.tell("claimed by the worker an hour behind", behind);
            figures.tell("leases taken from those that held them", stolen);
        }
    }
    Ok(figures)
}

fn put_off(number: usize, command: &mut Command, library: &Path) {
    let Some((_, seconds)) = OFF.iter().find(|(at, _)| *at == number) else {
        return;
    };
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME", seconds)
        // Only the time of day is wrong: no machine's clock of elapsed time can be.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1");
}
