//! A request as the index understands it: names as phrases, words, filters, field by field.

use std::{collections::HashSet, ops::Bound};

use phagen_domain::query::CorpusRequest;
use tantivy::{
    DocAddress, Searcher, Term,
    collector::TopDocs,
    query::{
        BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, Occur, PhraseQuery, Query,
        RangeQuery, TermQuery,
    },
    schema::{Field, IndexRecordOption},
    tokenizer::TextAnalyzer,
};

use crate::{analyser, index::Fields};

/// Different names that are looked for; further ones are left out.
const MAX_NAMES: usize = 256;

/// Tokens of one name. No name is longer, and one that is could not be found whole.
const MAX_NAME_TOKENS: usize = 48;

/// Different words of the text that count; further ones are left out.
const MAX_WORDS: usize = 256;

/// Weight of a field's BM25 in the order of results, from SciFact's training claims: titles are
/// short, so that a word in one already counts much.
const TITLE_WEIGHT: f32 = 0.4;
const BODY_WEIGHT: f32 = 1.0;

/// Words that say nothing of what is looked for. They stand in every document, and leaving them out
/// of `text` halves the time of a search; names keep theirs.
const STOP_WORDS: [&str; 33] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "was", "will", "with",
];

/// What further names add to the best one, in a field that holds several: one substance is meant.
const OTHER_NAMES_SHARE: f32 = 0.1;

pub(super) type BoxedQuery = Box<dyn Query>;

/// A request, field by field.
pub(super) struct Question {
    names: Option<InFields>,
    words: Option<InFields>,
    filters: Vec<BoxedQuery>,
}

/// The same asked of title and body.
pub(super) struct InFields {
    pub(super) title: BoxedQuery,
    pub(super) body: BoxedQuery,
}

impl Question {
    /// None when nothing can answer it.
    pub(super) fn new(
        searcher: &Searcher,
        fields: &Fields,
        request: &CorpusRequest,
    ) -> tantivy::Result<Option<Self>> {
        let mut analyser = analyser::build();
        let names = distinct_names(&request.names, &mut analyser);
        let words = distinct_words(&request.text, &mut analyser);
        let names = if request.names.is_empty() {
            None
        } else {
            let names = InFields {
                title: any_name(searcher, fields.title, &names)?,
                body: any_name(searcher, fields.body, &names)?,
            };
            Some(names)
        };
        if names.is_none() && words.is_empty() {
            return Ok(None);
        }
        let words = (!words.is_empty()).then(|| InFields {
            title: any_word(fields.title, &words),
            body: any_word(fields.body, &words),
        });
        Ok(Some(Self {
            names,
            words,
            filters: filters(fields, request),
        }))
    }

    /// The best documents from `offset` on.
    pub(super) fn hits(
        &self,
        searcher: &Searcher,
        limit: usize,
        offset: usize,
    ) -> tantivy::Result<Vec<DocAddress>> {
        let top = TopDocs::with_limit(limit).and_offset(offset);
        let hits = searcher.search(&self.whole(), &top.order_by_score())?;
        Ok(hits.into_iter().map(|(_, address)| address).collect())
    }

    /// Names decide what is found when there are any, else words do.
    fn whole(&self) -> BooleanQuery {
        let both = |part: &InFields| -> BoxedQuery {
            Box::new(BooleanQuery::union(vec![
                boosted(&part.title, TITLE_WEIGHT),
                boosted(&part.body, BODY_WEIGHT),
            ]))
        };
        let mut clauses: Vec<(Occur, BoxedQuery)> = Vec::new();
        clauses.extend(self.names.as_ref().map(|names| (Occur::Must, both(names))));
        let occur = if clauses.is_empty() {
            Occur::Must
        } else {
            Occur::Should
        };
        clauses.extend(self.words.as_ref().map(|words| (occur, both(words))));
        clauses.extend(self.filters.iter().map(|filter| -> (Occur, BoxedQuery) {
            let unscored = ConstScoreQuery::new(filter.box_clone(), 0.0);
            (Occur::Must, Box::new(unscored))
        }));
        BooleanQuery::new(clauses)
    }

    /// What counts for one field's BM25.
    pub(super) fn in_field(&self, of: fn(&InFields) -> &BoxedQuery) -> BooleanQuery {
        let parts = self.names.iter().chain(&self.words);
        BooleanQuery::union(parts.map(|part| of(part).box_clone()).collect())
    }
}

fn boosted(query: &BoxedQuery, weight: f32) -> BoxedQuery {
    Box::new(BoostQuery::new(query.box_clone(), weight))
}

/// The tokens of each name, each way to write it once.
fn distinct_names(names: &[String], analyser: &mut TextAnalyzer) -> Vec<Vec<String>> {
    let mut distinct = Vec::new();
    let mut seen = HashSet::new();
    for name in names {
        let tokens = analyser::tokens(analyser, name);
        let fits = (1..=MAX_NAME_TOKENS).contains(&tokens.len());
        if fits && seen.insert(tokens.clone()) {
            distinct.push(tokens);
        }
    }
    if distinct.len() > MAX_NAMES {
        let n_names = distinct.len();
        tracing::warn!(
            n_names,
            "a search for {n_names} names looks for the first {MAX_NAMES}"
        );
        distinct.truncate(MAX_NAMES);
    }
    distinct
}

fn distinct_words(text: &str, analyser: &mut TextAnalyzer) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut words = analyser::tokens(analyser, text);
    words.retain(|word| seen.insert(word.clone()));
    if words
        .iter()
        .any(|word| !STOP_WORDS.contains(&word.as_str()))
    {
        words.retain(|word| !STOP_WORDS.contains(&word.as_str()));
    }
    words.truncate(MAX_WORDS);
    words
}

/// Any of `names` as a phrase. Most synonyms stand nowhere: a look at the dictionary leaves them
/// out before they cost anything.
fn any_name(
    searcher: &Searcher,
    field: Field,
    names: &[Vec<String>],
) -> tantivy::Result<BoxedQuery> {
    let mut phrases: Vec<BoxedQuery> = Vec::new();
    for tokens in names {
        let mut terms: Vec<_> = tokens
            .iter()
            .map(|t| Term::from_field_text(field, t))
            .collect();
        let mut is_known = true;
        for term in &terms {
            is_known = is_known && searcher.doc_freq(term)? > 0;
        }
        if !is_known {
            continue;
        }
        phrases.push(match terms.len() {
            1 => Box::new(TermQuery::new(
                terms.remove(0),
                IndexRecordOption::WithFreqs,
            )),
            _ => Box::new(PhraseQuery::new(terms)),
        });
    }
    Ok(Box::new(DisjunctionMaxQuery::with_tie_breaker(
        phrases,
        OTHER_NAMES_SHARE,
    )))
}

fn any_word(field: Field, words: &[String]) -> BoxedQuery {
    let terms = words
        .iter()
        .map(|w| Term::from_field_text(field, w))
        .collect();
    Box::new(BooleanQuery::new_multiterms_query(terms))
}

fn filters(fields: &Fields, request: &CorpusRequest) -> Vec<BoxedQuery> {
    let mut filters: Vec<BoxedQuery> = Vec::new();
    if let Some(kind) = request.kind {
        let term = fields.kind_term(kind);
        filters.push(Box::new(TermQuery::new(term, IndexRecordOption::Basic)));
    }
    if request.year_from.is_some() || request.year_to.is_some() {
        let year = |year: Option<u16>| {
            year.map_or(Bound::Unbounded, |year| {
                Bound::Included(Term::from_field_u64(fields.year, u64::from(year)))
            })
        };
        filters.push(Box::new(RangeQuery::new(
            year(request.year_from),
            year(request.year_to),
        )));
    }
    filters
}
