//! Measures the mapper on annotated corpora: `cargo run --example evaluate -- [--errors] FILE...`.
//!
//! Of a trial only title and conditions are read, from which the registry derives its headings.
//! A file of sentences with stances gives a confusion; any other gives precision, recall and F1 of
//! the diseases per document, and documents a second. Where the file says which chemical induced
//! which disease, or which drug a label is of, stances are measured there too.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "counts of documents are small")]

mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Instant;

use mesh_mapper::mapper::{self, PassageText};
use mesh_mapper::stance::Stance;
use mesh_mapper::stance::molecule::Names;
use serde_json::Value;

use crate::record::{gold, mention_of, mentions, strings, texts};

type Tally = BTreeMap<(String, String), (usize, usize)>;

fn main() -> Result<(), Box<dyn Error>> {
    let (options, files): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with("--"));
    for file in &files {
        let text = std::fs::read_to_string(file)?;
        let records: Vec<Value> = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        // A trial or label without a heading was not mapped by its source: it judges nobody.
        let curated = |record: &Value| {
            !gold(record).is_empty()
                || (record.get("nct_id").is_none() && record.get("set_id").is_none())
        };
        let records: Vec<Value> = records.into_iter().filter(curated).collect();
        println!("{file}");
        if records
            .first()
            .is_some_and(|record| record.get("sentence").is_some())
        {
            stances(&records, !options.is_empty());
            continue;
        }
        recognition(&records, !options.is_empty());
        if records.iter().any(|record| record.get("induced").is_some()) {
            induced(&records);
        }
        if records.iter().any(|record| record.get("set_id").is_some()) {
            labels(&records);
        }
    }
    Ok(())
}

/// Right, wrong and missed, as the usual three figures.
#[derive(Default)]
struct Count {
    right: usize,
    wrong: usize,
    missed: usize,
}

impl Count {
    fn add(&mut self, gold: &BTreeSet<String>, said: &BTreeSet<String>) {
        self.right += said.intersection(gold).count();
        self.wrong += said.difference(gold).count();
        self.missed += gold.difference(said).count();
    }

    fn figures(&self) -> String {
        let precision = self.right as f64 / (self.right + self.wrong).max(1) as f64;
        let recall = self.right as f64 / (self.right + self.missed).max(1) as f64;
        let f1 = 2.0 * precision * recall / (precision + recall).max(f64::MIN_POSITIVE);
        format!("precision {precision:.3} recall {recall:.3} F1 {f1:.3}")
    }
}

fn recognition(records: &[Value], errors: bool) {
    let documents: Vec<Vec<String>> = records.iter().map(texts).collect();
    let started = Instant::now();
    let answers: Vec<BTreeMap<String, String>> =
        documents.iter().map(|texts| diseases(texts)).collect();
    let seconds = started.elapsed().as_secs_f64();
    let (mut count, mut extra, mut lost) = (Count::default(), Tally::new(), Tally::new());
    for (record, answer) in records.iter().zip(&answers) {
        let gold = gold(record);
        count.add(&gold, &answer.keys().cloned().collect());
        for (id, text) in answer {
            let slot = extra.entry((id.clone(), text.to_lowercase())).or_default();
            if gold.contains(id) {
                slot.1 += 1;
            } else {
                slot.0 += 1;
            }
        }
        for id in gold.iter().filter(|id| !answer.contains_key(*id)) {
            lost.entry((id.clone(), mention_of(record, id)))
                .or_default()
                .0 += 1;
        }
    }
    let n_bytes: usize = documents.iter().flatten().map(String::len).sum();
    println!(
        "  diseases: {}; {:.0} documents/s, {:.1} MB/s",
        count.figures(),
        documents.len() as f64 / seconds,
        n_bytes as f64 / seconds / 1e6
    );
    if errors {
        print_tally("extra", extra);
        print_tally("lost", lost);
    }
}

fn print_tally(title: &str, tally: Tally) {
    let mut rows: Vec<_> = tally
        .into_iter()
        .filter(|(_, (n_wrong, _))| *n_wrong > 0)
        .collect();
    rows.sort_by_key(|(_, (n_wrong, _))| std::cmp::Reverse(*n_wrong));
    for ((id, text), (n_wrong, n_right)) in rows.iter().take(200) {
        println!("{title}\t{n_wrong}\t{n_right}\t{id}\t{text}");
    }
}

/// All diseases named, each with the first words that named it.
fn diseases(texts: &[String]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for finding in mapper::find(None, &passages(texts, None)) {
        found
            .entry(finding.disease.mesh_id().to_owned())
            .or_insert_with(|| finding.matched_text.to_owned());
    }
    found
}

fn passages<'a>(texts: &'a [String], section: Option<&'a str>) -> Vec<PassageText<'a>> {
    (0..)
        .zip(texts)
        .map(|(ordinal, text)| PassageText {
            ordinal,
            section: section.filter(|_| ordinal > 0),
            text,
        })
        .collect()
}

/// Sentences with one pair each: the agent is the molecule, the other term the disease.
fn stances(records: &[Value], errors: bool) {
    let mut all = [[0usize; 3]; 3];
    let mut seen = [[0usize; 3]; 3];
    for record in records {
        let Some(is) = ["treats", "causes", "none"]
            .iter()
            .position(|label| record["label"] == *label)
        else {
            continue;
        };
        let relation = &record[if is == 0 { "treat" } else { "cause" }];
        let (Some(sentence), Some(agent)) =
            (record["sentence"].as_str(), relation["term2"].as_str())
        else {
            continue;
        };
        let names = Names::of([agent]);
        let (start, end) = (
            offset(sentence, &relation["start1"]),
            offset(sentence, &relation["end1"]),
        );
        let found = mapper::find(
            Some(&names),
            &[PassageText {
                ordinal: 1,
                section: None,
                text: sentence,
            }],
        );
        let here = found
            .iter()
            .filter(|finding| (finding.start as usize) < end && finding.end as usize > start)
            .max_by_key(|finding| finding.end - finding.start);
        let said = here.map_or(2, |finding| class(finding.stance));
        all[is][said] += 1;
        if errors && is != said {
            println!("{is} read as {said}\t{agent}\t{sentence}");
        }
        if here.is_some() {
            seen[is][said] += 1;
        }
    }
    confusion("all sentences", &all);
    confusion("disease recognised", &seen);
}

fn class(stance: Stance) -> usize {
    match stance {
        Stance::Treats => 0,
        Stance::Causes => 1,
        Stance::Neither => 2,
    }
}

/// Offsets count characters.
fn offset(text: &str, place: &Value) -> usize {
    let n = place
        .as_u64()
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(0);
    text.char_indices().nth(n).map_or(text.len(), |(at, _)| at)
}

fn confusion(title: &str, rows: &[[usize; 3]; 3]) {
    let f1 = [0, 1, 2].map(|class| {
        let said: usize = rows.iter().map(|row| row[class]).sum();
        let is: usize = rows[class].iter().sum();
        2.0 * rows[class][class] as f64 / (said + is).max(1) as f64
    });
    println!(
        "  {title}: rows treats/causes/none {rows:?}, F1 {:.3} {:.3} {:.3}, macro {:.3}",
        f1[0],
        f1[1],
        f1[2],
        f1.iter().sum::<f64>() / 3.0
    );
}

/// BC5CDR: a disease that the chemical induced must not be sold as its use.
fn induced(records: &[Value]) {
    let (mut causes, mut sold, mut n_induced, mut n_treats) = (Count::default(), 0, 0, 0);
    for record in records {
        let texts = texts(record);
        for chemical in strings(record.get("chemicals")) {
            let names: BTreeSet<String> = mentions(record)
                .filter(|mention| strings(mention.get("ids")).contains(&chemical))
                .filter_map(|mention| mention.get("text")?.as_str().map(str::to_owned))
                .collect();
            let names = Names::of(names.iter().map(String::as_str));
            let found = mapper::find(Some(&names), &passages(&texts, None));
            let ids = |stance| {
                found
                    .iter()
                    .filter(|finding| finding.stance == stance)
                    .map(|finding| finding.disease.mesh_id().to_owned())
                    .collect::<BTreeSet<String>>()
            };
            let gold: BTreeSet<String> = record["induced"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|pair| pair["chemical"] == chemical.as_str())
                .flat_map(|pair| strings(pair.get("disease")))
                .collect();
            causes.add(&gold, &ids(Stance::Causes));
            sold += ids(Stance::Treats)
                .difference(&ids(Stance::Causes))
                .filter(|id| gold.contains(*id))
                .count();
            n_treats += ids(Stance::Treats).len();
            n_induced += gold.len();
        }
    }
    println!(
        "  causes against induced: {}; {n_treats} pairs treated, of them induced and nowhere caused {sold} (of {n_induced} induced)",
        causes.figures()
    );
}

/// Labels: what the indication section treats.
fn labels(records: &[Value]) {
    let mut count = Count::default();
    for record in records {
        let drugs = strings(record.get("drugs"));
        let title = vec![drugs.join(", ")];
        let texts: Vec<String> = title
            .into_iter()
            .chain(strings(record.get("text")))
            .collect();
        let names = Names::of(drugs.iter().map(String::as_str));
        let found = mapper::find(
            Some(&names),
            &passages(&texts, Some("INDICATIONS AND USAGE")),
        );
        let said = found
            .iter()
            .filter(|finding| finding.stance == Stance::Treats)
            .map(|finding| finding.disease.mesh_id().to_owned())
            .collect();
        count.add(&gold(record), &said);
    }
    println!("  treats against indicated: {}", count.figures());
}
