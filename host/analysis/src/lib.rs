//! The walk of a job: resolve → gather → merge → rerank → map → assess → narrate, one module each.
//!
//! A molecule goes in; ranked evidence, suggestions, a verdict and a story come out, every part of
//! them tied to the text that it rests on. This room calls guests and reads lists; it never stores,
//! never serves, and never invents: a molecule nobody knows ends with no evidence and says so.

mod analysis;
mod asked;
mod assess;
mod claims;
mod drug_list;
mod error;
mod gather;
mod labels;
mod mapping;
mod merge;
mod names;
mod narrate;
mod page;
mod progress;
mod quote_lock;
mod read;
mod rerank;
mod resolve;
mod sentence;
mod sketch;
mod stand_in;
mod structure;
mod suggest;
mod turn;
mod unanswered;
mod unite;
mod vocabulary;

pub use analysis::{Analysis, AnalysisParts, AnalysisSettings, CorpusState};
pub use assess::RULE_SET;
pub use drug_list::{Drug, DrugList};
pub use error::AnalysisError;
pub use progress::{NoProgress, ProgressSink};
pub use quote_lock::strike_broken_quotes;
pub use read::ListError;
pub use structure::{SmilesError, Structure, check_smiles, structure_svg};
pub use turn::{SourceLimit, SourceLimits};
pub use unanswered::{Unanswered, unanswered};
pub use vocabulary::MeshVocabulary;
