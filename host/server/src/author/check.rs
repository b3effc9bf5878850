//! `test`: the gates of a host, run by the host's own code, with its limits and its sandbox.

use std::{path::Path, sync::Arc, time::Duration};

use chrono::NaiveDate;
use phagen_domain::{
    evidence::{Attribute, Page},
    plugin::{Activation, Failure, SlotName},
    query::CorpusRequest,
};
use phagen_package::{GoldenCase, GoldenCases};
use phagen_plugin::{
    ActiveSlot, Artifact, CorpusSearch, Plugin, PluginError, PluginHost, PluginSettings,
};

use super::{AuthorError, Subject};

/// A host of plugins for one command, with nothing behind it: no corpus, no database.
pub struct Rehearsal {
    pub(super) host: Arc<PluginHost>,
    pub(super) outfit: Outfit,
}

/// What the slot is pretended to have.
#[derive(Debug, Clone, Default)]
pub struct Outfit {
    pub config: Vec<Attribute>,
    pub artifact: Option<(String, Vec<u8>)>,
}

/// What one step came to.
#[derive(Debug)]
pub struct Checked {
    /// `verify`, `compile`, or the name of a case.
    pub what: String,
    pub outcome: Outcome,
    pub took: Duration,
}

#[derive(Debug)]
pub enum Outcome {
    /// What was seen.
    Passed(Vec<String>),
    /// What failed, and what to do about it.
    Failed { why: String, help: String },
}

impl Checked {
    pub fn passed(&self) -> bool {
        matches!(self.outcome, Outcome::Passed(_))
    }
}

impl Rehearsal {
    /// `settings` are those that the host of this configuration would run with.
    pub fn open(settings: PluginSettings, outfit: Outfit) -> Result<Self, AuthorError> {
        let host = PluginHost::new(settings, Arc::new(NoCorpus))?;
        Ok(Self {
            host: Arc::new(host),
            outfit,
        })
    }

    /// Walks a component through all gates; `tell` hears of each step as it ends. Whether all
    /// passed.
    pub async fn check(
        &self,
        subject: &Subject,
        as_of: NaiveDate,
        tell: &(dyn Fn(&Checked) + Sync),
    ) -> Result<bool, AuthorError> {
        let verified = self.blocking(subject, |host, subject| {
            host.verify(&subject.bytes).map(|it| it.notes)
        });
        if !step("verify", verified.await?, tell) {
            return Ok(false);
        }
        let compiled = self.blocking(subject, |host, subject| {
            let done = host.compile(subject.package.world, &subject.bytes)?;
            let size = super::inspect::size_text(done.machine_code_bytes);
            Ok(vec![if done.was_cached {
                "its machine code was in the cache".to_owned()
            } else {
                format!("{size} of machine code")
            }])
        });
        if !step("compile", compiled.await?, tell) {
            return Ok(false);
        }
        let plugin = match self.load(subject).await? {
            (Ok(plugin), _) => plugin,
            (Err(error), took) => return Ok(step("start", (Err(error), took), tell)),
        };
        let cases = subject.package.golden.as_ref();
        let mut all_passed = true;
        for case in cases.map_or(&[][..], |golden| &golden.cases) {
            let answer = self.case(&plugin, case).await;
            all_passed &= step(&format!("case `{}`", case.name), answer, tell);
        }
        if cases.is_none_or(|golden| golden.cases.is_empty()) {
            let slot = self.slot(&plugin, self.outfit.config.clone());
            let began = std::time::Instant::now();
            let answer = self.host.check(slot, None, as_of).await;
            let answer = answer.map(|report| report.notes);
            all_passed &= step("check", (answer, began.elapsed()), tell);
        }
        Ok(all_passed)
    }

    /// One case with the self-test around it, in the configuration that the case is asked in.
    async fn case(&self, plugin: &Plugin, case: &GoldenCase) -> Answer {
        let case = self.outfitted(case);
        let config = case.config.iter().map(|(key, value)| Attribute {
            key: key.clone(),
            value: value.clone(),
        });
        let slot = self.slot(plugin, config.collect());
        let alone = GoldenCases {
            cases: vec![case.clone()],
        };
        let began = std::time::Instant::now();
        let report = self.host.check(slot, Some(&alone), case.as_of).await;
        let answer = match report {
            Ok(report) if report.is_deferred => Err(PluginError::GoldenCase {
                case: case.name.clone(),
                what: report.notes.join("; "),
            }),
            Ok(report) => Ok(report.notes),
            Err(error) => Err(error),
        };
        (answer, began.elapsed())
    }

    /// A case in the configuration that it is asked in: its own, else the outfit's.
    pub(super) fn outfitted(&self, case: &GoldenCase) -> GoldenCase {
        let mut case = case.clone();
        if case.config.is_empty() {
            let outfit = self.outfit.config.iter();
            case.config = outfit
                .map(|attribute| (attribute.key.clone(), attribute.value.clone()))
                .collect();
        }
        case
    }

    /// A slot as the check gate makes it: granted what the manifest asks for.
    pub(super) fn slot(&self, plugin: &Plugin, config: Vec<Attribute>) -> ActiveSlot {
        let artifact = self.outfit.artifact.as_ref().map(|(name, bytes)| Artifact {
            name: name.clone(),
            digest: phagen_domain::digest::Digest::of(bytes),
            bytes: bytes.clone().into(),
        });
        let activation = Activation {
            plugin: plugin.name().to_owned(),
            plugin_digest: plugin.digest(),
            artifact_digest: artifact.as_ref().map(|it| it.digest),
            config,
            grant: plugin
                .manifest()
                .map(|it| it.grant.clone())
                .unwrap_or_default(),
        };
        ActiveSlot::new(rehearsal_slot(), 0, activation, plugin.clone(), artifact)
    }

    pub(super) async fn load(
        &self,
        subject: &Subject,
    ) -> Result<(Result<Plugin, PluginError>, Duration), AuthorError> {
        self.blocking(subject, |host, subject| {
            host.load(subject.package.world, &subject.bytes)
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        subject: &Subject,
        work: impl FnOnce(&PluginHost, &Subject) -> Result<T, PluginError> + Send + 'static,
    ) -> Result<(Result<T, PluginError>, Duration), AuthorError> {
        let (host, subject) = (Arc::clone(&self.host), subject.clone());
        tokio::task::spawn_blocking(move || {
            let began = std::time::Instant::now();
            let done = work(&host, &subject);
            (done, began.elapsed())
        })
        .await
        .map_err(|_| AuthorError::Interrupted)
    }
}

fn step(what: &str, answer: Answer, tell: &(dyn Fn(&Checked) + Sync)) -> bool {
    let (answer, took) = answer;
    let checked = Checked {
        what: what.to_owned(),
        outcome: match answer {
            Ok(notes) => Outcome::Passed(notes),
            Err(error) => Outcome::Failed {
                help: help(&error).to_owned(),
                why: with_causes(&error),
            },
        },
        took,
    };
    tell(&checked);
    checked.passed()
}

type Answer = (Result<Vec<String>, PluginError>, Duration);

fn rehearsal_slot() -> SlotName {
    "check".parse().expect("a literal slot name")
}

fn with_causes(error: &PluginError) -> String {
    let mut text = format!("{error} (`{}`)", error.code());
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Where to look, and what to change.
fn help(error: &PluginError) -> &'static str {
    match error {
        PluginError::Timeout { .. } => {
            "make the call faster, or ask for more with `limits.deadline_milliseconds` (`init`: `limits.init_deadline_milliseconds`) in plugin.toml"
        }
        PluginError::MemoryLimit { .. } => {
            "use less, or ask for more with `limits.memory_bytes` in plugin.toml"
        }
        PluginError::OutputLimit { .. } => {
            "answer less at once, or ask for more with `limits.output_bytes` in plugin.toml"
        }
        PluginError::Guest(failure) if failure.code == "denied" => {
            "what the plugin reaches for must stand below `[grant]` in plugin.toml, and a case must have an answer to it in `http`"
        }
        PluginError::Guest(failure) if failure.code == "invalid-config" => {
            "give the case its `config`, or this command `--with KEY=VALUE`"
        }
        PluginError::Guest(failure) if failure.code == "artifact-mismatch" => {
            "give this command the artifact with `--artifact FILE`"
        }
        PluginError::GoldenCase { .. } => {
            "correct the code, or the case in the file that `self_test.cases` of plugin.toml names; then build again"
        }
        PluginError::NotDeterministic { .. } => {
            "answer from the arguments alone: no iteration over hash tables, no chance, no time"
        }
        PluginError::ForeignImport { .. } => {
            "leave out what needs that import: a plugin has no files, no sockets and no threads"
        }
        PluginError::Trap { .. } => "the message above names the place; answer a `Failure` instead",
        _ => "change the plugin as the message says, then build again",
    }
}

/// Golden cases bring their own corpus; nothing else has one here.
struct NoCorpus;

impl CorpusSearch for NoCorpus {
    fn search(&self, _: &CorpusRequest) -> Result<Page, Failure> {
        Err(Failure::new(
            "unavailable",
            "there is no corpus in a rehearsal; give the case a `corpus`",
        ))
    }
}

/// Reads an artifact for [`Outfit`].
pub fn read_artifact(path: &Path) -> Result<(String, Vec<u8>), AuthorError> {
    let bytes = std::fs::read(path).map_err(AuthorError::file("read", path))?;
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok((name, bytes))
}
