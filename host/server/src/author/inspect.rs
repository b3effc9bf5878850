//! `inspect`: what a component says of itself, and where it would not fit a host or another version.

use phagen_domain::plugin::{Grant, LimitRequest, Manifest};
use phagen_package::{
    Package,
    sbom::{Sbom, read_sbom},
    types_diff::{describe_types, diff, diff_packages, host_types},
};
use serde::Deserialize;

use super::{AuthorError, Subject};

/// Direct dependencies that are named one by one; the list is for `phagen plugin sbom`.
const N_SOFTWARE_SHOWN: usize = 12;

/// What a component is held against.
pub enum Against {
    /// The answer of a host to `GET /api/host/worlds`.
    Host(HostWorlds),
    /// Another component: the older one.
    Component(Box<Subject>),
}

/// What a host says of its worlds, as far as it is read here.
#[derive(Debug, Clone, Deserialize)]
pub struct HostWorlds {
    pub phagen: String,
    pub contracts: Vec<String>,
    pub worlds: Vec<HostWorld>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct HostWorld {
    pub world: String,
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

/// What can be known of a component without running it, a fact a line.
pub fn summary(subject: &Subject) -> Result<Vec<String>, AuthorError> {
    let package = &subject.package;
    let mut facts = Facts::default();
    facts.add("component", &[subject.path.display().to_string()]);
    facts.add("digest", &[package.digest.to_string()]);
    facts.add("size", &[size_text(package.size_bytes)]);
    facts.add("world", &[package.world.to_string()]);
    facts.add("contracts", &package.contracts);
    match &package.manifest {
        Some(manifest) => facts.manifest(manifest),
        None => facts.add(
            "manifest",
            &["none: it asks for nothing; build it with `phagen plugin build`".to_owned()],
        ),
    }
    facts.add("imports", &package.imports);
    facts.add("exports", &package.exports);
    let n_cases = package
        .golden
        .as_ref()
        .map_or(0, |golden| golden.cases.len());
    facts.add("golden cases", &[n_cases.to_string()]);
    let minisig = subject.minisig();
    facts.add(
        "signature",
        &[if minisig.is_file() {
            format!(
                "`{}`, not checked here: `phagen plugin verify` does",
                minisig.display()
            )
        } else {
            "none beside it".to_owned()
        }],
    );
    facts.add("languages", &package.producers.languages);
    facts.add("made by", &package.producers.processed_by);
    facts.add("SDKs", &package.producers.sdks);
    facts.software(package.sbom.as_deref())?;
    Ok(facts.0)
}

#[derive(Default)]
struct Facts(Vec<String>);

impl Facts {
    /// One line a value, the name on the first; nothing where there is none.
    fn add(&mut self, name: &str, values: &[String]) {
        for (n, value) in values.iter().enumerate() {
            let name = if n == 0 { name } else { "" };
            self.0.push(format!("{name:<14}{value}"));
        }
    }

    fn manifest(&mut self, manifest: &Manifest) {
        let facts = &manifest.plugin;
        self.add("plugin", &[format!("{} {}", facts.name, facts.version)]);
        let texts = [&facts.description, &facts.license, &facts.repository];
        for (name, text) in ["description", "license", "repository"]
            .into_iter()
            .zip(texts)
        {
            self.add(name, text.as_slice());
        }
        self.add("asks for", &asked(&manifest.grant));
        self.add("needs", &needed(&manifest.limits));
        if let Some(keep) = manifest.instance.keep {
            self.add(
                "instances",
                &[format!(
                    "kept for {} calls, {} s, {}",
                    keep.max_calls,
                    keep.max_age_seconds,
                    size_text(keep.max_memory_bytes)
                )],
            );
        }
    }

    fn software(&mut self, sbom: Option<&[u8]>) -> Result<(), AuthorError> {
        let Some(json) = sbom else {
            self.add("software", &["no list".to_owned()]);
            return Ok(());
        };
        let list = read_sbom(json)?;
        let n_software = list.components.len();
        let mut lines = vec![format!(
            "{n_software} packages; `phagen plugin sbom` writes the list"
        )];
        let direct = direct(&list);
        lines.extend(direct.iter().take(N_SOFTWARE_SHOWN).cloned());
        if direct.len() > N_SOFTWARE_SHOWN {
            lines.push(format!("and {} more", direct.len() - N_SOFTWARE_SHOWN));
        }
        self.add("software", &lines);
        Ok(())
    }
}

/// What the plugin itself needs, without what that needs in turn.
fn direct(list: &Sbom) -> Vec<String> {
    let root = list.metadata.as_ref().and_then(|it| it.component.as_ref());
    let root = root.and_then(|root| root.bom_ref.as_deref());
    list.dependencies
        .iter()
        .filter(|dependency| Some(dependency.of.as_str()) == root)
        .flat_map(|dependency| dependency.depends_on.iter().cloned())
        .collect()
}

/// What a package asks to reach, in words.
pub fn summary_of_grant(package: &Package) -> Vec<String> {
    match &package.manifest {
        Some(manifest) => asked(&manifest.grant),
        None => asked(&Grant::default()),
    }
}

fn asked(grant: &Grant) -> Vec<String> {
    let mut asked = Vec::new();
    if grant.corpus {
        asked.push("search of the host's corpus".to_owned());
    }
    if grant.artifact {
        asked.push("the slot's artifact".to_owned());
    }
    asked.extend(grant.http.iter().map(|place| {
        let secrets = match &place.secrets[..] {
            [] => String::new(),
            secrets => format!(", with the secrets {}", secrets.join(", ")),
        };
        format!(
            "{} {}{}{secrets}",
            place.methods.join(","),
            place.origin,
            place.path
        )
    }));
    if asked.is_empty() {
        asked.push("nothing".to_owned());
    }
    asked
}

fn needed(limits: &LimitRequest) -> Vec<String> {
    let milliseconds = |what: &str, it: Option<u64>| it.map(|n| format!("{what} of {n} ms"));
    let bytes = |what: &str, it: Option<u64>| it.map(|n| format!("{what} of {}", size_text(n)));
    let needed: Vec<String> = [
        bytes("memory", limits.memory_bytes),
        milliseconds("a deadline", limits.deadline_milliseconds),
        milliseconds("a deadline for `init`", limits.init_deadline_milliseconds),
        bytes("an output", limits.output_bytes),
    ]
    .into_iter()
    .flatten()
    .collect();
    if needed.is_empty() {
        vec!["the host's default limits".to_owned()]
    } else {
        needed
    }
}

/// In the unit that reads best.
pub(super) fn size_text(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is shown with one digit")]
    let shown = bytes as f64;
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{:.1} KiB", shown / 1_024.0),
        _ => format!("{:.1} MiB", shown / 1_048_576.0),
    }
}

/// Where the component would not fit, or differs; empty where nothing does.
pub fn difference(subject: &Subject, against: &Against) -> Result<Vec<String>, AuthorError> {
    let types = describe_types(&subject.bytes)?;
    match against {
        Against::Component(old) => {
            let told = diff(&describe_types(&old.bytes)?, &types);
            let packages = diff_packages(&old.package, &subject.package);
            Ok(packages
                .iter()
                .chain(&told)
                .map(ToString::to_string)
                .collect())
        }
        Against::Host(host) => {
            let mut found = names_missing(subject, host);
            // Contracts are frozen: a version means the same types on every host that speaks it.
            let own: Vec<&str> = phagen_plugin::CONTRACTS.to_vec();
            if host.contracts == own {
                let told = diff(&host_types()?, &types);
                found.extend(told.iter().map(ToString::to_string));
            } else {
                found.push(format!(
                    "contract: the host speaks {}, and this `phagen` knows {}; types were not compared",
                    host.contracts.join(", "),
                    own.join(", ")
                ));
            }
            Ok(found)
        }
    }
}

fn names_missing(subject: &Subject, host: &HostWorlds) -> Vec<String> {
    let package = &subject.package;
    let Some(world) = host
        .worlds
        .iter()
        .find(|it| it.world == package.world.as_str())
    else {
        return vec![format!(
            "world `{}`: the host does not have it",
            package.world
        )];
    };
    let mut missing: Vec<String> = package
        .imports
        .iter()
        .filter(|import| !world.imports.iter().any(|offered| fits(import, offered)))
        .map(|import| {
            format!(
                "import `{import}`: the host does not offer it to a {}",
                package.world
            )
        })
        .collect();
    let is_own = |name: &&String| name.starts_with("phagen:plugin/");
    let knows = |name: &&String| world.exports.iter().any(|known| fits(name, known));
    missing.extend(
        package
            .exports
            .iter()
            .filter(is_own)
            .filter(|name| !knows(name))
            .map(|name| {
                format!(
                    "export `{name}`: the host does not know it; it speaks {}",
                    host.contracts.join(", ")
                )
            }),
    );
    missing
}

/// Versions of one interface fit where the first part that is not 0 is the same.
fn fits(wanted: &str, offered: &str) -> bool {
    let line = |name: &str| {
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        let mut parts = version.split('.');
        let (major, minor) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let minor = if major == "0" { minor } else { "" };
        (interface.to_owned(), major.to_owned(), minor.to_owned())
    };
    line(wanted) == line(offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_fit_as_semantic_versions_do() {
        assert!(fits("wasi:io/poll@0.2.6", "wasi:io/poll@0.2.12"));
        assert!(fits("a:b/c@1.2.0", "a:b/c@1.9.0"));
        assert!(!fits("phagen:plugin/log@0.2.0", "phagen:plugin/log@0.1.0"));
        assert!(!fits("wasi:io/poll@0.2.6", "wasi:io/error@0.2.6"));
    }

    #[test]
    fn sizes_are_told_in_a_unit_that_reads() {
        assert_eq!(size_text(500), "500 bytes");
        assert_eq!(size_text(2_048), "2.0 KiB");
        assert_eq!(size_text(18_874_368), "18.0 MiB");
    }
}
