//! Wrong suggestions of real analyses, each told as a story: what a sentence's frame takes back.

use mesh_mapper::MeshMapper;
use phagen_sdk::testing::Harness;
use phagen_sdk::{Document, Finding, Molecule, Passage};

const ASTHMA: &str = "D001249";
const HYPOGLYCEMIA: &str = "D007003";

fn find(name: &str, passages: Vec<Passage>) -> Vec<Finding> {
    let mapper = Harness::new()
        .mapper::<MeshMapper>()
        .expect("the mapper needs nothing");
    let molecule = Molecule {
        name: name.to_owned(),
        ..Molecule::default()
    };
    let document = Document {
        evidence_id: "PMID:1".to_owned(),
        passages,
    };
    mapper
        .find(Some(&molecule), &[document])
        .expect("any text can be mapped")
}

fn under(ordinal: u32, section: &str, text: &str) -> Passage {
    Passage {
        ordinal,
        section: Some(section.to_owned()),
        text: text.to_owned(),
    }
}

fn finding(name: &str, sentence: &str, mesh_id: &str) -> Finding {
    let found = find(name, vec![Passage::body(1, sentence)]);
    let all = format!("{found:?}");
    found
        .into_iter()
        .find(|finding| finding.mesh_id == mesh_id)
        .unwrap_or_else(|| panic!("`{mesh_id}` is not in {all}"))
}

fn stance(name: &str, sentence: &str, mesh_id: &str) -> String {
    finding(name, sentence, mesh_id).stance
}

fn ids(sentence: &str) -> Vec<String> {
    find("metformin", vec![Passage::body(1, sentence)])
        .into_iter()
        .map(|finding| finding.mesh_id)
        .collect()
}

#[test]
fn class_of_a_drug_is_no_disease() {
    for sentence in [
        "Insulin was added to unchanged oral hypoglycemic medication.",
        "Metformin, a widely used hypoglycaemic drug",
        "Starting insulin: continue oral hypoglycemic agents?",
        "Its hypotensive effect was weak, as of other antihypertensive drugs.",
    ] {
        assert!(ids(sentence).is_empty(), "{sentence}");
    }
    assert_eq!(ids("a hypoglycemic coma"), [HYPOGLYCEMIA]);
}

#[test]
fn everyday_phrase_with_the_words_of_a_disease_names_none() {
    for sentence in [
        "A double-blind, single blind and observer-blinded trial; blinding was kept.",
        "Heat shock proteins answered to serum shock and to shock waves.",
        "Mutations result in hyperactive signaling.",
        "Insulin sensitivity was higher.",
        "Flumatinib in Philadelphia chromosome positive cells",
    ] {
        assert!(ids(sentence).is_empty(), "{sentence}");
    }
    assert_eq!(
        ids("The risk of blindness in septic shock"),
        ["D001766", "D012772"]
    );
}

#[test]
fn higher_risk_is_never_a_use() {
    assert_eq!(
        stance(
            "metformin",
            "Patients prescribed gliptins had significantly higher risks of hypoglycaemia than those \
             prescribed metformin monotherapy.",
            HYPOGLYCEMIA
        ),
        "neither"
    );
    assert_eq!(
        stance(
            "aspirin",
            "Aspirin treatment increased the risk of asthma.",
            ASTHMA
        ),
        "causes"
    );
    assert_eq!(
        stance(
            "estradiol",
            "Excessive exposure to estradiol represents the main risk factor for endometrial cancer.",
            "D016889"
        ),
        "causes"
    );
}

#[test]
fn risk_without_a_direction_is_neither_and_a_lower_one_a_use() {
    for sentence in [
        "Odds ratios for risk of asthma were calculated for use of aspirin.",
        "Medications such as aspirin used to treat pain may affect the risk of asthma.",
    ] {
        assert_eq!(stance("aspirin", sentence, ASTHMA), "neither", "{sentence}");
    }
    for sentence in [
        "Aspirin was associated with a reduced risk of asthma.",
        "The risk of asthma was reduced with oral aspirin.",
        "Aspirin has been shown to raise rates of pregnancy and reduce the risk of asthma.",
    ] {
        assert_eq!(stance("aspirin", sentence, ASTHMA), "treats", "{sentence}");
    }
    assert_ne!(
        stance(
            "ibuprofen",
            "Transient renal insufficiency was less common in infants who received ibuprofen.",
            "D051437"
        ),
        "causes"
    );
}

#[test]
fn whom_a_label_turns_away_is_neither_treated_nor_harmed() {
    for sentence in [
        "Ask a doctor before use if you have asthma and take aspirin.",
        "Do not use aspirin if you have asthma.",
        "Do not use if you have asthma; aspirin may cause bleeding.",
    ] {
        assert_eq!(stance("aspirin", sentence, ASTHMA), "neither", "{sentence}");
    }
}

#[test]
fn result_outranks_the_question() {
    let result = finding("aspirin", "Aspirin reduced asthma.", ASTHMA);
    for question in [
        "The aim of this study was to investigate whether aspirin can reduce asthma.",
        "To determine the efficacy of aspirin in the treatment of asthma.",
        "The primary end point was prevention of asthma by aspirin.",
        "Is aspirin effective in the treatment of asthma?",
    ] {
        let asked = finding("aspirin", question, ASTHMA);
        assert!(asked.score < 0.75, "{question}: {}", asked.score);
        assert!(asked.score < result.score, "{question}");
    }
    for sentence in [
        "However, the effect of aspirin in asthma is unclear.",
        "To assess the association of prior aspirin use with mortality in patients with asthma.",
        "Patients with asthma, of whom 10% were taking aspirin, were followed.",
    ] {
        assert_ne!(stance("aspirin", sentence, ASTHMA), "treats", "{sentence}");
    }
}

#[test]
fn but_not_denies() {
    let finding = finding(
        "aspirin",
        "Aspirin was associated with neovascular AMD (HR, 2.20) but not pure geographic atrophy (HR, 0.66).",
        "D057092",
    );
    assert!(finding.negated);
    assert_eq!(finding.stance, "neither");
}

#[test]
fn list_of_recorded_things_is_neither() {
    let sentence = "Arthralgia, generalized bone pain and/or myalgia, bone fracture after beginning AIs, any \
                    tamoxifen treatment, and Ca/Bis therapy were recorded.";
    for found in find("tamoxifen", vec![Passage::body(1, sentence)]) {
        assert_eq!(found.stance, "neither", "{}", found.matched_text);
    }
    assert_eq!(
        stance(
            "heparin",
            "Thrombocytopenia was recorded after heparin.",
            "D013921"
        ),
        "causes"
    );
    assert_ne!(
        stance(
            "warfarin",
            "Patients with prior use of warfarin were older and had higher prevalence of atrial fibrillation.",
            "D001281"
        ),
        "causes"
    );
}

#[test]
fn molecule_inside_another_name_is_not_named() {
    for (name, sentence, mesh_id) in [
        ("insulin", "Insulin resistance caused asthma.", ASTHMA),
        (
            "insulin",
            "The insulin receptor is effective against asthma.",
            ASTHMA,
        ),
        (
            "insulin",
            "Insulin-like growth factor improved asthma.",
            ASTHMA,
        ),
        (
            "ASA",
            "5-ASA was effective in the treatment of asthma.",
            ASTHMA,
        ),
        ("insulin", "Non-insulin therapy improved asthma.", ASTHMA),
    ] {
        assert_eq!(stance(name, sentence, mesh_id), "neither", "{sentence}");
    }
}

#[test]
fn refused_recommendation_is_no_use() {
    for sentence in [
        "Nebulized heparin cannot be recommended for prophylaxis against asthma.",
        "Heparin will not provide relief of asthma.",
    ] {
        assert_ne!(stance("heparin", sentence, ASTHMA), "treats", "{sentence}");
    }
}

#[test]
fn disease_that_improved_or_is_treated_was_not_caused() {
    for sentence in [
        "She developed asthma which improved on prednisone.",
        "The treatment of asthma with prednisone caused pain.",
    ] {
        assert_ne!(
            stance("prednisone", sentence, ASTHMA),
            "causes",
            "{sentence}"
        );
    }
}

#[test]
fn other_drug_of_the_trial_lends_it_no_use() {
    let found = find(
        "cisplatin",
        vec![
            Passage::title("A study"),
            under(1, "INTERVENTIONS", "Drug: cisplatin"),
            under(
                2,
                "INTERVENTIONS",
                "Docetaxel: this drug is used in the treatment of breast cancer.",
            ),
        ],
    );
    assert_eq!(found[0].stance, "neither");
}

#[test]
fn history_and_secondary_causes_are_no_indications() {
    let found = find(
        "simvastatin",
        vec![
            Passage::title("Simvastatin"),
            under(
                1,
                "INDICATIONS",
                "Prior to initiating therapy with simvastatin, secondary causes for hypercholesterolemia \
                 (e.g., hypothyroidism, nephrotic syndrome, other drug therapy, alcoholism) should be excluded.",
            ),
        ],
    );
    assert!(found.len() > 2);
    for finding in found {
        assert_ne!(finding.stance, "treats", "{}", finding.matched_text);
    }
}

#[test]
fn denied_association_is_neither() {
    for sentence in [
        "Among an adult cohort, aspirin use 5 years prior to observed incidence was not associated with \
         incident early or late asthma.",
        "There was no association between aspirin and asthma.",
        "No significant association of aspirin use with asthma was seen.",
        "Aspirin was not significantly associated with asthma.",
        "Aspirin did not increase the risk of asthma.",
        "Aspirin did not significantly increase asthma.",
        "Aspirin was not linked to asthma.",
        "Aspirin was not related to asthma.",
        "Asthma was not related to aspirin.",
        "Asthma was not caused by aspirin.",
        "Aspirin is not a risk factor for asthma.",
        "Aspirin carried no increased risk of asthma.",
        "There is no evidence that aspirin causes asthma.",
        "There was no significant difference in asthma after aspirin.",
        "There was no significant difference in asthma between aspirin and placebo.",
    ] {
        assert_eq!(stance("aspirin", sentence, ASTHMA), "neither", "{sentence}");
    }
}

#[test]
fn denial_of_one_link_leaves_the_other() {
    for sentence in [
        "Aspirin was not associated with headache but caused asthma.",
        "Aspirin was not associated with headache and caused asthma.",
        "Aspirin not only caused asthma.",
    ] {
        assert_eq!(stance("aspirin", sentence, ASTHMA), "causes", "{sentence}");
    }
    let said: Vec<String> = find(
        "aspirin",
        vec![
            Passage::title("Aspirin and age-related macular degeneration (AMD)"),
            Passage::body(
                1,
                "For subtypes of late AMD, regular aspirin use 10 years prior to retinal examination was \
                 significantly associated with neovascular AMD (HR, 2.20 [95% CI, 1.20-4.15]; P = .01) but \
                 not pure geographic atrophy (HR, 0.66 [95% CI, 0.25-1.95]; P = .45). Aspirin use 5 years \
                 prior to observed incidence was not associated with incident early or late AMD.",
            ),
        ],
    )
    .into_iter()
    .map(|finding| format!("{} {}", finding.matched_text, finding.stance))
    .collect();
    assert_eq!(
        said[2..],
        [
            "AMD neither",
            "AMD causes",
            "geographic atrophy neither",
            "AMD neither"
        ]
    );
    assert_eq!(
        stance(
            "aspirin",
            "Aspirin was not associated with bleeding in the treatment of asthma.",
            ASTHMA
        ),
        "treats"
    );
}

/// What the warnings of a label of aspirin say of each disease.
fn warned(text: &str) -> Vec<(String, String)> {
    find(
        "aspirin",
        vec![Passage::title("Aspirin"), under(1, "WARNINGS", text)],
    )
    .into_iter()
    .filter(|finding| finding.matched_text != "Aspirin")
    .map(|finding| (finding.matched_text, finding.stance))
    .collect()
}

#[test]
fn label_blames_what_it_says_the_drug_may_cause() {
    let alert = warned(
        "Allergy alert: Aspirin may cause a severe allergic reaction which may include: hives facial \
         swelling asthma(wheezing) shock Stomach bleeding warning: This product contains a nonsteroidal \
         anti-inflammatory drug (NSAID), which may cause stomach bleeding.",
    );
    for blamed in ["hives", "asthma", "stomach bleeding"] {
        assert!(
            alert.contains(&(blamed.to_owned(), "causes".to_owned())),
            "{blamed}: {alert:?}"
        );
    }
    for text in [
        "This product can cause asthma.",
        "Aspirin has caused asthma.",
        "Do not use if you have hives Aspirin may cause asthma.",
    ] {
        let said = warned(text);
        assert!(
            said.contains(&("asthma".to_owned(), "causes".to_owned())),
            "{text}: {said:?}"
        );
    }
}

#[test]
fn label_neither_blames_nor_recommends_where_it_turns_away() {
    for text in [
        "Ask a doctor before use if you have asthma.",
        "Aspirin may cause bleeding Ask a doctor before use if you have asthma.",
        "Do not use aspirin if you have asthma.",
        "Aspirin may cause bleeding in those with a history of asthma.",
        "Children and teenagers who have or are recovering from chicken pox should not use aspirin.",
        "Aspirin may not cause asthma.",
        "Aspirin is used in the treatment of asthma.",
        "Severe hypertension may cause asthma.",
    ] {
        for (matched, stance) in warned(text) {
            if ["asthma", "chicken pox"].contains(&matched.as_str()) {
                assert_eq!(stance, "neither", "{text}");
            }
        }
        assert!(!warned(text).is_empty(), "{text}");
    }
}
