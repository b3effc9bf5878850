//! Names of what a component imports and exports, held against its world.
//!
//! Types are Wasmtime's to check; it does so when the component is joined with its imports and
//! when its first instance shows its exports.

use phagen_domain::plugin::World;
use wasmtime::component::Component;

use crate::{CONTRACTS, PluginError};

/// What every plugin exports.
pub(super) const LIFECYCLE: &str = "phagen:plugin/lifecycle@0.1.0";

/// What a component of any world may import.
const OFFERED: &[&str] = &[
    "phagen:plugin/types@0.1.0",
    "phagen:plugin/log@0.1.0",
    "phagen:plugin/configuration@0.1.0",
    "phagen:plugin/artifacts@0.1.0",
    "wasi:io/error@0.2.12",
    "wasi:io/poll@0.2.12",
    "wasi:io/streams@0.2.12",
    "wasi:cli/environment@0.2.12",
    "wasi:cli/exit@0.2.12",
    "wasi:cli/stdin@0.2.12",
    "wasi:cli/stdout@0.2.12",
    "wasi:cli/stderr@0.2.12",
    "wasi:cli/terminal-input@0.2.12",
    "wasi:cli/terminal-output@0.2.12",
    "wasi:cli/terminal-stdin@0.2.12",
    "wasi:cli/terminal-stdout@0.2.12",
    "wasi:cli/terminal-stderr@0.2.12",
    "wasi:clocks/wall-clock@0.2.12",
    "wasi:clocks/monotonic-clock@0.2.12",
    "wasi:random/random@0.2.12",
    "wasi:random/insecure@0.2.12",
    "wasi:random/insecure-seed@0.2.12",
];

/// What a source may import besides.
const OFFERED_TO_SOURCES: &[&str] = &[
    "phagen:plugin/corpus@0.1.0",
    "wasi:http/types@0.2.12",
    "wasi:http/outgoing-handler@0.2.12",
];

pub(super) fn offered(world: World) -> impl Iterator<Item = &'static str> {
    let more = match world {
        World::Source => OFFERED_TO_SOURCES,
        World::Mapper | World::Reranker => &[],
    };
    OFFERED.iter().chain(more).copied()
}

/// The interfaces of which one makes a component a plugin of `world`, those of the newest version of
/// the contract first.
pub(super) fn own_exports(world: World) -> &'static [&'static str] {
    match world {
        World::Source => &["phagen:plugin/search@0.1.0"],
        World::Mapper => &["phagen:plugin/mapping@0.1.0"],
        World::Reranker => &[
            "phagen:plugin/reranking@0.2.0",
            "phagen:plugin/packed-reranking@0.2.0",
            "phagen:plugin/reranking@0.1.0",
        ],
    }
}

/// Whether a component offers what makes it a plugin of `world`.
pub(super) fn exports(world: World, component: &Component) -> Result<(), PluginError> {
    let engine = component.engine();
    let ty = component.component_type();
    let exported: Vec<&str> = ty.exports(engine).map(|(name, _)| name).collect();
    exported_names(world, &exported)
}

/// The same by the names alone.
pub(super) fn exported_names(world: World, exported: &[&str]) -> Result<(), PluginError> {
    match missing_export(world, exported) {
        None => Ok(()),
        Some(missing) => Err(PluginError::WrongWorld {
            world,
            missing,
            exported: match exported.len() {
                0 => "nothing".to_owned(),
                _ => format!("`{}`", exported.join("`, `")),
            },
            advice: advice(world, missing, exported),
        }),
    }
}

fn has(exported: &[&str], wanted: &str) -> bool {
    exported.iter().any(|name| is_compatible(name, wanted))
}

fn has_own(exported: &[&str], world: World) -> bool {
    own_exports(world)
        .iter()
        .any(|wanted| has(exported, wanted))
}

fn missing_export(world: World, exported: &[&str]) -> Option<&'static str> {
    if !has_own(exported, world) {
        return own_exports(world).first().copied();
    }
    (!has(exported, LIFECYCLE)).then_some(LIFECYCLE)
}

/// What the author, or whoever installs it, does next.
fn advice(world: World, missing: &str, exported: &[&str]) -> String {
    let other = [World::Source, World::Mapper, World::Reranker]
        .into_iter()
        .find(|other| *other != world && has_own(exported, *other));
    let spoken = CONTRACTS.join("` and `");
    if let Some(other) = other {
        format!("it is a `{other}`, so install it as one")
    } else if let Some(unknown) = exported
        .iter()
        .find(|name| interface(name) == interface(missing))
    {
        format!(
            "this host does not know `{unknown}`, it speaks `{spoken}`: build the plugin for one of these, or install it on a host that speaks its version"
        )
    } else {
        format!("implement the world of `{spoken}`, for example with `phagen-sdk`")
    }
}

/// Whether a component asks only for what `world` offers.
pub(super) fn imports(world: World, component: &Component) -> Result<(), PluginError> {
    let engine = component.engine();
    let ty = component.component_type();
    imported_names(world, ty.imports(engine).map(|(name, _)| name))
}

/// The same by the names alone.
pub(super) fn imported_names<'a>(
    world: World,
    mut imported: impl Iterator<Item = &'a str>,
) -> Result<(), PluginError> {
    let foreign = imported.find(|name| !offered(world).any(|offer| is_compatible(name, offer)));
    match foreign {
        None => Ok(()),
        Some(import) => Err(PluginError::ForeignImport {
            world,
            import: import.to_owned(),
            offered: offered(world)
                .map(|offer| offer.split_once('@').map_or(offer, |(name, _)| name))
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

/// `phagen:plugin/search` of `phagen:plugin/search@0.1.0`.
fn interface(name: &str) -> &str {
    name.split_once('@')
        .map_or(name, |(interface, _)| interface)
}

/// The same interface on the same semver track, as the linker matches them: 0.2.3 with 0.2.12, and
/// 0.1.0 with 0.1.4, but not with 0.2.0.
fn is_compatible(name: &str, wanted: &str) -> bool {
    fn track(version: &str) -> &str {
        let mut dots = version.match_indices('.').map(|(at, _)| at);
        let (first, second) = (dots.next(), dots.next());
        let end = if version.starts_with("0.") {
            second
        } else {
            first
        };
        end.map_or(version, |end| &version[..end])
    }
    match (name.split_once('@'), wanted.split_once('@')) {
        (Some((a, a_version)), Some((b, b_version))) => {
            a == b && track(a_version) == track(b_version)
        }
        _ => name == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_version_of_its_own_interface_makes_a_plugin() {
        for version in ["0.1.0", "0.1.7", "0.2.0"] {
            let own = format!("phagen:plugin/reranking@{version}");
            assert_eq!(missing_export(World::Reranker, &[&own, LIFECYCLE]), None);
        }
        assert_eq!(
            missing_export(World::Reranker, &["phagen:plugin/reranking@0.1.0"]),
            Some(LIFECYCLE)
        );
    }

    #[test]
    fn a_version_that_the_host_does_not_know_is_named_beside_those_it_speaks() {
        let exported = ["phagen:plugin/reranking@0.9.0", LIFECYCLE];
        let missing = missing_export(World::Reranker, &exported).unwrap();
        let advice = advice(World::Reranker, missing, &exported);
        assert!(
            advice.starts_with(
                "this host does not know `phagen:plugin/reranking@0.9.0`, it speaks `phagen:plugin@0.1.0` and `phagen:plugin@0.2.0`: "
            ),
            "{advice}"
        );
    }

    #[test]
    fn versions_match_along_their_track() {
        for (name, wanted, expected) in [
            ("wasi:io/poll@0.2.3", "wasi:io/poll@0.2.12", true),
            ("wasi:io/poll@0.3.0", "wasi:io/poll@0.2.12", false),
            ("a:b/c@1.4.0", "a:b/c@1.0.2", true),
            ("a:b/c@0.1.0-rc.1", "a:b/c@0.1.0", true),
            ("a:b/d@0.1.0", "a:b/c@0.1.0", false),
            ("a:b/c", "a:b/c@0.1.0", false),
        ] {
            assert_eq!(is_compatible(name, wanted), expected, "{name} {wanted}");
        }
    }
}
