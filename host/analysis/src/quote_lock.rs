//! The quote lock: a sentence stands only as long as the text that it rests on does. Checked on
//! every reading, since what is stored may change after it was told.

use phagen_domain::{digest::Digest, result::JobResult, story::Quote};

/// Strikes every sentence one of whose quotes no longer matches the stored text, and answers how
/// many are struck. A struck sentence keeps its quotes, so that a reader sees what is gone.
pub fn strike_broken_quotes(result: &mut JobResult) -> usize {
    let mut story = std::mem::take(&mut result.innovation_story);
    for sentence in &mut story {
        if !sentence.quotes.iter().all(|quote| stands(result, quote)) {
            sentence.struck = true;
            sentence.text.clear();
        }
    }
    let n_struck = story.iter().filter(|sentence| sentence.struck).count();
    result.innovation_story = story;
    n_struck
}

fn stands(result: &JobResult, quote: &Quote) -> bool {
    result
        .find_evidence(&quote.evidence_id)
        .and_then(|ranked| ranked.evidence.text_of(quote.span.passage))
        .and_then(|text| quote.span.of(text))
        .is_some_and(|words| Digest::of(words.as_bytes()) == quote.digest)
}

#[cfg(test)]
mod tests {
    use phagen_domain::story::Sentence;

    use super::*;
    use crate::narrate::tests::{result_with_one_use, use_of};

    #[test]
    fn a_tampered_text_strikes_every_sentence_that_rests_on_it() {
        let mut result = result_with_one_use();
        assert_eq!(strike_broken_quotes(&mut result), 0);
        let before: Vec<Sentence> = result.innovation_story.clone();
        let text = &mut use_of(&mut result).evidence.passages[0].text;
        *text = text.replace("gout", "acne");
        assert_eq!(strike_broken_quotes(&mut result), 2);
        for (sentence, before) in result.innovation_story.iter().zip(&before) {
            assert_eq!(sentence.struck, !before.quotes.is_empty());
            assert_eq!(sentence.text.is_empty(), sentence.struck);
        }
        // Reading again changes nothing.
        assert_eq!(strike_broken_quotes(&mut result), 2);
    }

    #[test]
    fn evidence_that_is_gone_strikes_too() {
        let mut result = result_with_one_use();
        result.evidence.clear();
        assert_eq!(strike_broken_quotes(&mut result), 2);
    }
}
