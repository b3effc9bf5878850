//! Two versions of one plugin: what the newer one asks for, brings and is made of.

use phagen_domain::plugin::{Grant, HttpGrant, InstancePolicy, LimitRequest, Manifest};

use super::Difference;
use crate::Package;

/// What differs between two packages, without their types. Empty for two builds of the same source
/// with the same tools.
pub fn diff_packages(old: &Package, new: &Package) -> Vec<Difference> {
    let mut found = Found::default();
    found.changed("world", &old.world.to_string(), &new.world.to_string());
    found.size(old.size_bytes, new.size_bytes);
    match (&old.manifest, &new.manifest) {
        (Some(old), Some(new)) => found.manifest(old, new),
        (None, None) => {}
        (Some(_), None) => found.push("manifest", "removed"),
        (None, Some(_)) => found.push("manifest", "added"),
    }
    found.listed("import", &old.imports, &new.imports);
    found.listed("export", &old.exports, &new.exports);
    let (before, after) = (&old.producers, &new.producers);
    found.listed("language", &before.languages, &after.languages);
    found.listed("tool", &before.processed_by, &after.processed_by);
    found.listed("SDK", &before.sdks, &after.sdks);
    let n_cases = |package: &Package| package.golden.as_ref().map_or(0, |it| it.cases.len());
    found.changed(
        "golden cases",
        &n_cases(old).to_string(),
        &n_cases(new).to_string(),
    );
    found.differences
}

#[derive(Default)]
struct Found {
    differences: Vec<Difference>,
}

impl Found {
    fn push(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.differences.push(Difference::new(place, message));
    }

    fn changed(&mut self, place: &str, old: &str, new: &str) {
        if old != new {
            self.push(place, format!("`{old}` → `{new}`"));
        }
    }

    fn listed(&mut self, what: &str, old: &[String], new: &[String]) {
        for name in old.iter().filter(|name| !new.contains(name)) {
            self.push(format!("{what} `{name}`"), "removed");
        }
        for name in new.iter().filter(|name| !old.contains(name)) {
            self.push(format!("{what} `{name}`"), "added");
        }
    }

    fn size(&mut self, old: u64, new: u64) {
        if old == new {
            return;
        }
        let change = i128::from(new) - i128::from(old);
        self.push("size", format!("{old} → {new} bytes ({change:+})"));
    }

    fn manifest(&mut self, old: &Manifest, new: &Manifest) {
        let (before, after) = (&old.plugin, &new.plugin);
        self.changed("plugin.name", before.name.as_str(), after.name.as_str());
        self.changed("plugin.version", &before.version, &after.version);
        for (key, old, new) in [
            ("plugin.license", &before.license, &after.license),
            ("plugin.repository", &before.repository, &after.repository),
        ] {
            let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "none".to_owned());
            self.changed(key, &text(old), &text(new));
        }
        self.grant(&old.grant, &new.grant);
        self.limits(old.limits, new.limits);
        self.instance(old.instance, new.instance);
    }

    fn grant(&mut self, old: &Grant, new: &Grant) {
        for (key, old, new) in [
            ("grant.corpus", old.corpus, new.corpus),
            ("grant.artifact", old.artifact, new.artifact),
        ] {
            match (old, new) {
                (false, true) => self.push(key, "asked for now"),
                (true, false) => self.push(key, "no longer asked for"),
                _ => {}
            }
        }
        let places = |grant: &Grant| grant.http.iter().map(place_text).collect::<Vec<_>>();
        self.listed("grant.http", &places(old), &places(new));
    }

    fn limits(&mut self, old: LimitRequest, new: LimitRequest) {
        for (key, old, new) in [
            ("limits.memory_bytes", old.memory_bytes, new.memory_bytes),
            (
                "limits.deadline_milliseconds",
                old.deadline_milliseconds,
                new.deadline_milliseconds,
            ),
            (
                "limits.init_deadline_milliseconds",
                old.init_deadline_milliseconds,
                new.init_deadline_milliseconds,
            ),
            ("limits.output_bytes", old.output_bytes, new.output_bytes),
        ] {
            let text = |it: Option<u64>| it.map_or("the host's".to_owned(), |n| n.to_string());
            self.changed(key, &text(old), &text(new));
        }
    }

    fn instance(&mut self, old: InstancePolicy, new: InstancePolicy) {
        let text = |policy: InstancePolicy| match policy.keep {
            None => "fresh for each call".to_owned(),
            Some(keep) => format!(
                "kept for {} calls, {} s, {} bytes",
                keep.max_calls, keep.max_age_seconds, keep.max_memory_bytes
            ),
        };
        self.changed("instance", &text(old), &text(new));
    }
}

fn place_text(place: &HttpGrant) -> String {
    let secrets = match &place.secrets[..] {
        [] => String::new(),
        secrets => format!(" with secrets {}", secrets.join(", ")),
    };
    format!(
        "{} {}{}{secrets}",
        place.methods.join(","),
        place.origin,
        place.path
    )
}
