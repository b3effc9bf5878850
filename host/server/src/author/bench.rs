//! `bench`: where the time of a call goes, measured in the host's own code on this machine.
//!
//! A call in a fresh instance is taken apart by asking three guests in turn: the plugin itself, the
//! plugin without a question (its instance and `init`), and a guest that looks at nothing with the
//! same question (what crossing the border costs). What is left is the plugin's own work.
//! The plugin's logic outside the sandbox is not measured: this command has no way to link it.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use phagen_domain::plugin::World;
use phagen_package::{GoldenCase, golden::GoldenCall};
use phagen_plugin::{ActiveSlot, ask_golden};

use super::{AuthorError, Rehearsal, Subject};

/// Time for each of the parts of one case.
const BUDGET: Duration = Duration::from_secs(2);
const MIN_ROUNDS: usize = 20;
const MAX_ROUNDS: usize = 2_000;

/// What was measured of one question.
#[derive(Debug, Clone)]
pub struct BenchReport {
    pub case: String,
    pub n_rounds: usize,
    /// A fresh instance, asked and answered.
    pub whole: Part,
    /// Instance, `init`, `self-test`.
    pub instance: Part,
    /// The question into a guest and its answer out, without any work.
    pub marshalling: Part,
    /// What is left for the plugin's own work, of the medians.
    pub guest: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub p50: Duration,
    pub p99: Duration,
}

/// Measures every case of the subject; `idle` is the folder of the guests that look at nothing.
pub async fn measure(
    rehearsal: &Rehearsal,
    subject: &Subject,
    idle: &Path,
) -> Result<Vec<BenchReport>, AuthorError> {
    let cases = subject.package.golden.as_ref();
    let cases = cases.map_or(&[][..], |golden| &golden.cases);
    if cases.is_empty() {
        return Err(AuthorError::Usage(
            "the plugin has no golden cases, and those are the calls that are measured; write some into the file that `self_test.cases` of plugin.toml names, and build again".to_owned(),
        ));
    }
    let idle = open_idle(idle, subject.package.world)?;
    let mut reports = Vec::new();
    for case in cases {
        reports.push(one(rehearsal, (subject, &idle), case).await?);
    }
    Ok(reports)
}

fn open_idle(folder: &Path, world: World) -> Result<Subject, AuthorError> {
    let path = folder.join(format!("idle-{world}.wasm"));
    let bytes = fs::read(&path).map_err(AuthorError::file(
        "read a guest of the share folder, which `cargo xtask guests` builds:",
        &path,
    ))?;
    Subject::of(path, bytes)
}

async fn one(
    rehearsal: &Rehearsal,
    (subject, idle): (&Subject, &Subject),
    case: &GoldenCase,
) -> Result<BenchReport, AuthorError> {
    let slot = stage(rehearsal, subject, case).await?;
    let idle = stage(rehearsal, idle, case).await?;
    let nothing = emptied(&case.call);
    // Once each, so that nothing is measured that happens once; and how long a round takes.
    let began = Instant::now();
    drop(ask_golden(&slot, &case.call, case.as_of).await);
    slot.self_test(case.as_of).await?;
    drop(ask_golden(&idle, &case.call, case.as_of).await);
    drop(ask_golden(&idle, &nothing, case.as_of).await);
    let n_rounds = rounds(began.elapsed());
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..n_rounds {
        let [whole, instance, crossing, empty] = &mut times;
        whole.push(timed(ask_golden(&slot, &case.call, case.as_of)).await);
        instance.push(timed(async { drop(slot.self_test(case.as_of).await) }).await);
        crossing.push(timed(ask_golden(&idle, &case.call, case.as_of)).await);
        empty.push(timed(ask_golden(&idle, &nothing, case.as_of)).await);
    }
    let [whole, instance, crossing, empty] = times.map(Part::of);
    let marshalling = Part {
        p50: crossing.p50.saturating_sub(empty.p50),
        p99: crossing.p99.saturating_sub(empty.p99),
    };
    Ok(BenchReport {
        case: case.name.clone(),
        n_rounds,
        whole,
        instance,
        marshalling,
        guest: whole
            .p50
            .saturating_sub(instance.p50)
            .saturating_sub(marshalling.p50),
    })
}

async fn stage(
    rehearsal: &Rehearsal,
    subject: &Subject,
    case: &GoldenCase,
) -> Result<ActiveSlot, AuthorError> {
    let (plugin, _) = rehearsal.load(subject).await?;
    let slot = rehearsal.slot(&plugin?, Vec::new());
    Ok(rehearsal.host.rehearse(&slot, case)?)
}

/// As many as fit into the budget.
fn rounds(one: Duration) -> usize {
    let fitting = BUDGET.as_micros() / one.as_micros().max(1);
    usize::try_from(fitting)
        .unwrap_or(MAX_ROUNDS)
        .clamp(MIN_ROUNDS, MAX_ROUNDS)
}

/// A case may expect a failure: how long it takes to fail is measured as well.
async fn timed<T>(work: impl Future<Output = T>) -> Duration {
    let began = Instant::now();
    drop(work.await);
    began.elapsed()
}

/// The same question about nothing.
fn emptied(call: &GoldenCall) -> GoldenCall {
    let mut call = call.clone();
    match &mut call {
        GoldenCall::Search(search) => {
            search.query.molecule.synonyms.clear();
            search.query.attributes.clear();
            search.cursor = None;
        }
        GoldenCall::Find(find) => find.documents.clear(),
        GoldenCall::Rerank(rerank) => rerank.candidates.clear(),
    }
    call
}

impl Part {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let last = times.len().saturating_sub(1);
            times.get(last * percent / 100).copied().unwrap_or_default()
        };
        Self {
            p50: at(50),
            p99: at(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_times() {
        let times = (0..=100).rev().map(Duration::from_millis).collect();
        let part = Part::of(times);
        assert_eq!(part.p50, Duration::from_millis(50));
        assert_eq!(part.p99, Duration::from_millis(99));
        assert_eq!(Part::of(Vec::new()).p50, Duration::ZERO);
    }

    #[test]
    fn rounds_fit_into_the_budget() {
        assert_eq!(rounds(Duration::from_millis(10)), 200);
        assert_eq!(rounds(Duration::from_micros(1)), MAX_ROUNDS);
        assert_eq!(rounds(Duration::from_secs(10)), MIN_ROUNDS);
    }
}
