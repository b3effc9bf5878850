//! The first gate: what can be known of a component without compiling it.

use std::time::Instant;

use phagen_domain::{
    digest::Digest,
    plugin::{LimitRequest, World},
};
use phagen_package::Package;

use super::{milliseconds_since, parts};
use crate::{
    PluginError,
    compile::{inspect, validate},
    host::{PluginHost, read},
    world,
};

/// A component that may be compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    pub digest: Digest,
    pub world: World,
    /// Everything that is embedded in it.
    pub package: Package,
    /// What was looked at and found, for people.
    pub notes: Vec<String>,
    pub milliseconds: f64,
}

impl PluginHost {
    /// Looks at the bytes: size, every rule of WebAssembly, world, imports, manifest, limits. Runs
    /// and compiles nothing; takes some ten milliseconds a megabyte, so call it by
    /// `spawn_blocking`.
    pub fn verify(&self, bytes: &[u8]) -> Result<Verified, PluginError> {
        let began = Instant::now();
        inspect(bytes)?;
        validate(bytes)?;
        parts::count(bytes)?.fit()?;
        let package = read(bytes)?;
        world::fits(package.world, &package.exports, &package.imports)?;
        let limits = self.limits_of(package.manifest.as_ref())?;
        let mut notes = vec![
            format!("{} bytes, valid WebAssembly", bytes.len()),
            format!(
                "world `{}` of {}; {} imports, all offered",
                package.world,
                package.contracts.join(", "),
                package.imports.len()
            ),
        ];
        notes.push(match &package.manifest {
            None => "no manifest: it asks for nothing, and gets the default limits".to_owned(),
            Some(manifest) if manifest.limits == LimitRequest::default() => {
                "the manifest asks for the default limits".to_owned()
            }
            Some(_) => format!(
                "gets {} MiB of memory, {:?} a call and {:?} for `init`",
                limits.memory_bytes >> 20,
                limits.deadline_of(package.world),
                limits.init_deadline
            ),
        });
        if let Some(golden) = &package.golden {
            notes.push(format!("{} golden cases", golden.cases.len()));
        }
        Ok(Verified {
            digest: package.digest,
            world: package.world,
            package,
            notes,
            milliseconds: milliseconds_since(began),
        })
    }
}
