//! English stemming that does each word once: done anew for every token, it would cost more than
//! all the rest of indexing.

use std::collections::HashMap;

use tantivy::tokenizer::{
    Language, RawTokenizer, Stemmer, TextAnalyzer, Token, TokenFilter, TokenStream, Tokenizer,
};

/// Stems that an analyser remembers: enough for nearly every word of a text.
const MAX_REMEMBERED_STEMS: usize = 20_000;

pub(super) struct RememberedStems;

impl TokenFilter for RememberedStems {
    type Tokenizer<T: Tokenizer> = StemmingTokenizer<T>;

    fn transform<T: Tokenizer>(self, tokenizer: T) -> StemmingTokenizer<T> {
        StemmingTokenizer {
            tokenizer,
            stems: Stems {
                stemmer: TextAnalyzer::builder(RawTokenizer::default())
                    .filter(Stemmer::new(Language::English))
                    .build(),
                known: HashMap::new(),
            },
        }
    }
}

#[derive(Clone)]
pub(super) struct StemmingTokenizer<T> {
    tokenizer: T,
    stems: Stems,
}

#[derive(Clone)]
struct Stems {
    stemmer: TextAnalyzer,
    known: HashMap<String, String>,
}

impl Stems {
    fn put_in_place_of(&mut self, word: &mut String) {
        if let Some(stem) = self.known.get(word.as_str()) {
            word.clone_from(stem);
            return;
        }
        let mut stem = String::new();
        self.stemmer
            .token_stream(word)
            .process(&mut |token| stem.push_str(&token.text));
        if self.known.len() < MAX_REMEMBERED_STEMS {
            self.known.insert(word.clone(), stem.clone());
        }
        *word = stem;
    }
}

impl<T: Tokenizer> Tokenizer for StemmingTokenizer<T> {
    type TokenStream<'a> = StemmedTokens<'a, T::TokenStream<'a>>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Self::TokenStream<'a> {
        StemmedTokens {
            tail: self.tokenizer.token_stream(text),
            stems: &mut self.stems,
        }
    }
}

pub(super) struct StemmedTokens<'a, T> {
    tail: T,
    stems: &'a mut Stems,
}

impl<T: TokenStream> TokenStream for StemmedTokens<'_, T> {
    fn advance(&mut self) -> bool {
        let is_token = self.tail.advance();
        if is_token {
            self.stems.put_in_place_of(&mut self.tail.token_mut().text);
        }
        is_token
    }

    fn token(&self) -> &Token {
        self.tail.token()
    }

    fn token_mut(&mut self) -> &mut Token {
        self.tail.token_mut()
    }
}
