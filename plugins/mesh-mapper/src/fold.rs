//! Brings one word to the form under which the vocabulary holds it: lower case, Greek letters
//! spelled, accents dropped, American spelling, singular.
//!
//! The build script compiles this very file too, so names and texts are folded by the same rules.
//! It never looks a word up and never allocates: a folded word lives on the stack.

/// A longer run of letters is no word of any disease name, and is not looked up.
pub const MAX_WORD_BYTES: usize = 48;

const BUFFER_BYTES: usize = 64;

/// A folded word.
pub struct Folded {
    bytes: [u8; BUFFER_BYTES],
    len: usize,
}

impl Folded {
    /// Folds `word`; none when it is longer than any word of a name.
    pub fn of(word: &str) -> Option<Self> {
        if word.len() > MAX_WORD_BYTES {
            return None;
        }
        let mut folded = Self {
            bytes: [0; BUFFER_BYTES],
            len: 0,
        };
        if word.is_ascii() {
            folded.bytes[..word.len()].copy_from_slice(word.as_bytes());
            folded.len = word.len();
            folded.bytes[..folded.len].make_ascii_lowercase();
        } else {
            for letter in word.chars().flat_map(char::to_lowercase) {
                folded.push(letter)?;
            }
        }
        if !folded.roman_numeral() {
            folded.americanise();
            folded.singularise();
        }
        Some(folded)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, letter: char) -> Option<()> {
        let mut utf8 = [0; 4];
        let spelled: &str = match letter {
            // Combining marks: "e" followed by an acute accent is an "e".
            '\u{300}'..='\u{36f}' => "",
            'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
            'ç' | 'ć' | 'č' => "c",
            'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' | 'æ' | 'œ' => "e",
            'ì'..='ï' | 'ī' | 'ı' => "i",
            'ñ' | 'ń' | 'ň' => "n",
            'ò'..='ö' | 'ø' | 'ō' | 'ő' => "o",
            'ù'..='ü' | 'ū' | 'ű' | 'ů' => "u",
            'ý' | 'ÿ' => "y",
            'š' | 'ś' | 'ş' => "s",
            'ž' | 'ź' | 'ż' => "z",
            'ł' => "l",
            'ß' => "ss",
            'α' => "alpha",
            'β' | 'ϐ' => "beta",
            'γ' => "gamma",
            'δ' => "delta",
            'ε' | 'ϵ' => "epsilon",
            'ζ' => "zeta",
            'η' => "eta",
            'θ' => "theta",
            'κ' => "kappa",
            'λ' => "lambda",
            'μ' | 'µ' => "mu",
            'σ' | 'ς' => "sigma",
            'τ' => "tau",
            'ω' => "omega",
            other => other.encode_utf8(&mut utf8),
        };
        let end = self.len + spelled.len();
        self.bytes
            .get_mut(self.len..end)?
            .copy_from_slice(spelled.as_bytes());
        self.len = end;
        Some(())
    }

    /// "Type II" and "type 2" are one type.
    fn roman_numeral(&mut self) -> bool {
        let digit = match self.as_bytes() {
            b"i" => b'1',
            b"ii" => b'2',
            b"iii" => b'3',
            b"iv" => b'4',
            b"v" => b'5',
            b"vi" => b'6',
            b"vii" => b'7',
            b"viii" => b'8',
            _ => return false,
        };
        self.bytes[0] = digit;
        self.len = 1;
        true
    }

    /// British to American: every rule keeps or shortens the word, so it works in place.
    fn americanise(&mut self) {
        let len = self.len;
        let (mut read, mut write) = (0, 0);
        while read < len {
            let rest = &self.bytes[read..len];
            let (letter, step) = match rest[0] {
                // Plural of Latin words in -a: fistulae; but Haemophilus influenzae is one.
                b'a' if rest == b"ae" && read > 2 => (b'a', if self.is_epithet() { 1 } else { 2 }),
                b'a' if rest.len() > 2 && rest[1] == b'e' => (b'e', 2),
                b'o' if rest.len() > 2 && rest[1] == b'e' && rest != b"oes" => (b'e', 2),
                b'u' if read > 2
                    && rest.len() > 1
                    && rest[1] == b'r'
                    && self.bytes[read - 1] == b'o' =>
                {
                    (b'r', 2)
                }
                b'p' if read > 2
                    && rest.starts_with(b"ph")
                    && &self.bytes[read - 3..read] == b"sul" =>
                {
                    (b'f', 2)
                }
                b'c' if read == 3 && self.bytes.starts_with(b"leu") => (b'k', 1),
                b's' if read > 3
                    && (rest.starts_with(b"sation")
                        || (self.bytes[read - 1] == b'i' && matches!(rest, b"sing" | b"sed"))) =>
                {
                    (b'z', 1)
                }
                other => (other, 1),
            };
            self.bytes[write] = letter;
            write += 1;
            read += step;
        }
        self.len = write;
    }

    /// Second words of bacteria's names, which no plural rule may turn into a disease.
    fn is_epithet(&self) -> bool {
        [&b"niae"[..], b"nzae", b"eae"]
            .iter()
            .any(|ending| self.bytes[..self.len].ends_with(ending))
    }

    /// Plural to singular, lightly: a wrong stem does no harm where text and name share it.
    fn singularise(&mut self) {
        const ENDINGS: [(&[u8], &[u8]); 18] = [
            (b"ies", b"y"),
            (b"sses", b"ss"),
            (b"xes", b"x"),
            (b"ches", b"ch"),
            (b"shes", b"sh"),
            (b"oses", b"osis"),
            (b"yses", b"ysis"),
            (b"eses", b"esis"),
            (b"crises", b"crisis"),
            (b"stases", b"stasis"),
            (b"itides", b"itis"),
            (b"uses", b"us"),
            (b"omata", b"oma"),
            (b"boli", b"bolus"),
            (b"ombi", b"ombus"),
            (b"arcti", b"arctus"),
            (b"culi", b"culus"),
            (b"diverticula", b"diverticulum"),
        ];
        if self.len < 4 {
            return;
        }
        if !matches!(self.bytes[self.len - 1], b's' | b'a' | b'i') {
            return;
        }
        for (plural, singular) in ENDINGS {
            if self.as_bytes().ends_with(plural)
                && self.len > plural.len() + usize::from(plural == b"ies")
            {
                let stem = self.len - plural.len();
                self.bytes[stem..stem + singular.len()].copy_from_slice(singular);
                self.len = stem + singular.len();
                return;
            }
        }
        let ending = [self.bytes[self.len - 2], self.bytes[self.len - 1]];
        if ending[1] == b's' && !matches!(ending[0], b's' | b'u' | b'i') {
            self.len -= 1;
        }
    }
}

/// FNV-1a; the same sum on every machine, so the image's table can be laid out at build time.
pub fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| {
        (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(word: &str) -> String {
        let folded = Folded::of(word).unwrap();
        String::from_utf8(folded.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn british_and_plural_words_meet_their_american_singular() {
        for (one, other) in [
            ("Tumours", "tumor"),
            ("anaemias", "anemia"),
            ("oedema", "edema"),
            ("leucopenia", "leukopenia"),
            ("metastases", "metastasis"),
            ("carcinomata", "carcinoma"),
            ("neuropathies", "neuropathy"),
            ("fistulae", "fistula"),
            ("thrombi", "thrombus"),
            ("necrotising", "necrotizing"),
            ("localised", "localized"),
            ("III", "3"),
        ] {
            assert_eq!(fold(one), fold(other), "{one}");
        }
    }

    #[test]
    fn word_beyond_48_bytes_is_not_folded() {
        assert!(Folded::of(&"a".repeat(MAX_WORD_BYTES)).is_some());
        assert!(Folded::of(&"a".repeat(MAX_WORD_BYTES + 1)).is_none());
    }

    #[test]
    fn bacteria_are_no_plurals_of_diseases() {
        assert_ne!(fold("influenzae"), fold("influenza"));
        assert_ne!(fold("pneumoniae"), fold("pneumonia"));
    }

    #[test]
    fn greek_and_accents_are_spelled_out() {
        assert_eq!(fold("\u{3b2}"), "beta");
        assert_eq!(fold("Sjögren"), "sjogren");
        assert_eq!(fold("Ménière"), fold("Me\u{301}nie\u{300}re"));
    }

    #[test]
    fn word_beyond_the_limit_is_not_folded() {
        assert!(Folded::of(&"a".repeat(MAX_WORD_BYTES)).is_some());
        assert!(Folded::of(&"a".repeat(MAX_WORD_BYTES + 1)).is_none());
        assert!(Folded::of(&"\u{3b5}".repeat(MAX_WORD_BYTES / 2)).is_none());
    }
}
