//! Fits the stance weights and prints `src/stance/weights.rs`:
//! `cargo run --example fit_stance -- STANCE_SENTENCES BC5CDR_TRAIN [--folds]`.
//!
//! The sentences carry a label each. BC5CDR says of a chemical and a disease only whether one
//! induced the other: a pair that did teaches "causes", any other "treats or neither".
#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]

use std::error::Error;
use std::fs;

use mesh_mapper::lexicon;
use mesh_mapper::recognise::{Mention, Quality, Reading};
use mesh_mapper::sentence::Sentence;
use mesh_mapper::stance::molecule::Named;
use mesh_mapper::stance::pair::{self, N_FEATURES};
use serde_json::Value;

const N_EPOCHS: u16 = 300;
const DECAY: f32 = 0.000_5;
const N_FOLDS: usize = 5;
/// How much a pair of BC5CDR counts beside a labelled sentence.
const WEAK_WEIGHT: f32 = 0.3;

const TREATS: [bool; 3] = [true, false, false];
const CAUSES: [bool; 3] = [false, true, false];
const NEITHER: [bool; 3] = [false, false, true];
const NOT_CAUSES: [bool; 3] = [true, false, true];

struct Example {
    features: Vec<usize>,
    /// Which of treats, causes and neither may be the truth.
    allowed: [bool; 3],
    weight: f32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (options, files): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with("--"));
    let [sentences, weak] = &files[..] else {
        return Err("usage: fit_stance STANCE_SENTENCES BC5CDR_TRAIN [--folds]".into());
    };
    let labelled: Vec<Example> = records(sentences)?
        .iter()
        .filter_map(sentence_example)
        .collect();
    let weak: Vec<Example> = records(weak)?.iter().flat_map(weak_examples).collect();
    if options.is_empty() {
        print_table(&fit(&labelled.iter().chain(&weak).collect::<Vec<_>>()));
    } else {
        cross_validate(&labelled, &weak);
    }
    Ok(())
}

fn records(path: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    Ok(fs::read_to_string(path)?
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}

fn sentence_example(record: &Value) -> Option<Example> {
    let allowed = match record.get("label")?.as_str()? {
        "treats" => TREATS,
        "causes" => CAUSES,
        "none" => NEITHER,
        _ => return None,
    };
    // In both relations the second term is the one that acts.
    let relation = record.get(if allowed == TREATS { "treat" } else { "cause" })?;
    let reading = Reading::of(record.get("sentence")?.as_str()?);
    let agent = tokens(&reading, relation, "start2", "end2")?;
    let disease = tokens(&reading, relation, "start1", "end1")?;
    Some(Example {
        features: features(&reading, &Sentence::whole(&reading), agent, disease)?,
        allowed,
        weight: 1.0,
    })
}

fn weak_examples(record: &Value) -> Vec<Example> {
    let field = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
    let text = format!("{} {}", field("title"), field("abstract"));
    let reading = Reading::of(&text);
    let list = |key: &str| {
        record
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let induced: Vec<(Value, Value)> = list("induced")
        .iter()
        .map(|pair| (pair["chemical"].clone(), pair["disease"].clone()))
        .collect();
    let mentions = list("mentions");
    let of_type = |kind: &'static str| {
        mentions
            .iter()
            .filter(move |mention| mention["type"] == kind)
    };
    let mut examples = Vec::new();
    for disease in of_type("Disease") {
        let Some(place) = tokens(&reading, disease, "start", "end") else {
            continue;
        };
        let sentence = Sentence::around(&reading, place.0);
        for chemical in of_type("Chemical") {
            let Some(agent) =
                tokens(&reading, chemical, "start", "end").filter(|agent| sentence.holds(agent.0))
            else {
                continue;
            };
            let is_induced = induced
                .iter()
                .any(|(one, other)| chemical["ids"][0] == *one && disease["ids"][0] == *other);
            let allowed = if is_induced { CAUSES } else { NOT_CAUSES };
            examples.extend(
                features(&reading, &sentence, agent, place).map(|features| Example {
                    features,
                    allowed,
                    weight: WEAK_WEIGHT,
                }),
            );
        }
    }
    examples
}

fn features(
    reading: &Reading<'_>,
    sentence: &Sentence,
    agent: (usize, usize),
    disease: (usize, usize),
) -> Option<Vec<usize>> {
    if agent.1 > disease.0 && disease.1 > agent.0 {
        return None;
    }
    let known = lexicon::name_of([lexicon::word(b"asthma")])?.disease;
    let mention = Mention {
        disease: known,
        first: disease.0,
        last: disease.1,
        match_quality: Quality::Name,
    };
    Some(pair::features(
        reading,
        sentence,
        Named {
            first: agent.0,
            last: agent.1,
        },
        &mention,
    ))
}

/// The tokens between two offsets, which count characters.
fn tokens(reading: &Reading<'_>, record: &Value, start: &str, end: &str) -> Option<(usize, usize)> {
    let place = |key: &str| {
        let n = usize::try_from(record.get(key)?.as_u64()?).ok()?;
        Some(
            reading
                .text
                .char_indices()
                .nth(n)
                .map_or(reading.text.len(), |(at, _)| at),
        )
    };
    let (start, end) = (place(start)?, place(end)?);
    let first = reading
        .tokens
        .iter()
        .position(|token| token.end as usize > start)?;
    let last = reading
        .tokens
        .iter()
        .rposition(|token| (token.start as usize) < end)?
        + 1;
    (first < last).then_some((first, last))
}

/// Gradient descent on the likelihood of what each example allows.
fn fit(examples: &[&Example]) -> Vec<[f32; 2]> {
    let mut weights = vec![[0.0f32; 2]; N_FEATURES];
    let total: f32 = examples.iter().map(|example| example.weight).sum();
    for epoch in 0..N_EPOCHS {
        let rate = 4.0 / (1.0 + f32::from(epoch) / 100.0);
        let mut slope = vec![[0.0f32; 2]; N_FEATURES];
        for example in examples {
            let odds = probabilities(&weights, &example.features);
            let allowed: f32 = (0..3)
                .filter(|class| example.allowed[*class])
                .map(|class| odds[class])
                .sum();
            for class in 0..2 {
                let target = if example.allowed[class] {
                    odds[class] / allowed.max(f32::EPSILON)
                } else {
                    0.0
                };
                let error = example.weight * (odds[class] - target) / total;
                for feature in &example.features {
                    slope[*feature][class] += error;
                }
            }
        }
        for (weight, slope) in weights.iter_mut().zip(&slope) {
            for class in 0..2 {
                weight[class] -= rate * (slope[class] + DECAY * weight[class]);
            }
        }
    }
    weights
}

fn probabilities(weights: &[[f32; 2]], features: &[usize]) -> [f32; 3] {
    let sum = |class: usize| {
        features
            .iter()
            .map(|feature| weights[*feature][class])
            .sum::<f32>()
    };
    let odds = [sum(0).exp(), sum(1).exp(), 1.0];
    let total: f32 = odds.iter().sum();
    odds.map(|odds| odds / total)
}

fn cross_validate(labelled: &[Example], weak: &[Example]) {
    let mut confusion = [[0u16; 3]; 3];
    for fold in 0..N_FOLDS {
        let training: Vec<&Example> = labelled
            .iter()
            .enumerate()
            .filter(|(index, _)| index % N_FOLDS != fold)
            .map(|(_, example)| example)
            .chain(weak)
            .collect();
        let weights = fit(&training);
        for example in labelled.iter().skip(fold).step_by(N_FOLDS) {
            let odds = probabilities(&weights, &example.features);
            let said = (0..3)
                .max_by(|one, other| odds[*one].total_cmp(&odds[*other]))
                .unwrap_or(2);
            let is = example
                .allowed
                .iter()
                .position(|allowed| *allowed)
                .unwrap_or(2);
            confusion[is][said] += 1;
        }
    }
    let f1 = [0, 1, 2].map(|class| {
        let said: u16 = confusion.iter().map(|row| row[class]).sum();
        let is: u16 = confusion[class].iter().sum();
        2.0 * f32::from(confusion[class][class]) / f32::from((said + is).max(1))
    });
    println!(
        "{N_FOLDS} folds, {} sentences, {} weak pairs: rows treats/causes/neither {confusion:?}",
        labelled.len(),
        weak.len()
    );
    println!(
        "F1 treats {:.3} causes {:.3} neither {:.3}, macro {:.3}",
        f1[0],
        f1[1],
        f1[2],
        f1.iter().sum::<f32>() / 3.0
    );
}

fn print_table(weights: &[[f32; 2]]) {
    println!(
        "//! The weights of `pair`, as `examples/fit_stance.rs` printed them: no one edits them by hand.\n"
    );
    println!("use super::pair::N_FEATURES;\n");
    println!("/// For each feature its vote for treats and for causes.");
    println!("#[rustfmt::skip]");
    println!("pub(super) static WEIGHTS: [[f32; 2]; N_FEATURES] = [");
    for (feature, [treats, causes]) in weights.iter().enumerate() {
        println!(
            "    [{treats:.2}, {causes:.2}], // {}",
            pair::feature_name(feature).replace('\t', " ")
        );
    }
    println!("];");
}
