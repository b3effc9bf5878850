//! The classes of cue phrases, which `vocabulary/cues.tsv` fills with phrases.
//!
//! The build script compiles this file too. What a class means for a stance stands in
//! `stance/weights.rs` and, for those behind `Anaphor`, in `stance/frame.rs`; for a negation in
//! `negation.rs`.

macro_rules! cues {
    ($($(#[$doc:meta])* $class:ident = $name:literal,)+) => {
        /// A class of cue phrases; its number is its bit in a payload.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Cue { $($(#[$doc])* $class,)+ }

        impl Cue {
            pub const ALL: &[Self] = &[$(Self::$class,)+];

            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$class),)+
                    _ => None,
                }
            }

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$class => $name,)+
                }
            }

            /// Its bit in a set of classes.
            pub const fn bit(self) -> u64 {
                1 << self as u32
            }

            pub fn is_in(self, bits: u64) -> bool {
                bits & self.bit() != 0
            }
        }
    };
}

cues! {
    /// Denies what follows: "no evidence of".
    Deny = "deny",
    /// Denies what stands before: "was ruled out".
    DenyAfter = "deny-after",
    /// Looks like a denial and is none: "not only".
    Pseudo = "pseudo",
    /// Ends the reach of a denial: "but".
    End = "end",
    /// "for"
    For = "for",
    /// "in"
    In = "in",
    /// "treatment of"
    Treatment = "treatment",
    /// "improved"
    Improve = "improve",
    /// "prevented"
    Prevent = "prevent",
    /// "effective in"
    Effective = "effective",
    /// "indicated for"
    Indicated = "indicated",
    /// "treated with"
    TreatedWith = "treated-with",
    /// "received"
    Given = "given",
    /// "caused", as an active verb
    Cause = "cause",
    /// "due to"
    CausedBy = "caused-by",
    /// "associated with"
    Associated = "associated",
    /// "after"
    After = "after",
    /// "induced"
    Induced = "induced",
    /// "side effects"
    Adverse = "adverse",
    /// "toxicity"
    Toxic = "toxic",
    /// "risk of"
    Risk = "risk",
    /// "developed"
    Developed = "developed",
    /// "contraindicated"
    Contra = "contra",
    /// "did not reduce"
    NoEffect = "no-effect",
    /// "not"
    Not = "not",
    /// "patients with"
    Patients = "patients",
    /// "symptoms of"
    Feature = "feature",
    /// "test for"
    Diagnosis = "diagnosis",
    /// "trial of", "placebo"
    Trial = "trial",
    /// "including", "such as"
    Including = "including",
    /// "treatment", "this drug": stands for the molecule when it has just been named.
    Anaphor = "anaphor",
    /// "To determine whether": asks and claims nothing.
    Objective = "objective",
    /// "Remains unclear": answers that nobody knows.
    Unsettled = "unsettled",
    /// "Do not use if you have": whom a label turns away.
    Warned = "warned",
    /// "Increased", said of a risk.
    More = "more",
    /// "Reduced", said of a risk.
    Less = "less",
    /// "Than", "compared with": what stands behind is the other arm.
    Compared = "compared",
    /// "Not significantly different"
    Same = "same",
    /// "Were recorded": what stands before was looked at, not found.
    Recorded = "recorded",
    /// "Risk of", governing the disease behind it.
    RiskOf = "risk-of",
    /// "Risk factor for": its subject brings the disease about.
    RiskFactor = "risk-factor",
    /// "History of", "secondary causes": why or in whom, not what for.
    Background = "background",
    /// "Receptor": behind the molecule's name it makes a name of something else.
    Part = "part",
    /// "Prior use of", "defined as": said in passing, no claim of a use.
    Aside = "aside",
    /// "Resistance": the molecule no longer helps.
    Resistance = "resistance",
    /// "No evidence that": denies the link that follows.
    NoLink = "no-link",
    /// "May cause", "which may include": what a label blames on its drug.
    Blamed = "blamed",
}

/// The first so many classes are features of the model of pairs; those behind are for rules.
pub const N_VOTING: usize = Cue::Anaphor as usize + 1;
