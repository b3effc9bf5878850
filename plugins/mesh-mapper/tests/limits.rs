//! Every limit of the mapper, hit from outside: what is beyond it is left alone, and nothing breaks.

use std::fmt::Write as _;

use mesh_mapper::mapper::{self, Found, PassageText};
use mesh_mapper::recognise::Reading;
use mesh_mapper::stance::Stance;
use mesh_mapper::stance::molecule::Names;

fn find<'a>(name: &str, section: Option<&'a str>, text: &'a str) -> Vec<Found<'a>> {
    let passages = [
        PassageText {
            ordinal: 0,
            section: None,
            text: "Aspirin",
        },
        PassageText {
            ordinal: 1,
            section,
            text,
        },
    ];
    mapper::find(Some(&Names::of([name])), &passages)
}

fn ids(text: &str) -> Vec<&'static str> {
    find("aspirin", None, text)
        .iter()
        .map(|found| found.disease.mesh_id())
        .collect()
}

/// `n` explanations of short forms that are no diseases.
fn explanations(n: u8) -> String {
    (0..n).fold(String::new(), |mut text, index| {
        let (one, other) = (char::from(b'a' + index / 8), char::from(b'a' + index % 8));
        let short = format!("{one}{other}").to_uppercase();
        write!(text, "{one}oo {other}oo ({short}), ").expect("a string takes any text");
        text
    })
}

#[test]
fn explanations_beyond_the_64th_do_not_count() {
    let text = |n| {
        format!(
            "{}rheumatoid arthritis (RHAR). RHAR lasts.",
            explanations(n)
        )
    };
    assert_eq!(ids(&text(63)).len(), 3);
    assert_eq!(ids(&text(64)).len(), 1);
}

#[test]
fn short_form_beyond_12_bytes_is_none() {
    assert_eq!(ids("rheumatoid arthritis (RHEUMATOIDAR)").len(), 2);
    assert_eq!(ids("rheumatoid arthritis (RHEUMATOIDART)").len(), 1);
}

#[test]
fn names_of_a_molecule_beyond_the_256th_are_not_looked_for() {
    let named = |n: usize| {
        let names: Vec<String> = (0..n)
            .map(|index| format!("filler{index}"))
            .chain(["tamoxifen".to_owned()])
            .collect();
        Names::of(names.iter().map(String::as_str))
            .find(&Reading::of("tamoxifen"))
            .len()
    };
    assert_eq!(named(255), 1);
    assert_eq!(named(256), 0);
}

#[test]
fn list_shares_its_head_with_six_members() {
    let list = "breast, ovarian, prostate, kidney, liver, lung, stomach, bladder and colon cancer";
    assert_eq!(ids(list).len(), 7);
}

#[test]
fn member_of_a_list_has_four_words_at_most() {
    assert_eq!(
        ids("non-small cell lung and breast cancer"),
        ["D002289", "D001943"]
    );
    let found = find(
        "aspirin",
        None,
        "conventional clear cell renal cell and breast carcinoma",
    );
    assert!(found[0].matched_text.starts_with("clear cell"));
}

#[test]
fn sentence_ends_256_tokens_off() {
    let stance = |n| {
        let text = format!(
            "Aspirin was {}effective in the treatment of asthma.",
            "very ".repeat(n)
        );
        find("aspirin", None, &text)[0].stance
    };
    assert_eq!(stance(3), Stance::Treats);
    assert_eq!(stance(300), Stance::Neither);
}

#[test]
fn denial_reaches_48_tokens_through_a_list() {
    let denied = |n| {
        let text = format!("There was no evidence of {}asthma.", "asthma, ".repeat(n));
        let found = find("aspirin", None, &text);
        found[n].negated
    };
    assert!(denied(7));
    assert!(!denied(60));
}

#[test]
fn heading_has_ten_tokens_at_most() {
    let stance = |n| {
        let text = format!("Asthma {}", "word ".repeat(n));
        find("aspirin", Some("INDICATIONS"), &text)[0].stance
    };
    assert_eq!(stance(9), Stance::Treats);
    assert_eq!(stance(10), Stance::Neither);
}

#[test]
fn risk_governs_32_tokens_on() {
    let stance = |n| {
        let text = format!("Aspirin lowered the risk of {}asthma.", "pain, ".repeat(n));
        find("aspirin", None, &text)[n].stance
    };
    assert_eq!(stance(16), Stance::Treats);
    assert_eq!(stance(17), Stance::Neither);
}
