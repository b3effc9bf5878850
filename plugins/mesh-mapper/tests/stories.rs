//! What the mapper says of sentences, told as stories through the plugin's own door.

use mesh_mapper::MeshMapper;
use phagen_sdk::testing::Harness;
use phagen_sdk::{Document, Finding, Ground, Molecule, Passage};
use proptest::prelude::*;

fn document(passages: Vec<Passage>) -> Document {
    Document {
        evidence_id: "PMID:1".to_owned(),
        passages,
    }
}

fn molecule(name: &str) -> Molecule {
    Molecule {
        name: name.to_owned(),
        ..Molecule::default()
    }
}

/// What is found in one document about `name`.
fn find(name: Option<&str>, passages: Vec<Passage>) -> Vec<Finding> {
    let mapper = Harness::new()
        .mapper::<MeshMapper>()
        .expect("the mapper needs nothing");
    let molecule = name.map(molecule);
    mapper
        .find(molecule.as_ref(), &[document(passages)])
        .expect("any text can be mapped")
}

fn said(name: &str, sentence: &str) -> Vec<(String, String)> {
    find(Some(name), vec![Passage::body(1, sentence)])
        .into_iter()
        .map(|finding| (finding.mesh_id, finding.stance))
        .collect()
}

fn ids(sentence: &str) -> Vec<String> {
    find(None, vec![Passage::body(1, sentence)])
        .into_iter()
        .map(|finding| finding.mesh_id)
        .collect()
}

fn stance_of(name: &str, sentence: &str, mesh_id: &str) -> String {
    let found = said(name, sentence);
    found.iter().find(|(id, _)| id == mesh_id).map_or_else(
        || panic!("`{mesh_id}` is not in {found:?}"),
        |(_, stance)| stance.clone(),
    )
}

fn negated(sentence: &str) -> Vec<bool> {
    find(None, vec![Passage::body(1, sentence)])
        .into_iter()
        .map(|finding| finding.negated)
        .collect()
}

fn under(section: &str, text: &str) -> Passage {
    Passage {
        ordinal: 1,
        section: Some(section.to_owned()),
        text: text.to_owned(),
    }
}

#[test]
fn longest_name_wins() {
    assert_eq!(ids("idiopathic pulmonary fibrosis"), ["D054990"]);
    assert_eq!(ids("pulmonary fibrosis"), ["D011658"]);
    assert_eq!(ids("fibrosis"), ["D005355"]);
}

#[test]
fn inversion_plural_spelling_and_possessive_are_one_name() {
    for text in [
        "Arthritis, Rheumatoid",
        "rheumatoid arthritis",
        "RHEUMATOID ARTHRITIS",
    ] {
        assert_eq!(ids(text), ["D001172"], "{text}");
    }
    assert_eq!(ids("breast tumours"), ["D001943"]);
    assert_eq!(ids("cancer of the breast"), ["D001943"]);
    assert_eq!(
        ids("iron-deficiency anaemia"),
        ids("iron deficiency anemia")
    );
    assert_eq!(ids("Alzheimer\u{2019}s disease"), ids("Alzheimer disease"));
    assert_eq!(ids("type II diabetes mellitus"), ["D003924"]);
}

#[test]
fn explained_abbreviation_holds_in_every_passage_and_only_as_written() {
    let passages = vec![
        Passage::title("Idiopathic pulmonary fibrosis (IPF) in adults"),
        Passage::body(1, "IPF progressed. The ipf gene did not."),
    ];
    let found = find(None, passages);
    let matched: Vec<(&str, &str)> = found
        .iter()
        .map(|finding| (finding.matched_text.as_str(), finding.mesh_id.as_str()))
        .collect();
    assert_eq!(
        matched,
        [
            ("Idiopathic pulmonary fibrosis", "D054990"),
            ("IPF", "D054990"),
            ("IPF", "D054990")
        ]
    );
}

#[test]
fn abbreviation_explained_before_its_words_is_learnt_too() {
    assert_eq!(
        ids("IPF (idiopathic pulmonary fibrosis) kills. IPF is rare."),
        ["D054990"; 3]
    );
}

#[test]
fn abbreviation_explained_as_something_else_is_no_disease() {
    assert_eq!(ids("COPD is common"), ["D029424"]);
    assert!(ids("The centre of organic peptide design (COPD) was founded. COPD grew.").is_empty());
}

#[test]
fn shared_head_names_both_diseases() {
    assert_eq!(ids("breast and ovarian cancer"), ["D001943", "D010051"]);
    assert_eq!(
        ids("cancer of the breast and ovary"),
        ["D001943", "D010051"]
    );
}

#[test]
fn acronym_in_small_letters_is_a_word() {
    assert_eq!(ids("AIDS"), ["D000163"]);
    assert!(ids("hearing aids").is_empty());
}

#[test]
fn offsets_count_bytes_of_the_original_text() {
    let text = "Für β-thalassaemia, naïve Ménière’s disease: µ-opioid";
    let found = find(None, vec![Passage::body(3, text)]);
    assert_eq!(found.len(), 2);
    for finding in &found {
        let Ground::Span(span) = &finding.ground else {
            panic!("a dictionary has spans")
        };
        assert_eq!(span.passage, 3);
        assert_eq!(
            &text[span.start as usize..span.end as usize],
            finding.matched_text
        );
    }
    assert_eq!(found[0].mesh_id, "D017086");
    assert_eq!(found[0].matched_text, "β-thalassaemia");
    assert_eq!(found[1].mesh_id, "D008575");
}

#[test]
fn roots_of_the_trees_and_everyday_words_are_no_diseases() {
    assert!(ids("The disease caused death; C and F stand for diseases and mental disease of the body weight").iter().all(|id| id.len() >= 7 && id != "D004194"));
    assert!(ids("The syndrome recurred in an emergency.").is_empty());
}

#[test]
fn denial_reaches_through_a_list_and_stops_at_but() {
    assert_eq!(
        negated("There was no evidence of asthma, pneumonia or tuberculosis."),
        [true, true, true]
    );
    assert_eq!(
        negated("He denies asthma but has pneumonia."),
        [true, false]
    );
    assert_eq!(negated("Pneumonia was ruled out."), [true]);
    assert_eq!(negated("No fever. Asthma persisted."), [true, false]);
}

#[test]
fn false_denial_denies_nothing() {
    assert_eq!(
        negated("It affects not only asthma but also pneumonia."),
        [false, false]
    );
    assert_eq!(negated("There was no increase in asthma."), [false]);
    assert_eq!(negated("There is no treatment for asthma."), [false]);
}

#[test]
fn use_is_read_from_cue_and_order() {
    for sentence in [
        "Tamoxifen in the treatment of breast cancer.",
        "Adjuvant tamoxifen for breast cancer.",
        "Patients with breast cancer were treated with tamoxifen.",
        "Tamoxifen is effective against breast cancer.",
        "Tamoxifen is indicated for the prevention of breast cancer.",
        "Tamoxifen reduced breast cancer.",
    ] {
        assert_eq!(
            stance_of("tamoxifen", sentence, "D001943"),
            "treats",
            "{sentence}"
        );
    }
}

#[test]
fn drug_induced_disease_is_no_indication() {
    for sentence in [
        "Heparin-induced thrombocytopenia is feared.",
        "Thrombocytopenia caused by heparin.",
        "Heparin caused thrombocytopenia in two patients.",
        "Thrombocytopenia developed after heparin.",
        "Thrombocytopenia is a side effect of heparin.",
        "Heparin increased the risk of thrombocytopenia.",
    ] {
        assert_eq!(
            stance_of("heparin", sentence, "D013921"),
            "causes",
            "{sentence}"
        );
    }
}

#[test]
fn failed_treatment_is_no_treatment() {
    for sentence in [
        "Aspirin did not reduce asthma.",
        "Aspirin was not effective in asthma.",
        "Aspirin was ineffective against asthma.",
        "There was no benefit of aspirin in asthma.",
    ] {
        assert_ne!(
            stance_of("aspirin", sentence, "D001249"),
            "treats",
            "{sentence}"
        );
    }
}

#[test]
fn disease_without_the_molecule_has_no_stance() {
    assert_eq!(
        stance_of(
            "aspirin",
            "Ibuprofen is effective in the treatment of asthma.",
            "D001249"
        ),
        "neither"
    );
    let found = find(
        None,
        vec![Passage::title(
            "Tamoxifen in the treatment of breast cancer",
        )],
    );
    assert_eq!(found[0].stance, "neither");
}

#[test]
fn short_name_of_a_molecule_counts_only_as_written() {
    assert_eq!(
        stance_of(
            "Met",
            "Met is indicated for the treatment of asthma.",
            "D001249"
        ),
        "treats"
    );
    assert_eq!(
        stance_of(
            "Met",
            "We met patients with asthma for treatment.",
            "D001249"
        ),
        "neither"
    );
}

#[test]
fn title_lends_its_molecule_to_this_drug() {
    let passages = vec![
        Passage::title("A review of montelukast"),
        Passage::body(1, "This drug is effective in the treatment of asthma."),
    ];
    let found = find(Some("montelukast"), passages);
    assert_eq!(found[0].stance, "treats");
    let alone = find(
        Some("montelukast"),
        vec![Passage::body(
            1,
            "This drug is effective in the treatment of asthma.",
        )],
    );
    assert_eq!(alone[0].stance, "neither");
    assert!(found[0].score > alone[0].score);
}

#[test]
fn section_of_a_label_has_the_last_word() {
    let title = || Passage::title("Montelukast");
    let indicated = find(
        Some("montelukast"),
        vec![
            title(),
            under(
                "INDICATIONS AND USAGE",
                "Indicated for the prophylaxis of asthma.",
            ),
        ],
    );
    assert_eq!(indicated[0].stance, "treats");
    let warned = find(
        Some("montelukast"),
        vec![
            title(),
            under(
                "CONTRAINDICATIONS",
                "Montelukast in the treatment of asthma.",
            ),
        ],
    );
    assert_ne!(warned[0].stance, "treats");
    let adverse = find(
        Some("montelukast"),
        vec![title(), under("ADVERSE REACTIONS", "Headache, nausea.")],
    );
    assert!(adverse.iter().all(|finding| finding.stance == "causes"));
}

#[test]
fn condition_of_a_trial_of_the_molecule_is_treated() {
    let trial = |drug: &str| {
        vec![
            Passage::title("A study"),
            under("CONDITIONS", "Asthma"),
            Passage {
                ordinal: 2,
                ..under("INTERVENTIONS", drug)
            },
        ]
    };
    assert_eq!(
        find(Some("montelukast"), trial("Drug: montelukast"))[0].stance,
        "treats"
    );
    assert_eq!(
        find(Some("montelukast"), trial("Drug: placebo"))[0].stance,
        "neither"
    );
}

#[test]
fn denied_disease_has_no_stance() {
    let found = find(
        Some("montelukast"),
        vec![Passage::body(
            1,
            "Montelukast was given; there was no evidence of asthma.",
        )],
    );
    assert!(found[0].negated);
    assert_eq!(found[0].stance, "neither");
}

#[test]
fn giant_text_is_mapped() {
    let text = "Asthma (A) was not seen, or was; ".repeat(60_000);
    assert_eq!(
        find(Some("aspirin"), vec![Passage::body(1, text)]).len(),
        60_000
    );
}

#[test]
fn self_test_passes() {
    Harness::new()
        .mapper::<MeshMapper>()
        .expect("the mapper needs nothing")
        .self_test()
        .expect("the vocabulary is compiled in");
}

proptest! {
    #[test]
    fn any_text_gives_spans_that_hold(text in "(\\PC|asthma|\\(IPF\\)|no |, |aspirin|\u{301}|breast and ovarian cancer|\n){0,60}", name in "\\PC{0,12}") {
        let found = find(Some(&name), vec![Passage::title(text.clone()), under("CONDITIONS", &text)]);
        for finding in found {
            let Ground::Span(span) = finding.ground else { panic!("a dictionary has spans") };
            prop_assert_eq!(text.get(span.start as usize..span.end as usize), Some(finding.matched_text.as_str()));
            prop_assert!((0.0..=1.0).contains(&finding.score));
        }
    }
}
