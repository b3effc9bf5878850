//! `bench`: where the time of a call goes, measured in the host's own code on this machine.
//!
//! A call in a fresh instance is taken apart by asking three guests in turn: the plugin itself, the
//! plugin without a question (its instance and `init`), and a guest that looks at nothing with the
//! same question (what crossing the border costs). What is left is the plugin's own work, and beside
//! it stands the same code outside of the sandbox, asked by its SDK in a child. A figure that cannot
//! be had is told with its reason, and never made up.

mod child;
mod native;
mod told;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use phagen_domain::plugin::World;
use phagen_package::{GoldenCase, golden::GoldenCall};
use phagen_plugin::{ActiveSlot, PluginSettings, ask_golden};

use super::{AuthorError, Rehearsal, Subject};
use native::ByCase;
use told::Told;

pub use native::{Native, Outside};

/// Time for each of the parts of one case.
const BUDGET: Duration = Duration::from_secs(2);
const MIN_ROUNDS: usize = 20;
const MAX_ROUNDS: usize = 2_000;
/// Requests that a slot may send while it is measured.
const REQUESTS_PER_SECOND: u32 = 1_000_000;

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
    /// The same call outside of the sandbox, or why there is no figure.
    pub native: Result<Native, String>,
}

impl BenchReport {
    /// How many times as long the guest works; none where either is too short to tell.
    pub fn ratio(&self) -> Option<f64> {
        let native = self.native.as_ref().ok()?.part.p50;
        let is_told = !native.is_zero() && !self.guest.is_zero();
        is_told.then(|| self.guest.as_secs_f64() / native.as_secs_f64())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub p50: Duration,
    pub p99: Duration,
}

/// Settings to measure in: a golden case's network is asked again and again, and the wait for the
/// slot's next request would count as the plugin's work.
#[must_use]
pub fn unhurried(mut settings: PluginSettings) -> PluginSettings {
    settings.egress.limits.n_requests_per_second = REQUESTS_PER_SECOND;
    settings
}

/// Measures every case of the subject; `idle` is the folder of the guests that look at nothing, and
/// `outside` where the subject can be asked natively, or why it cannot.
pub async fn measure(
    rehearsal: &Rehearsal,
    subject: &Subject,
    idle: &Path,
    outside: Result<Outside, String>,
) -> Result<Vec<BenchReport>, AuthorError> {
    let golden = subject.package.golden.iter();
    let cases: Vec<GoldenCase> = golden
        .flat_map(|golden| &golden.cases)
        .map(|case| rehearsal.outfitted(case))
        .collect();
    if cases.is_empty() {
        return Err(AuthorError::Usage(
            "the plugin has no golden cases, and those are the calls that are measured; write some into the file that `self_test.cases` of plugin.toml names, and build again".to_owned(),
        ));
    }
    let idle = open_idle(idle, subject.package.world)?;
    // Before the sandbox, not beside it: the two would slow each other down.
    let native = ask_outside(rehearsal, outside, cases.clone()).await?;
    let mut reports = Vec::new();
    for case in &cases {
        let native = native.as_ref().map_err(Clone::clone).and_then(|by_case| {
            let told = by_case.get(&case.name).cloned();
            told.unwrap_or_else(|| Err("nothing was told of this case".to_owned()))
        });
        reports.push(one(rehearsal, (subject, &idle), case, native).await?);
    }
    Ok(reports)
}

async fn ask_outside(
    rehearsal: &Rehearsal,
    outside: Result<Outside, String>,
    cases: Vec<GoldenCase>,
) -> Result<Result<ByCase, String>, AuthorError> {
    let outside = match outside {
        Ok(outside) => outside,
        Err(why) => return Ok(Err(why)),
    };
    let artifact = rehearsal.outfit.artifact.clone();
    tokio::task::spawn_blocking(move || outside.ask(&cases, artifact.as_ref()))
        .await
        .map_err(|_| AuthorError::Interrupted)
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
    native: Result<(Native, Told), String>,
) -> Result<BenchReport, AuthorError> {
    let slot = stage(rehearsal, subject, case).await?;
    let idle = stage(rehearsal, idle, case).await?;
    let nothing = emptied(&case.call);
    // Once each, so that nothing is measured that happens once; and how long a round takes.
    let began = Instant::now();
    let guest = Told::of_guest(&ask_golden(&slot, &case.call, case.as_of).await);
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
        // Another answer was other work.
        native: native.and_then(|(native, told)| told.agree(&guest).map(|()| native)),
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
