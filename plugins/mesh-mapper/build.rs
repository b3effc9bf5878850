//! Compiles the MeSH disease vocabulary and the cue phrases into one image of static bytes, so that
//! no job ever parses a name. It only lays out what `data/vocabulary` and `vocabulary/` say.
#![expect(
    unreachable_pub,
    reason = "some of these files belong to the guest, too"
)]

#[path = "src/cue.rs"]
#[expect(dead_code, reason = "the guest reads the rest of it")]
mod cue;
#[path = "src/fold.rs"]
mod fold;
#[path = "build/image.rs"]
mod image;
#[path = "build/names.rs"]
mod names;
#[path = "src/token.rs"]
#[expect(dead_code, reason = "the guest reads the rest of it")]
mod token;

use std::collections::HashSet;
use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use crate::image::{Image, NO_DISEASE, Name, Tier};

const DESCRIPTORS: &str = "../../data/vocabulary/mesh_disease.tsv.gz";
const SUPPLEMENTARY: &str = "../../data/vocabulary/mesh_disease_scr.tsv.gz";
const EXTRA: &str = "vocabulary/extra.tsv";
const STOP: &str = "vocabulary/stop.txt";
const SHADOW: &str = "vocabulary/shadow.txt";
const CUES: &str = "vocabulary/cues.tsv";

fn main() -> Result<(), Box<dyn Error>> {
    for path in [
        DESCRIPTORS,
        SUPPLEMENTARY,
        EXTRA,
        STOP,
        SHADOW,
        CUES,
        "build",
        "build.rs",
        "src/cue.rs",
        "src/fold.rs",
        "src/token.rs",
    ] {
        println!("cargo::rerun-if-changed={path}");
    }
    let mut image = Image::new();
    add_cues(&mut image)?;
    add_shadows(&mut image)?;
    let stopped = stop_list()?;
    let curated = fs::read_to_string(EXTRA)?;
    for (number, line) in curated
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#') && !line.is_empty())
    {
        let (name, mesh_id) = line
            .split_once('\t')
            .ok_or_else(|| format!("{EXTRA}:{}: no tab", number + 1))?;
        add(&mut image, name, mesh_id, Tier::Curated, &HashSet::new());
    }
    add_vocabulary(
        &mut image,
        DESCRIPTORS,
        3,
        [Tier::Name, Tier::EntryTerm],
        &stopped,
    )?;
    add_vocabulary(
        &mut image,
        SUPPLEMENTARY,
        4,
        [Tier::SupplementaryName, Tier::SupplementaryTerm],
        &stopped,
    )?;
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells a build script its folder so"
    )]
    let out = std::env::var("OUT_DIR")?;
    let (bytes, layout) = image.lay_out()?;
    fs::write(Path::new(&out).join("vocabulary.bin"), bytes)?;
    fs::write(Path::new(&out).join("layout.rs"), layout)?;
    Ok(())
}

/// Adds every row's name and, from column `terms`, its entry terms.
fn add_vocabulary(
    image: &mut Image,
    path: &str,
    terms: usize,
    tiers: [Tier; 2],
    stopped: &HashSet<String>,
) -> Result<(), Box<dyn Error>> {
    let mut rows = String::new();
    GzDecoder::new(File::open(path)?).read_to_string(&mut rows)?;
    for row in rows.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [mesh_id, name] = columns[..2] else {
            continue;
        };
        // The roots of the trees ("C", "Diseases") are no descriptors.
        if mesh_id.len() < 7 {
            continue;
        }
        add(image, name, mesh_id, tiers[0], stopped);
        for term in columns
            .get(terms)
            .into_iter()
            .flat_map(|terms| terms.split('|'))
            .filter(|term| !term.is_empty())
        {
            add(image, term, mesh_id, tiers[1], stopped);
        }
    }
    Ok(())
}

fn add(image: &mut Image, name: &str, mesh_id: &str, tier: Tier, stopped: &HashSet<String>) {
    let words = names::words(name);
    if words.is_empty() || (tier != Tier::Curated && names::is_dangerous(name, &words)) {
        return;
    }
    let exact_case = names::is_acronym(name);
    // The acronyms of supplementary records are mostly genes, assays and lipids. A document that
    // means the disease explains them.
    if exact_case && matches!(tier, Tier::SupplementaryName | Tier::SupplementaryTerm) {
        return;
    }
    for (words, altered) in names::variants(&words) {
        if (altered && exact_case) || stopped.contains(&words.join(" ")) {
            continue;
        }
        let tier = if altered { tier.altered() } else { tier };
        image.add_name(
            &words,
            Name {
                mesh_id,
                tier,
                exact_case,
            },
        );
    }
}

fn stop_list() -> Result<HashSet<String>, Box<dyn Error>> {
    let text = fs::read_to_string(STOP)?;
    Ok(text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| names::words(line).join(" "))
        .collect())
}

/// Adds every phrase that a line of alternatives spells.
fn add_shadows(image: &mut Image) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(SHADOW)?;
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let mut phrases = vec![Vec::new()];
        for place in line.split(' ') {
            phrases = phrases
                .iter()
                .flat_map(|phrase: &Vec<String>| {
                    place
                        .split('|')
                        .map(|word| [&phrase[..], &names::words(word)].concat())
                })
                .collect();
        }
        for words in phrases {
            image.add_name(
                &words,
                Name {
                    mesh_id: NO_DISEASE,
                    tier: Tier::Curated,
                    exact_case: false,
                },
            );
        }
    }
    Ok(())
}

fn add_cues(image: &mut Image) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(CUES)?;
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#') && !line.is_empty())
    {
        let (phrase, class) = line
            .split_once('\t')
            .ok_or_else(|| format!("{CUES}:{}: no tab", number + 1))?;
        let cue = cue::Cue::named(class.trim())
            .ok_or_else(|| format!("{CUES}:{}: unknown class `{class}`", number + 1))?;
        image.add_cue(&names::words(phrase), cue);
    }
    Ok(())
}
