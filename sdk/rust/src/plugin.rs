//! The three kinds of plugin.
//!
//! The host makes a fresh instance for every job: what a plugin keeps in `self` is gone afterwards,
//! and whatever is costly belongs into the build or the artifact, not into `init`.

use crate::{
    Candidate, CandidateView, Context, Description, Document, Failure, Finding, Molecule, Page,
    Query, Reranked,
};

/// Finds evidence. The only kind that may reach out, and only to what its slot is granted.
///
/// ```
/// use phagen_sdk::{Context, CorpusRequest, Description, Failure, Page, Query, Source};
///
/// /// Searches the host's corpus for trials.
/// pub struct Trials;
///
/// impl Source for Trials {
///     fn describe() -> Description {
///         phagen_sdk::describe!("Finds trials in the host's corpus")
///     }
///
///     fn init(_: &Context) -> Result<Self, Failure> {
///         Ok(Self)
///     }
///
///     fn search(
///         &self,
///         context: &Context,
///         query: &Query,
///         limit: u32,
///         cursor: Option<&str>,
///     ) -> Result<Page, Failure> {
///         context.search_corpus(&CorpusRequest {
///             names: query.molecule.names().map(str::to_owned).collect(),
///             kind: Some("clinical".into()),
///             limit,
///             cursor: cursor.map(str::to_owned),
///             ..CorpusRequest::default()
///         })
///     }
/// }
///
/// phagen_sdk::export_source!(Trials);
///
/// # fn main() -> Result<(), Failure> {
/// // The test of it, with a corpus that knows nothing:
/// use phagen_sdk::testing::Harness;
///
/// let source = Harness::new().corpus(|_| Ok(Page::default())).source::<Trials>()?;
/// let page = source.search(&Query::of("aspirin", "2026-11-22"), 20, None)?;
/// assert!(page.candidates.is_empty());
/// # Ok(())
/// # }
/// ```
pub trait Source: Sized + 'static {
    /// Facts for people.
    fn describe() -> Description;

    /// Makes the plugin from its configuration and artifact, once per instance.
    fn init(context: &Context) -> Result<Self, Failure>;

    /// Finds evidence for the query's molecule: at most `limit` candidates from `cursor` on, best
    /// first.
    fn search(
        &self,
        context: &Context,
        query: &Query,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page, Failure>;

    /// A short check of the plugin by itself.
    fn self_test(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Names diseases in passages. Reaches nothing and remembers nothing.
///
/// ```
/// use phagen_sdk::{Context, Description, Document, Failure, Finding, Ground, Mapper, Molecule, Span};
///
/// /// Knows one disease by one name.
/// pub struct Asthma;
///
/// impl Mapper for Asthma {
///     fn describe() -> Description {
///         phagen_sdk::describe!("Recognises asthma")
///     }
///
///     fn init(_: &Context) -> Result<Self, Failure> {
///         Ok(Self)
///     }
///
///     fn find(&self, _: Option<&Molecule>, documents: &[Document]) -> Result<Vec<Finding>, Failure> {
///         let mut findings = Vec::new();
///         for document in documents {
///             for passage in &document.passages {
///                 for (start, name) in passage.text.match_indices("asthma") {
///                     findings.push(Finding {
///                         evidence_id: document.evidence_id.clone(),
///                         ground: Ground::Span(Span::new(passage.ordinal, start..start + name.len())?),
///                         mesh_id: "D001249".into(),
///                         matched_text: name.into(),
///                         negated: false,
///                         stance: "neither".into(),
///                         score: 1.0,
///                     });
///                 }
///             }
///         }
///         Ok(findings)
///     }
/// }
///
/// phagen_sdk::export_mapper!(Asthma);
///
/// # fn main() -> Result<(), Failure> {
/// // The test of it:
/// use phagen_sdk::{Passage, testing::Harness};
///
/// let document = Document {
///     evidence_id: "PMID:1".into(),
///     passages: vec![Passage::title("Montelukast in asthma")],
/// };
/// let findings = Harness::new().mapper::<Asthma>()?.find(None, &[document])?;
/// assert_eq!(findings[0].mesh_id, "D001249");
/// # Ok(())
/// # }
/// ```
pub trait Mapper: Sized + 'static {
    /// Facts for people.
    fn describe() -> Description;

    /// Makes the plugin from its configuration and artifact, once per instance.
    fn init(context: &Context) -> Result<Self, Failure>;

    /// Names diseases. Without a molecule it only recognises: every stance is `neither`. It never
    /// aggregates: rolling up is the host's.
    fn find(
        &self,
        molecule: Option<&Molecule>,
        documents: &[Document],
    ) -> Result<Vec<Finding>, Failure>;

    /// A short check of the plugin by itself.
    fn self_test(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Orders evidence. Reaches nothing and remembers nothing.
///
/// ```
/// use phagen_sdk::{Candidate, Context, Description, Failure, Query, Reranker};
///
/// /// Puts evidence with results first.
/// pub struct ResultsFirst;
///
/// impl Reranker for ResultsFirst {
///     fn describe() -> Description {
///         phagen_sdk::describe!("Puts evidence with results first")
///     }
///
///     fn init(_: &Context) -> Result<Self, Failure> {
///         Ok(Self)
///     }
///
///     fn feature_names(&self) -> Vec<String> {
///         vec!["has_results".into()]
///     }
///
///     fn features(&self, _: &Query, candidates: &[Candidate]) -> Result<Vec<Vec<f32>>, Failure> {
///         let has_results = |c: &Candidate| c.evidence.attribute("has_results") == Some("true");
///         Ok(candidates.iter().map(|c| vec![f32::from(has_results(c))]).collect())
///     }
///
///     fn score(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<f32>, Failure> {
///         Ok(self.features(query, candidates)?.concat())
///     }
/// }
///
/// phagen_sdk::export_reranker!(ResultsFirst);
///
/// # fn main() -> Result<(), Failure> {
/// // The test of it:
/// use phagen_sdk::testing::Harness;
///
/// let reranker = Harness::new().reranker::<ResultsFirst>()?;
/// let scores = reranker.score(&Query::of("aspirin", "2026-11-22"), &[Candidate::default()])?;
/// assert_eq!(scores, [0.0]);
/// # Ok(())
/// # }
/// ```
pub trait Reranker: Sized + 'static {
    /// Facts for people.
    fn describe() -> Description;

    /// Makes the plugin from its configuration and artifact, once per instance.
    fn init(context: &Context) -> Result<Self, Failure>;

    /// Names of the columns that [`Reranker::features`] returns.
    fn feature_names(&self) -> Vec<String>;

    /// One row per candidate, in order, one finite value per name. Training reads features only
    /// here, so training and serving cannot drift apart.
    fn features(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<Vec<f32>>, Failure>;

    /// One finite score per candidate, in the same order, higher is better.
    fn score(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<f32>, Failure>;

    /// Names, features and scores at once: what the host calls. Written anew it saves time twice:
    /// texts are read where they lie, and features from which scores come are computed once. What
    /// it answers stays the same.
    fn rerank(&self, query: &Query, candidates: &[CandidateView<'_>]) -> Result<Reranked, Failure> {
        let candidates: Vec<Candidate> =
            candidates.iter().map(CandidateView::to_candidate).collect();
        Reranked::new(
            self.feature_names(),
            &self.features(query, &candidates)?,
            self.score(query, &candidates)?,
        )
    }

    /// A short check of the plugin by itself.
    fn self_test(&self) -> Result<(), Failure> {
        Ok(())
    }
}
