//! The plugin outside of its sandbox: its project is built for this machine, or run by its language,
//! and asked the same cases by its SDK, in a child.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use phagen_domain::digest::Digest;
use phagen_package::GoldenCase;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{BUDGET, MAX_ROUNDS, Part, child, told::Told};
use crate::author::{Project, Workshop};

/// Until the first case is asked: a runtime starts, on a busy machine.
const STARTING: Duration = Duration::from_mins(1);
/// Times the budget, a case may take: the last round begins within it, and the first before it.
const DEADLINE_BUDGETS: u32 = 4;

/// Where a plugin can be asked natively.
pub struct Outside {
    pub workshop: Workshop,
    pub project: Project,
    /// Hears what is being done.
    pub say: fn(&str),
}

/// What was measured of one case outside of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    pub part: Part,
    pub n_rounds: usize,
    /// Such as `CPython 3.11.7`.
    pub runtime: String,
}

/// What the child told, case by case; why nothing, of a case that has no figure.
pub(super) type ByCase = BTreeMap<String, Result<(Native, Told), String>>;

/// A line of the child.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Timed {
        case: String,
        runtime: String,
        n_rounds: usize,
        p50_ns: u64,
        p99_ns: u64,
        answer: Told,
    },
    NotTimed {
        case: String,
        why: String,
    },
}

impl Outside {
    /// Asks every case. Blocks, as long as a compiler and the cases take; an error says in words why
    /// nothing was measured.
    pub(super) fn ask(
        &self,
        cases: &[GoldenCase],
        artifact: Option<&(String, Vec<u8>)>,
    ) -> Result<ByCase, String> {
        let mut command = self
            .workshop
            .native(&self.project, &self.say)
            .map_err(|error| format!("{:#}", anyhow::Error::new(error)))?;
        let folder = Scratch::new().map_err(|error| format!("cannot make a folder: {error}"))?;
        let order = folder
            .write_order(cases, artifact)
            .map_err(|error| format!("cannot write `{}`: {error}", folder.0.display()))?;
        (self.say)("asking the plugin natively");
        let n_cases = u32::try_from(cases.len()).unwrap_or(u32::MAX);
        let deadline = STARTING + (BUDGET * DEADLINE_BUDGETS).saturating_mul(n_cases);
        child::run(command.arg(order), deadline).map(|printed| read(&printed))
    }
}

/// Lines that are none of ours are the plugin's.
fn read(printed: &[u8]) -> ByCase {
    printed
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .map(|line| match line {
            Line::Timed {
                case,
                runtime,
                n_rounds,
                p50_ns,
                p99_ns,
                answer,
            } => {
                let part = Part {
                    p50: Duration::from_nanos(p50_ns),
                    p99: Duration::from_nanos(p99_ns),
                };
                let native = Native {
                    part,
                    n_rounds,
                    runtime,
                };
                (case, Ok((native, answer)))
            }
            Line::NotTimed { case, why } => (case, Err(why)),
        })
        .collect()
}

/// A folder for one child, gone with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let name = format!("phagen-bench-{}", Uuid::now_v7());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn write_order(
        &self,
        cases: &[GoldenCase],
        artifact: Option<&(String, Vec<u8>)>,
    ) -> io::Result<PathBuf> {
        let artifact = artifact
            .map(|(name, bytes)| self.write_artifact(name, bytes))
            .transpose()?;
        let path = self.0.join("order.json");
        fs::write(&path, order(cases, artifact.as_ref()).to_string())?;
        Ok(path)
    }

    fn write_artifact(&self, name: &str, bytes: &[u8]) -> io::Result<Value> {
        let path = self.0.join("artifact");
        fs::write(&path, bytes)?;
        Ok(facts(name, bytes, &path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What may vanish lies there: the system clears it one day.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn facts(name: &str, bytes: &[u8], path: &Path) -> Value {
    json!({ "name": name, "digest": Digest::of(bytes), "path": path })
}

fn order(cases: &[GoldenCase], artifact: Option<&Value>) -> Value {
    json!({
        "cases": cases,
        "budget_milliseconds": BUDGET.as_millis(),
        "max_rounds": MAX_ROUNDS,
        "artifact": artifact,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_from_what_a_plugin_prints() {
        let printed = br#"hello
{"case": "a", "runtime": "r", "n_rounds": 3, "p50_ns": 5, "p99_ns": 9, "answer": {"scores": [0.5]}}
{"case": "half
{"case": "b", "why": "`init` failed"}
"#;
        let told = read(printed);
        assert_eq!(told.len(), 2);
        let (native, answer) = told["a"].clone().unwrap();
        assert_eq!(native.part.p50, Duration::from_nanos(5));
        assert_eq!((native.n_rounds, &*native.runtime), (3, "r"));
        assert_eq!(answer, Told::Scores(vec![Some(0.5)]));
        assert_eq!(told["b"], Err("`init` failed".to_owned()));
    }

    #[test]
    fn an_order_lies_in_a_folder_that_vanishes() {
        let folder = Scratch::new().unwrap();
        let artifact = ("weights".to_owned(), b"abc".to_vec());
        let path = folder.write_order(&[], Some(&artifact)).unwrap();
        let order: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(order["max_rounds"], MAX_ROUNDS);
        assert_eq!(order["artifact"]["name"], "weights");
        assert_eq!(order["artifact"]["digest"], Digest::of(b"abc").to_string());
        let bytes = fs::read(order["artifact"]["path"].as_str().unwrap()).unwrap();
        assert_eq!(bytes, artifact.1);
        drop(folder);
        assert!(!path.exists());
    }
}
