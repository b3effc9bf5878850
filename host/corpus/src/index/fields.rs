//! The fields of a document in the index, and how evidence is written into them.

use phagen_domain::evidence::{Evidence, EvidenceId, EvidenceKind};
use tantivy::{
    TantivyDocument, Term,
    schema::{
        BytesOptions, FAST, Field, INDEXED, IndexRecordOption, STRING, Schema, TextFieldIndexing,
        TextOptions,
    },
};

use crate::analyser;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    /// The evidence id, whole.
    pub(crate) id: Field,
    /// Position in [`EvidenceKind::ALL`].
    pub(crate) kind: Field,
    /// Absent when the date is unknown.
    pub(crate) year: Field,
    pub(crate) title: Field,
    pub(crate) body: Field,
    pub(crate) n_passages: Field,
    /// First eight bytes of the digest of `evidence`.
    pub(crate) content: Field,
    /// The evidence as compact JSON.
    pub(crate) evidence: Field,
}

pub(super) fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let text = || {
        TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer(analyser::NAME)
                .set_index_option(IndexRecordOption::WithFreqsAndPositions),
        )
    };
    let fields = Fields {
        id: schema.add_text_field("id", STRING),
        kind: schema.add_u64_field("kind", INDEXED | FAST),
        year: schema.add_u64_field("year", FAST),
        title: schema.add_text_field("title", text()),
        body: schema.add_text_field("body", text()),
        n_passages: schema.add_u64_field("n_passages", FAST),
        content: schema.add_u64_field("content", FAST),
        evidence: schema.add_bytes_field("evidence", BytesOptions::default().set_stored()),
    };
    (schema.build(), fields)
}

impl Fields {
    pub(crate) fn id_term(&self, id: &EvidenceId) -> Term {
        Term::from_field_text(self.id, id.as_str())
    }

    pub(crate) fn kind_term(&self, kind: EvidenceKind) -> Term {
        Term::from_field_u64(self.kind, kind_code(kind))
    }

    /// `evidence` as it is indexed; `json` is its compact JSON and `content` that one's identity.
    pub(crate) fn document(
        &self,
        evidence: &Evidence,
        json: &[u8],
        content: u64,
    ) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        document.add_text(self.id, evidence.evidence_id.as_str());
        document.add_u64(self.kind, kind_code(evidence.kind));
        if let Some(date) = evidence.date {
            document.add_u64(self.year, u64::from(date.year()));
        }
        document.add_text(self.title, &evidence.title);
        // One value each: a phrase then never reaches from one passage into the next.
        for passage in &evidence.passages {
            document.add_text(self.body, &passage.text);
        }
        document.add_u64(self.n_passages, evidence.passages.len() as u64);
        document.add_u64(self.content, content);
        document.add_bytes(self.evidence, json);
        document
    }
}

fn kind_code(kind: EvidenceKind) -> u64 {
    (0..)
        .zip(EvidenceKind::ALL)
        .find_map(|(code, known)| (known == kind).then_some(code))
        .unwrap_or_default()
}
