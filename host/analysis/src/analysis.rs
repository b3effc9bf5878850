//! The walk of a job: resolve → gather → merge → rerank → map → assess → narrate.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use phagen_cache::Cache;
use phagen_domain::{
    digest::Digest,
    evidence::EvidenceKind,
    job::{JobRequest, Stage},
    query::Query,
    result::{JobResult, SlotVersion, SourceStatus, Versions},
};
use phagen_plugin::{ActiveSlot, CONTRACT, SlotSet, WASMTIME_VERSION};

use crate::{
    asked::Asked,
    assess::{self, RULE_SET},
    claims::{Sources, kept},
    drug_list::DrugList,
    error::AnalysisError,
    gather::{self, gather},
    mapping::map,
    merge::merge,
    names::Names,
    narrate::narrate,
    progress::{ProgressSink, report},
    rerank::{Ranked, rerank},
    resolve::resolve,
    suggest::{self, suggest},
    turn::{SourceLimits, Turns},
    unite::United,
    vocabulary::MeshVocabulary,
};

/// What every analysis shares.
#[derive(Clone)]
pub struct AnalysisParts {
    pub drugs: Arc<DrugList>,
    pub vocabulary: Arc<MeshVocabulary>,
    pub cache: Arc<Cache>,
    pub settings: AnalysisSettings,
    pub phagen_version: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalysisSettings {
    /// Longest wait for one source, all its pages together.
    pub source_deadline: Duration,
    /// How often and how many at once sources are asked by this process.
    pub source_limits: SourceLimits,
}

impl Default for AnalysisSettings {
    fn default() -> Self {
        Self {
            source_deadline: Duration::from_secs(20),
            source_limits: SourceLimits::default(),
        }
    }
}

/// Which state of the corpus the sources read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CorpusState {
    pub generation: u64,
    /// Tells corpora apart whose generations happen to be equal, as those of two machines may be;
    /// none where the caller has only one.
    pub digest: Option<Digest>,
}

impl From<u64> for CorpusState {
    fn from(generation: u64) -> Self {
        Self {
            generation,
            digest: None,
        }
    }
}

/// Runs analyses. Dropping the future of [`Analysis::run`] cancels it.
pub struct Analysis {
    parts: AnalysisParts,
    turns: Arc<Turns>,
}

impl Analysis {
    pub fn new(parts: AnalysisParts) -> Self {
        let turns = Arc::new(Turns::new(parts.settings.source_limits.clone()));
        Self { parts, turns }
    }

    /// The same with a cache that neither keeps nor answers: every call is made.
    #[must_use]
    pub fn uncached(&self) -> Self {
        Self {
            parts: AnalysisParts {
                cache: Arc::new(Cache::off()),
                ..self.parts.clone()
            },
            // What the sources bear is not more for that.
            turns: Arc::clone(&self.turns),
        }
    }

    /// Analyses one molecule with one set of slots, as of one day.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a job is, what it runs with and who watches are six things"
    )]
    pub async fn run(
        &self,
        request: &JobRequest,
        slots: &SlotSet,
        as_of: NaiveDate,
        corpus: impl Into<CorpusState> + Send,
        progress: &dyn ProgressSink,
    ) -> Result<JobResult, AnalysisError> {
        let started = Instant::now();
        let mut walk = Walk {
            parts: &self.parts,
            turns: &self.turns,
            progress,
            timings: BTreeMap::new(),
        };
        let mut result = walk.run(request, slots, as_of, corpus.into()).await?;
        walk.timings
            .insert("total".to_owned(), milliseconds(started));
        result.timings = walk.timings;
        Ok(result)
    }
}

/// One job on its way.
struct Walk<'a> {
    parts: &'a AnalysisParts,
    turns: &'a Arc<Turns>,
    progress: &'a dyn ProgressSink,
    timings: BTreeMap<String, f64>,
}

impl Walk<'_> {
    async fn run(
        &mut self,
        request: &JobRequest,
        slots: &SlotSet,
        as_of: NaiveDate,
        corpus: CorpusState,
    ) -> Result<JobResult, AnalysisError> {
        let parts = self.parts;
        let begun = self.begin(Stage::Resolve, format!("`{}`", request.molecule));
        let molecule = resolve(request, &parts.drugs).await?;
        let query = Query {
            molecule: molecule.to_molecule(),
            as_of,
            attributes: Vec::new(),
        };
        let names = Names::of(&query.molecule);
        self.end(Stage::Resolve, begun);

        let begun = self.begin(Stage::Gather, format!("{} sources", slots.sources.len()));
        let asking = gather::Request {
            query: &query,
            names: &names,
            limit: request.limit,
            deadline: parts.settings.source_deadline,
            corpus,
            turns: self.turns,
        };
        let wanted = request.sources.as_deref();
        let asked = gather(&asking, &slots.sources, wanted, &parts.cache).await?;
        self.end(Stage::Gather, begun);

        let begun = self.begin(Stage::Merge, answered(&asked));
        let merged = merge(&asked);
        self.end(Stage::Merge, begun);

        let begun = self.begin(
            Stage::Rerank,
            format!("{} pieces of evidence", merged.len()),
        );
        let ranked = rerank(
            &slots.rerankers,
            &query,
            merged,
            request.limit,
            &parts.cache,
        )
        .await?;
        self.end(Stage::Rerank, begun);

        let n_kept: usize = ranked.evidence.values().map(Vec::len).sum();
        let begun = self.begin(Stage::Map, format!("{n_kept} pieces of evidence"));
        let mapped = map(&slots.mappers, &query, &ranked.evidence, &parts.cache).await?;
        self.end(Stage::Map, begun);

        let begun = self.begin(
            Stage::Assess,
            format!("{} findings", mapped.findings.findings().len()),
        );
        let versions = self.versions(slots, corpus);
        let mut result = gathered(molecule, as_of, &asked, ranked, versions);
        result.warnings.extend(mapped.warnings);
        result.degraded = !result.warnings.is_empty();
        self.assess(&mut result, &asked, &mapped.findings, &names);
        self.end(Stage::Assess, begun);

        let n_suggestions = result.repurposing_suggestions.len();
        let begun = self.begin(Stage::Narrate, format!("{n_suggestions} suggestions"));
        result.innovation_story = narrate(&result);
        self.end(Stage::Narrate, begun);
        Ok(result)
    }

    fn assess(
        &self,
        result: &mut JobResult,
        asked: &[Asked<'_>],
        findings: &United,
        names: &Names,
    ) {
        let reports: Vec<_> = asked
            .iter()
            .map(|asked| (kind_of(asked.slot), &asked.report))
            .collect();
        let gaps = assess::gaps(&reports);
        let sources = Sources::of(result.evidence.values().flatten(), names);
        let suggestions = suggest(
            findings,
            &suggest::Context {
                sources: &sources,
                vocabulary: &self.parts.vocabulary,
                names,
                gaps: &gaps,
                has_label: sources.has_label(),
                approved_by: &result.molecule.approved_by,
            },
        );
        let n_kept = kept(result).count();
        result.recommendation =
            assess::recommend(&result.molecule.name, &suggestions, n_kept, &gaps);
        result.repurposing_suggestions = suggestions;
    }

    fn begin(&self, stage: Stage, detail: String) -> Instant {
        report(self.progress, stage, detail);
        Instant::now()
    }

    fn end(&mut self, stage: Stage, begun: Instant) {
        self.timings
            .insert(stage.as_str().to_owned(), milliseconds(begun));
    }

    fn versions(&self, slots: &SlotSet, corpus: CorpusState) -> Versions {
        Versions {
            phagen: self.parts.phagen_version.clone(),
            wasmtime: WASMTIME_VERSION.to_owned(),
            contract: CONTRACT.to_owned(),
            rule_set: RULE_SET.to_owned(),
            vocabulary_digest: self.parts.vocabulary.digest(),
            drug_list_digest: self.parts.drugs.digest(),
            corpus_generation: corpus.generation,
            corpus_digest: corpus.digest,
            slots: slots.iter().map(version).collect(),
        }
    }
}

/// A result up to the mapper: evidence, reports and warnings.
fn gathered(
    molecule: phagen_domain::molecule::ResolvedMolecule,
    as_of: NaiveDate,
    asked: &[Asked<'_>],
    ranked: Ranked,
    versions: Versions,
) -> JobResult {
    let mut sources: Vec<_> = asked.iter().map(|asked| asked.report.clone()).collect();
    for report in &mut sources {
        let brought = ranked.evidence.values().flatten().filter(|evidence| {
            let mut provenance = evidence.provenance.iter();
            provenance.any(|provenance| provenance.slot == report.slot)
        });
        report.n_kept = u32::try_from(brought.count()).unwrap_or(u32::MAX);
    }
    let failed = sources.iter().filter_map(|report| {
        let why = report.error.as_deref()?;
        Some(match report.status {
            SourceStatus::Failed => format!("the source `{}` failed: {why}", report.slot),
            // It was answered for, and `why` says by whom.
            _ => why.to_owned(),
        })
    });
    let warnings: Vec<String> = failed.chain(ranked.warnings).collect();
    JobResult {
        recommendation: assess::recommend(&molecule.name, &[], 0, &[]),
        molecule,
        as_of,
        evidence: ranked.evidence,
        reranking: ranked.reranking,
        repurposing_suggestions: Vec::new(),
        innovation_story: Vec::new(),
        sources,
        degraded: !warnings.is_empty(),
        warnings,
        timings: BTreeMap::new(),
        versions,
        recording: None,
    }
}

/// The kind of evidence a slot is for: its configuration says, or else its name.
fn kind_of(slot: &ActiveSlot) -> Option<EvidenceKind> {
    let configured = slot.activation.config.iter().find(|a| a.key == "kind");
    let name = configured.map_or(slot.slot.as_str(), |a| a.value.as_str());
    match EvidenceKind::from_name(name) {
        EvidenceKind::Other => None,
        kind => Some(kind),
    }
}

fn answered(asked: &[Asked<'_>]) -> String {
    let n_asked = asked
        .iter()
        .filter(|asked| asked.report.status != SourceStatus::NotAsked)
        .count();
    let n_answered = asked.iter().filter(|asked| asked.answer.is_some()).count();
    format!("{n_answered} of {n_asked} sources answered")
}

fn version(active: &ActiveSlot) -> SlotVersion {
    let serving = &active.activation;
    SlotVersion {
        slot: active.slot.clone(),
        world: active.plugin.world(),
        plugin: serving.plugin.clone(),
        plugin_digest: serving.plugin_digest,
        artifact_digest: serving.artifact_digest,
        generation: active.generation,
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}
