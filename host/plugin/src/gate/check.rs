//! The third gate: the guest runs, apart from everything that serves.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use phagen_domain::{
    evidence::{Attribute, Candidate, Page},
    plugin::{Failure, World},
    query::CorpusRequest,
};
use phagen_package::{GoldenCase, GoldenCases, golden::Expectation};

use super::{
    milliseconds_since, order, probe,
    question::{agree, ask_golden, judge},
};
use crate::{
    PluginError,
    guest::{CorpusSearch, Egress, Witness},
    host::PluginHost,
    slot::{ActiveSlot, Outside},
};

/// What the check gate saw.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// What was run and found, for people.
    pub notes: Vec<String>,
    pub milliseconds: f64,
    pub n_cases: usize,
    /// The guest could not start without an artifact or a configuration that the slot does not
    /// have: run the check again with the slot that it shall serve in, and refuse it when this is
    /// still set there.
    pub is_deferred: bool,
    /// Longest call, its fresh instance included.
    pub slowest: Duration,
    /// Most memory that an instance took.
    pub memory_bytes: usize,
}

impl PluginHost {
    /// Lets the guest check itself in two instances, runs its golden cases with the network and
    /// the corpus of each case, and holds two instances of a mapper or reranker against each
    /// other, bit by bit. Every limit of a real call holds; nothing of it reaches the slot's
    /// guard, the host's corpus or the network.
    pub async fn check(
        &self,
        slot: ActiveSlot,
        golden: Option<&GoldenCases>,
        as_of: NaiveDate,
    ) -> Result<CheckReport, PluginError> {
        let began = Instant::now();
        let mut check = Check {
            apart: slot.set_apart(self.nowhere()?),
            notes: Vec::new(),
            is_deferred: false,
        };
        check.self_test(as_of).await?;
        let cases = golden.map_or(&[][..], |golden| &golden.cases);
        // Cases bring their own configuration.
        check.run_cases(self, cases).await?;
        if !check.is_deferred {
            if cases.is_empty() {
                check.run_probe(as_of).await?;
            }
            check.run_kept(as_of, cases).await?;
        }
        let stats = check.apart.guard().stats();
        if stats.n_calls > 0 {
            check.notes.push(format!(
                "{} calls, each in a fresh instance: half took at most {:.1?}, the slowest {:.1?}; at most {} KiB of memory",
                stats.n_calls, stats.p50, stats.slowest, stats.memory_bytes >> 10,
            ));
        }
        Ok(CheckReport {
            notes: check.notes,
            milliseconds: milliseconds_since(began),
            n_cases: cases.len(),
            is_deferred: check.is_deferred,
            slowest: stats.slowest,
            memory_bytes: stats.memory_bytes,
        })
    }

    /// A slot in which `case` can be asked as the check asks it: the case's network, corpus and
    /// configuration, and all that the manifest asks for. For whoever measures such calls.
    pub fn rehearse(
        &self,
        slot: &ActiveSlot,
        case: &GoldenCase,
    ) -> Result<ActiveSlot, PluginError> {
        let mut slot = slot.set_apart(self.outside_of(&case.corpus, &case.http)?);
        // What is faked may be granted in full.
        slot.activation.grant = slot.plugin.asked();
        slot.activation.config = case.config.iter().map(attribute).collect();
        Ok(slot)
    }

    /// No corpus and no network.
    fn nowhere(&self) -> Result<Outside, PluginError> {
        self.outside_of(&[], &[])
    }

    fn outside_of(
        &self,
        corpus: &[Candidate],
        http: &[phagen_package::golden::HttpExchange],
    ) -> Result<Outside, PluginError> {
        Ok(Outside {
            corpus: Some(Arc::new(CaseCorpus(corpus.to_vec()))),
            egress: Some(Arc::new(Egress::canned(&self.shared.settings, http)?)),
            witness: Witness::Nobody,
        })
    }
}

/// A check under way.
struct Check {
    apart: ActiveSlot,
    notes: Vec<String>,
    is_deferred: bool,
}

impl Check {
    async fn self_test(&mut self, as_of: NaiveDate) -> Result<(), PluginError> {
        for _ in 0..2 {
            match self.apart.self_test(as_of).await {
                Ok(()) => {}
                Err(PluginError::Guest(failure)) if self.lacks_what_it_needs(&failure) => {
                    self.defer(&failure);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.notes
            .push("two instances started and passed their self-test".to_owned());
        Ok(())
    }

    /// Whether a failure may be for want of something that this slot does not have.
    fn lacks_what_it_needs(&self, failure: &Failure) -> bool {
        match failure.code.as_str() {
            "artifact-mismatch" | "not-found" | "denied" => self.lacks_artifact(),
            "invalid-config" => self.apart.activation.config.is_empty(),
            _ => false,
        }
    }

    fn lacks_artifact(&self) -> bool {
        self.apart.artifact.is_none() && self.apart.plugin.asked().artifact
    }

    fn defer(&mut self, failure: &Failure) {
        self.is_deferred = true;
        self.notes.push(format!(
            "without the artifact and the configuration of a slot it does not start ({failure}); it is checked again when it is activated, with the slot's own"
        ));
    }

    async fn run_cases(
        &mut self,
        host: &PluginHost,
        cases: &[GoldenCase],
    ) -> Result<(), PluginError> {
        let mut n_run = 0;
        for case in cases {
            let mut slot = self.apart.clone();
            slot.outside = host.outside_of(&case.corpus, &case.http)?;
            // What is faked may be granted in full.
            slot.activation.grant = slot.plugin.asked();
            slot.activation.config = case.config.iter().map(attribute).collect();
            let first = ask_golden(&slot, &case.call, case.as_of).await;
            let expects_failure = matches!(case.expect, Expectation::Failure { .. });
            if let (Err(PluginError::Guest(failure)), false) = (&first, expects_failure)
                && failure.code != "invalid-config"
                && self.lacks_what_it_needs(failure)
            {
                self.defer(failure);
                break;
            }
            judge(case, &first)?;
            n_run += 1;
            if slot.plugin.world() != World::Source {
                let second = ask_golden(&slot, &case.call, case.as_of).await;
                agree(&first, &second)?;
                if let Ok(first) = &first {
                    order::holds(&slot, &case.call, case.as_of, first).await?;
                }
            }
        }
        if n_run > 0 {
            self.notes
                .push(format!("{n_run} golden cases answered as expected"));
        }
        Ok(())
    }

    async fn run_probe(&mut self, as_of: NaiveDate) -> Result<(), PluginError> {
        let Some(question) = probe::question(self.apart.plugin.world(), as_of) else {
            self.notes.push(
                "no golden cases; a source is asked nothing else, since it would reach out"
                    .to_owned(),
            );
            return Ok(());
        };
        let first = ask_golden(&self.apart, &question, as_of).await;
        let second = ask_golden(&self.apart, &question, as_of).await;
        agree(&first, &second)?;
        order::holds(&self.apart, &question, as_of, &first?).await?;
        self.notes.push(
            "no golden cases; two instances gave the same bits for a built-in question".to_owned(),
        );
        Ok(())
    }

    /// A guest that wants its instances kept must answer a later call as a fresh instance would.
    async fn run_kept(
        &mut self,
        as_of: NaiveDate,
        cases: &[GoldenCase],
    ) -> Result<(), PluginError> {
        let kept = self.apart.with_kept_instances();
        let question = probe::question(kept.plugin.world(), as_of);
        let (Some(question), true) = (question, kept.kept().is_some() && cases.is_empty()) else {
            return Ok(());
        };
        let fresh = ask_golden(&self.apart, &question, as_of).await;
        for _ in 0..3 {
            agree(&fresh, &ask_golden(&kept, &question, as_of).await)?;
        }
        self.notes
            .push("a kept instance answered three times as a fresh one".to_owned());
        Ok(())
    }
}

fn attribute((key, value): (&String, &String)) -> Attribute {
    Attribute {
        key: key.clone(),
        value: value.clone(),
    }
}

/// Answers every search with the candidates of a case, in their order.
struct CaseCorpus(Vec<Candidate>);

impl CorpusSearch for CaseCorpus {
    fn search(&self, request: &CorpusRequest) -> Result<Page, Failure> {
        Ok(Page {
            candidates: self
                .0
                .iter()
                .take(request.limit as usize)
                .cloned()
                .collect(),
            cursor: None,
        })
    }
}
