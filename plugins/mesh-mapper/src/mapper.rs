//! From documents to findings: recognise, then judge each mention where it stands.
//!
//! It knows nothing of WebAssembly or the SDK; `lib.rs` fits it to the world.

use crate::lexicon::Disease;
use crate::negation;
use crate::recognise::{self, Abbreviations, Mention, Quality, Reading};
use crate::sentence::Sentence;
use crate::stance::molecule::{Named, Names};
use crate::stance::section::Section;
use crate::stance::{self, Setting, Stance, Verdict};

/// A passage as it comes in; the one at ordinal 0 is the title.
#[derive(Clone, Copy, Debug)]
pub struct PassageText<'a> {
    pub ordinal: u32,
    pub section: Option<&'a str>,
    pub text: &'a str,
}

/// What one span of one passage says.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<'a> {
    pub ordinal: u32,
    /// UTF-8 byte offsets in the passage's text.
    pub start: u32,
    pub end: u32,
    pub matched_text: &'a str,
    pub disease: Disease,
    pub negated: bool,
    pub stance: Stance,
    pub score: f32,
}

/// Everything that the passages of one document say of diseases.
pub fn find<'a>(names: Option<&Names>, passages: &[PassageText<'a>]) -> Vec<Found<'a>> {
    let readings: Vec<Reading<'a>> = passages
        .iter()
        .map(|passage| Reading::of(passage.text))
        .collect();
    let abbreviations = Abbreviations::of(&readings);
    let mentions: Vec<Vec<Mention>> = readings
        .iter()
        .map(|reading| recognise::mentions(reading, &abbreviations))
        .collect();
    let named: Vec<Vec<Named>> = readings
        .iter()
        .zip(&mentions)
        .map(|(reading, mentions)| {
            names.map_or_else(Vec::new, |names| {
                let mut named = names.find(reading);
                // "Insulin resistance" names no insulin.
                named.retain(|named| !is_inside(named, mentions));
                named
            })
        })
        .collect();
    let names_in = |is_meant: &dyn Fn(&PassageText<'_>) -> bool| {
        passages
            .iter()
            .zip(&named)
            .any(|(passage, named)| !named.is_empty() && is_meant(passage))
    };
    let in_title = names_in(&|passage| passage.ordinal == 0);
    let about_molecule =
        in_title || names_in(&|passage| Section::named(passage.section) == Section::Interventions);
    let mut all = Vec::new();
    for (((passage, reading), mentions), named) in
        passages.iter().zip(&readings).zip(&mentions).zip(&named)
    {
        let setting = names.map(|_| Setting {
            section: Section::named(passage.section),
            about_molecule,
            in_title,
        });
        judge_passage(passage, reading, mentions, (named, setting), &mut all);
    }
    all
}

fn is_inside(named: &Named, mentions: &[Mention]) -> bool {
    let at = mentions.partition_point(|mention| mention.last < named.last);
    mentions.get(at).is_some_and(|mention| {
        mention.first <= named.first
            && named.last <= mention.last
            && mention.last - mention.first > named.last - named.first
    })
}

fn judge_passage<'a>(
    passage: &PassageText<'a>,
    reading: &Reading<'a>,
    mentions: &[Mention],
    (named, setting): (&[Named], Option<Setting>),
    all: &mut Vec<Found<'a>>,
) {
    let mut sentence: Option<Sentence> = None;
    for (index, mention) in mentions.iter().enumerate() {
        let here = match sentence.take() {
            Some(sentence) if sentence.holds(mention.first) => sentence,
            _ => Sentence::around(reading, mention.first),
        };
        let negated = negation::is_negated(reading, &here, mentions, index);
        let verdict = setting.map_or(Verdict::NEITHER, |setting| {
            stance::judge(reading, &here, mention, named, setting)
        });
        // What is denied is neither treated nor caused here.
        let verdict = if negated { Verdict::NEITHER } else { verdict };
        sentence = Some(here);
        let matched_text = reading.slice(mention.first, mention.last);
        let start = reading.tokens[mention.first].start;
        all.push(Found {
            ordinal: passage.ordinal,
            start,
            end: reading.tokens[mention.last - 1].end,
            matched_text,
            disease: mention.disease,
            negated,
            stance: verdict.stance,
            score: score(mention.match_quality, verdict),
        });
    }
}

/// Match quality times cue strength: a mention without a stance keeps half its quality, and a sure
/// stance all of it.
fn score(quality: Quality, verdict: Verdict) -> f32 {
    let quality = match quality {
        Quality::Name => 1.0,
        Quality::EntryTerm | Quality::Abbreviation => 0.95,
        Quality::Altered => 0.8,
        Quality::Coordinated => 0.75,
    };
    quality * (0.5 + 0.5 * verdict.strength)
}
