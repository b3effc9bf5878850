//! Behind the export macros: one adapter per world, from the generated traits to the plugin's own.
//!
//! A component holds one plugin, made by `init` and kept in guest memory until the instance ends.

mod mapper;
mod reranker;
mod source;

use std::{any::Any, cell::OnceCell};

use crate::{Attribute, Context, Failure, host::Host};

pub use mapper::MapperGuest;
pub use reranker::RerankerGuest;
pub use source::SourceGuest;

thread_local! {
    /// The plugin of this instance. `Any`, since a static cannot be generic.
    static LOADED: OnceCell<Box<dyn Any>> = const { OnceCell::new() };
}

/// A plugin after `init`.
struct Loaded<P> {
    context: Context,
    plugin: P,
}

/// Makes the plugin; a second time is refused, since the first would be lost unseen.
fn load<P: 'static>(
    config: Vec<Attribute>,
    init: impl FnOnce(&Context) -> Result<P, Failure>,
) -> Result<(), Failure> {
    let context = Context::new(config, Host::default());
    let plugin = init(&context)?;
    LOADED
        .with(|cell| cell.set(Box::new(Loaded { context, plugin })))
        .map_err(|_| Failure::invalid_config("`init` was called before; make a new instance"))
}

/// Calls the plugin.
fn with<P: 'static, R>(call: impl FnOnce(&Loaded<P>) -> Result<R, Failure>) -> Result<R, Failure> {
    LOADED.with(|cell| {
        let loaded = cell.get().and_then(|any| any.downcast_ref::<Loaded<P>>());
        call(
            loaded
                .ok_or_else(|| Failure::invalid_config("`init` was not called; call it first"))?,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Candidate, CorpusRequest, Description, Page, Query, Reranker, Source,
        bindings::{
            lifecycle::exports::phagen::plugin::lifecycle::Guest as _,
            reranking::exports::phagen::plugin0_2_0::packed_reranking::{
                Guest as _, PackedCandidates,
            },
            search::exports::phagen::plugin::search::Guest as _,
        },
    };

    struct Plugin;

    impl Source for Plugin {
        fn describe() -> Description {
            crate::describe!("for a test")
        }

        fn init(context: &Context) -> Result<Self, Failure> {
            match context.config("mode") {
                Some(mode) => Err(Failure::invalid_config(format!("`mode` is `{mode}`"))),
                None => Ok(Self),
            }
        }

        fn search(
            &self,
            context: &Context,
            _: &Query,
            _: u32,
            _: Option<&str>,
        ) -> Result<Page, Failure> {
            context.search_corpus(&CorpusRequest::default())
        }
    }

    impl Reranker for Plugin {
        fn describe() -> Description {
            crate::describe!("for a test")
        }

        fn init(_: &Context) -> Result<Self, Failure> {
            Ok(Self)
        }

        fn feature_names(&self) -> Vec<String> {
            vec!["one".into()]
        }

        fn features(&self, _: &Query, candidates: &[Candidate]) -> Result<Vec<Vec<f32>>, Failure> {
            let n = candidates.len();
            Ok(vec![vec![2.0]; n])
        }

        fn score(&self, _: &Query, candidates: &[Candidate]) -> Result<Vec<f32>, Failure> {
            Ok(vec![1.0; candidates.len()])
        }
    }

    type SourceExport = SourceGuest<Plugin>;
    type RerankerExport = RerankerGuest<Plugin>;

    fn query() -> Query {
        Query::of("aspirin", "2026-11-22")
    }

    /// `n` blank candidates.
    fn packed(n: usize) -> PackedCandidates {
        PackedCandidates {
            text: String::new(),
            layout: [0, 0, 0, 0, 0, 0, 0, u32::MAX, u32::MAX].repeat(n),
            values: Vec::new(),
        }
    }

    #[test]
    fn a_call_before_init_is_refused() {
        let failure = SourceExport::search(query(), 1, None).unwrap_err();
        assert_eq!(failure.code, "invalid-config");
        assert_eq!(
            SourceExport::self_test().unwrap_err().code,
            "invalid-config"
        );
        let failure = RerankerExport::rerank(query(), packed(0)).unwrap_err();
        assert_eq!(failure.code, "invalid-config");
    }

    #[test]
    fn init_makes_the_plugin_once() {
        let wrong = vec![Attribute::new("mode", "wrong")];
        let failure = SourceExport::init(wrong).unwrap_err();
        assert_eq!(failure.message, "`mode` is `wrong`");
        SourceExport::init(Vec::new()).unwrap();
        SourceExport::self_test().unwrap();
        assert_eq!(
            SourceExport::init(Vec::new()).unwrap_err().code,
            "invalid-config"
        );
        let failure = SourceExport::search(query(), 1, None).unwrap_err();
        assert_eq!(failure.code, "denied");
    }

    #[test]
    fn a_reranker_is_reached_through_its_export() {
        RerankerExport::init(Vec::new()).unwrap();
        let reranked = RerankerExport::rerank(query(), packed(2)).unwrap();
        assert_eq!(reranked.feature_names, ["one"]);
        assert_eq!(reranked.features, [2.0, 2.0]);
        assert_eq!(reranked.scores, [1.0, 1.0]);
    }

    #[test]
    fn a_description_becomes_attributes() {
        let facts = SourceExport::describe();
        let keys: Vec<_> = facts.iter().map(|fact| fact.key.as_str()).collect();
        assert_eq!(keys, ["name", "version", "description", "license"]);
        assert_eq!(facts[0].value, "phagen-sdk");
        assert_eq!(facts[2].value, "for a test");
    }
}
