//! What a passage says of the molecule and a disease: treats, causes or neither.
//!
//! Cues and their place about the two decide, weighed by a linear model (`pair`, `weights`); the
//! sentence's frame may take it back (`frame`, `risk`), and the kind of section has the last word
//! (`section`). It never looks outside the document.

mod frame;
mod link;
pub mod molecule;
pub mod pair;
mod risk;
pub mod section;
mod weights;

use crate::cue::Cue;
use crate::recognise::{Mention, Reading};
use crate::sentence::{CueHit, Sentence};
use crate::stance::frame::Frame;
use crate::stance::molecule::Named;
use crate::stance::section::{About, Section};

/// A stance that only an anaphor ties to the molecule ("this drug") is so much weaker.
const ANAPHOR_FACTOR: f32 = 0.7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    Treats,
    Causes,
    Neither,
}

impl Stance {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Treats => "treats",
            Self::Causes => "causes",
            Self::Neither => "neither",
        }
    }
}

/// A stance and how strongly the cues speak for it, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    pub stance: Stance,
    pub strength: f32,
}

impl Verdict {
    pub const NEITHER: Self = Self {
        stance: Stance::Neither,
        strength: 0.0,
    };
}

/// What is known of the document when one of its sentences is judged.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub section: Section,
    /// The title names the molecule, or the trial's interventions do.
    pub about_molecule: bool,
    /// The title names it: "this drug" then means the molecule. A trial's text may mean any of its
    /// interventions.
    pub in_title: bool,
}

/// Judges one mention in its sentence.
pub fn judge(
    reading: &Reading<'_>,
    sentence: &Sentence,
    mention: &Mention,
    named: &[Named],
    setting: Setting,
) -> Verdict {
    let from = named.partition_point(|named| named.first < sentence.tokens.start);
    let nearest = named[from..]
        .iter()
        .take_while(|named| sentence.holds(named.first))
        .filter(|named| named.last <= mention.first || named.first >= mention.last)
        .filter(|named| !is_part(sentence, named))
        .min_by_key(|named| gap(named, mention));
    let verdict = match nearest {
        Some(named) => by_pair(reading, sentence, *named, mention),
        None if setting.in_title => by_anaphor(reading, sentence, mention),
        None => Verdict::NEITHER,
    };
    let about = About {
        molecule: setting.about_molecule || nearest.is_some(),
        subject: subject(sentence, &named[from..], setting),
    };
    setting.section.settle(verdict, sentence, mention, about)
}

/// Where the sentence first names the molecule, or stands in for its name with "this drug".
fn subject(sentence: &Sentence, named: &[Named], setting: Setting) -> Option<usize> {
    let anaphor = sentence
        .cues
        .iter()
        .find(|cue| setting.in_title && Cue::Anaphor.is_in(cue.classes))
        .map(|cue| cue.last);
    let named = named
        .iter()
        .take_while(|named| sentence.holds(named.first))
        .find(|named| !is_part(sentence, named))
        .map(|named| named.last);
    named.into_iter().chain(anaphor).min()
}

/// "Treatment of D" is any treatment, "this drug" is not.
fn is_of_something(reading: &Reading<'_>, cue: &CueHit) -> bool {
    Cue::Treatment.is_in(cue.classes)
        && (cue.first + 1..=cue.last).any(|at| matches!(reading.slice(at, at + 1), "of" | "for"))
}

fn by_pair(reading: &Reading<'_>, sentence: &Sentence, named: Named, mention: &Mention) -> Verdict {
    let frame = Frame {
        reading,
        sentence,
        named,
        mention,
    };
    frame.settle(pair::judge(reading, sentence, named, mention))
}

/// "Insulin receptor" names no insulin that anyone is given.
fn is_part(sentence: &Sentence, named: &Named) -> bool {
    sentence
        .cues
        .iter()
        .any(|cue| cue.first == named.last && Cue::Part.is_in(cue.classes))
}

fn gap(named: &Named, mention: &Mention) -> usize {
    if named.last <= mention.first {
        mention.first - named.last
    } else {
        named.first - mention.last
    }
}

/// The sentence says "this drug", and the document is about the molecule.
fn by_anaphor(reading: &Reading<'_>, sentence: &Sentence, mention: &Mention) -> Verdict {
    let anaphor = sentence
        .cues
        .iter()
        .filter(|cue| Cue::Anaphor.is_in(cue.classes) && !is_of_something(reading, cue))
        .map(|cue| Named {
            first: cue.first,
            last: cue.last,
        })
        .filter(|named| named.last <= mention.first || named.first >= mention.last)
        // The subject: "this drug" before a bare "treatment", which may be any.
        .min_by_key(|named| (named.last - named.first == 1, named.first));
    anaphor.map_or(Verdict::NEITHER, |named| {
        let verdict = by_pair(reading, sentence, named, mention);
        Verdict {
            strength: verdict.strength * ANAPHOR_FACTOR,
            ..verdict
        }
    })
}
