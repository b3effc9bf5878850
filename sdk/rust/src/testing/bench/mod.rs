//! The plugin outside of its sandbox: what `phagen plugin bench` compares a guest with. It asks the
//! golden cases of an order natively, and prints what each took.
//!
//! Timed is the call alone, as a guest that lies in its memory would see it: its arguments are owned
//! and decoded before, the plugin is new in every round, and the answer is dropped afterwards.
//! Nothing here judges an answer: the first one is told, and whoever reads it holds it against the
//! guest's.

mod case;
mod order;
mod world;

use std::{
    io::Write,
    process::ExitCode,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::Failure;
use case::Case;
use order::Order;

pub use world::Native;

/// A plugin that [`bench()`] can ask. The export macros implement it.
pub trait Exported: 'static {
    /// How plugins of its world are asked.
    type World: Native;
}

/// Asks a plugin natively what the file of the command line orders, and prints one line of JSON a
/// case. A crate's `examples/native.rs` is a call of it:
///
/// ```no_run
/// # use phagen_sdk::{Context, Description, Document, Failure, Finding, Mapper, Molecule};
/// # pub struct MyMapper;
/// # impl Mapper for MyMapper {
/// #     fn describe() -> Description { phagen_sdk::describe!("finds nothing") }
/// #     fn init(_: &Context) -> Result<Self, Failure> { Ok(Self) }
/// #     fn find(&self, _: Option<&Molecule>, _: &[Document]) -> Result<Vec<Finding>, Failure> {
/// #         Ok(Vec::new())
/// #     }
/// # }
/// # phagen_sdk::export_mapper!(MyMapper);
/// fn main() -> std::process::ExitCode {
///     phagen_sdk::testing::bench::<MyMapper>()
/// }
/// ```
pub fn bench<P: Exported>() -> ExitCode {
    let path = std::env::args_os().nth(1);
    let order = path
        .ok_or_else(|| "name the file of the order; `phagen plugin bench` writes it".to_owned())
        .and_then(|path| Order::read(path.as_ref()));
    match order.and_then(|order| run::<P::World>(&order, &mut std::io::stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run<W: Native>(order: &Order, out: &mut impl Write) -> Result<(), String> {
    for (name, json) in order.cases() {
        let told = Case::read(order, json).and_then(|case| ask::<W>(order, &case, json));
        let line = match told {
            Ok(asked) => asked.line(name),
            Err(why) => json!({ "case": name, "why": why }),
        };
        // A plugin may have printed half a line before.
        write!(out, "\n{line}\n").map_err(|error| format!("cannot print: {error}"))?;
    }
    Ok(())
}

/// What was measured of one case.
struct Asked {
    times: Vec<Duration>,
    answer: Value,
}

fn ask<W: Native>(order: &Order, case: &Case, json: &Value) -> Result<Asked, String> {
    let question = W::question(json)?;
    let round = || {
        let context = case.context();
        let log = context.recorder();
        log.record(|| {
            let plugin = W::init(&context)
                .map_err(|failure| format!("`init` failed natively: {}", in_words(&failure)))?;
            Ok::<_, String>(W::ask(&plugin, &context, &question))
        })
    };
    // Once, so that nothing is measured that happens once.
    let (_, answer) = round()?;
    let answer = match answer {
        Ok(answer) => W::told(answer),
        Err(failure) => json!({ "error": failure.code }),
    };
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < order.max_rounds && (times.is_empty() || began.elapsed() < order.budget) {
        let (time, answer) = round()?;
        drop(answer);
        times.push(time);
    }
    Ok(Asked { times, answer })
}

/// What `call` took and gave.
fn timed<T>(call: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let given = call();
    (began.elapsed(), given)
}

fn in_words(failure: &Failure) -> String {
    format!("{}: {}", failure.code, failure.message)
}

impl Asked {
    fn line(mut self, case: &str) -> Value {
        self.times.sort_unstable();
        let nanoseconds_at = |percent: usize| {
            let last = self.times.len().saturating_sub(1);
            let time = self.times.get(last * percent / 100);
            time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
        };
        json!({
            "case": case,
            "runtime": runtime(),
            "n_rounds": self.times.len(),
            "p50_ns": nanoseconds_at(50),
            "p99_ns": nanoseconds_at(99),
            "answer": self.answer,
        })
    }
}

fn runtime() -> String {
    let how = if cfg!(debug_assertions) {
        "unoptimised "
    } else {
        ""
    };
    format!("{how}{} machine code", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Candidate, Context, Description, Document, Finding, Ground, Mapper, Molecule, Page, Query,
        Reranker, Source, Span,
        export::{MapperGuest, RerankerGuest, SourceGuest},
        http,
    };

    fn lines<W: Native>(order: &Value) -> Vec<Value> {
        let order = Order::parse(order.to_string().as_bytes()).unwrap();
        let mut out = Vec::new();
        run::<W>(&order, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines = text.lines().filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn order(case: &Value) -> Value {
        json!({ "cases": [case], "budget_milliseconds": 1000, "max_rounds": 7 })
    }

    /// Everything that a native case can be given.
    struct Everything;

    impl Source for Everything {
        fn describe() -> Description {
            crate::describe!("asks whatever there is")
        }

        fn init(context: &Context) -> Result<Self, Failure> {
            assert_eq!(context.artifact()?.read_all()?, b"weights");
            match context.config("mode") {
                Some("fail") => Err(Failure::invalid_config("`mode` is `fail`")),
                _ => Ok(Self),
            }
        }

        fn search(
            &self,
            context: &Context,
            query: &Query,
            limit: u32,
            cursor: Option<&str>,
        ) -> Result<Page, Failure> {
            assert_eq!(cursor, Some("2"));
            assert_eq!(query.molecule.smiles.as_deref(), Some("C"));
            let text = http::get("https://h.org/a")
                .query("q", &query.molecule.name)
                .send()?
                .ok()?
                .text()?;
            let mut page = context.search_corpus(&crate::CorpusRequest {
                limit,
                ..crate::CorpusRequest::default()
            })?;
            for candidate in &mut page.candidates {
                candidate.evidence.evidence_id.push_str(&text);
            }
            Ok(page)
        }
    }

    fn search(mode: &str, exchange: &Value) -> Value {
        let candidate = |id: &str| json!({ "evidence": { "evidence_id": id, "kind": "literature", "title": "t", "citation": "", "passages": [] }, "signals": [] });
        json!({
            "name": "one", "config": { "mode": mode }, "http": [exchange],
            "corpus": [candidate("PMID:1"), candidate("PMID:2"), candidate("PMID:3")],
            "search": {
                "query": { "molecule": { "name": "aspirin", "synonyms": [], "smiles": "C", "inchi_key": null }, "as_of": "2026-11-22", "attributes": [] },
                "limit": 2, "cursor": "2",
            },
        })
    }

    #[test]
    fn a_source_is_given_what_its_case_has() {
        let artifact = tempfile_of(b"weights");
        let asked = |case: Value| {
            let mut order = order(&case);
            order["artifact"] = json!({ "name": "w", "path": artifact.0, "digest": "" });
            lines::<SourceGuest<Everything>>(&order).remove(0)
        };
        let fine = json!({ "method": "GET", "url": "https://H.org:443/a?q=aspirin", "status": 200, "headers": { "X": "1" }, "body": "x" });
        let line = asked(search("", &fine));
        assert_eq!(
            line["answer"],
            json!({ "evidence_ids": ["PMID:1x", "PMID:2x"] })
        );
        assert_eq!(line["n_rounds"], 7, "{line}");
        let (p50, p99) = (
            line["p50_ns"].as_u64().unwrap(),
            line["p99_ns"].as_u64().unwrap(),
        );
        assert!(0 < p50 && p50 <= p99, "{line}");

        let failing = asked(search("fail", &fine));
        assert!(
            failing["why"]
                .as_str()
                .unwrap()
                .contains("`mode` is `fail`"),
            "{failing}"
        );
        let mut limited = fine.clone();
        limited["status"] = json!(429);
        assert_eq!(
            asked(search("", &limited))["answer"],
            json!({ "error": "rate-limited" })
        );
        let mut elsewhere = fine;
        elsewhere["method"] = json!("POST");
        assert_eq!(
            asked(search("", &elsewhere))["answer"],
            json!({ "error": "unavailable" })
        );
    }

    /// Says of each document what it was given.
    struct Echo;

    impl Mapper for Echo {
        fn describe() -> Description {
            crate::describe!("finds what it is given")
        }

        fn init(_: &Context) -> Result<Self, Failure> {
            Ok(Self)
        }

        fn find(
            &self,
            molecule: Option<&Molecule>,
            documents: &[Document],
        ) -> Result<Vec<Finding>, Failure> {
            let finding = |document: &Document| Finding {
                evidence_id: document.evidence_id.clone(),
                ground: Ground::Span(Span {
                    passage: 0,
                    start: 0,
                    end: 1,
                }),
                mesh_id: molecule.map_or("D1", |_| "D2").into(),
                matched_text: document.passages[0].text.clone(),
                negated: false,
                stance: "neither".into(),
                score: 1.0,
            };
            Ok(documents.iter().map(finding).collect())
        }
    }

    impl Reranker for Echo {
        fn describe() -> Description {
            crate::describe!("scores what it is given")
        }

        fn init(_: &Context) -> Result<Self, Failure> {
            Ok(Self)
        }

        fn feature_names(&self) -> Vec<String> {
            vec!["one".into()]
        }

        fn features(&self, _: &Query, candidates: &[Candidate]) -> Result<Vec<Vec<f32>>, Failure> {
            Ok(vec![vec![1.0]; candidates.len()])
        }

        fn score(&self, query: &Query, candidates: &[Candidate]) -> Result<Vec<f32>, Failure> {
            let score = |candidate: &Candidate| {
                let evidence = &candidate.evidence;
                assert_eq!(evidence.attribute("phase"), Some("PHASE3"));
                assert_eq!(evidence.passages[0].section.as_deref(), Some("RESULTS"));
                if query.molecule.name == "none" {
                    return f32::NAN;
                }
                candidate.signal("source_rank").unwrap_or_default()
            };
            Ok(candidates.iter().map(score).collect())
        }
    }

    #[test]
    fn findings_and_scores_are_told() {
        let passages = json!([{ "ordinal": 0, "text": "asthma" }]);
        let find = json!({ "name": "f", "find": { "documents": [{ "evidence_id": "PMID:1", "passages": passages }] } });
        let line = lines::<MapperGuest<Echo>>(&order(&find)).remove(0);
        assert_eq!(
            line["answer"],
            json!({ "findings": [["PMID:1", "D1", "asthma"]] })
        );

        let rerank = |molecule: &str| {
            json!({ "name": "r", "rerank": {
                "query": { "molecule": { "name": molecule, "synonyms": [] }, "as_of": "2026-11-22", "attributes": [] },
                "candidates": [{
                    "evidence": {
                        "evidence_id": "PMID:1", "kind": "clinical", "title": "t", "citation": "c",
                        "url": "https://h.org", "date": "2020",
                        "passages": [{ "ordinal": 1, "section": "RESULTS", "text": "x" }],
                        "attributes": [{ "key": "phase", "value": "PHASE3" }],
                    },
                    "signals": [{ "name": "source_rank", "value": 0.25 }],
                }],
            } })
        };
        let asked = |molecule: &str| lines::<RerankerGuest<Echo>>(&order(&rerank(molecule)));
        assert_eq!(
            asked("aspirin").remove(0)["answer"],
            json!({ "scores": [0.25] })
        );
        assert_eq!(
            asked("none").remove(0)["answer"],
            json!({ "scores": [null] })
        );
        // What asks another world is told, and the next case is asked.
        let mut both = order(&rerank("aspirin"));
        let second = both["cases"][0].clone();
        both["cases"] = json!([{ "name": "f", "find": { "documents": [] } }, second]);
        let told = lines::<RerankerGuest<Echo>>(&both);
        assert!(told[0]["why"].as_str().unwrap().contains("no `rerank`"));
        assert_eq!(told[1]["answer"], json!({ "scores": [0.25] }));
    }

    struct Temporary(std::path::PathBuf);

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn tempfile_of(bytes: &[u8]) -> Temporary {
        let name = format!("phagen-sdk-{}-artifact", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        Temporary(path)
    }
}
