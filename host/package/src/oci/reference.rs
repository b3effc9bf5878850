//! Names of places in a registry: `host/path/name:tag`, `host/path/name@sha256:…`, or
//! `name@version` below a base.

use oci_client::Reference;
use phagen_domain::plugin::PluginName;

use crate::PackageError;

/// A place, and what the plugin there must be.
pub(super) struct Place {
    pub(super) reference: Reference,
    /// It was written with a tag or a digest.
    pub(super) is_exact: bool,
    /// Name and version, where they were asked for by `name@version`.
    pub(super) wanted: Option<(PluginName, semver::Version)>,
}

pub(super) fn parse(text: &str, base: Option<&str>) -> Result<Place, PackageError> {
    let refused = |message: &str| PackageError::Reference {
        reference: text.to_owned(),
        message: message.to_owned(),
    };
    if let Some((name, version)) = name_and_version(text) {
        let base = base.ok_or_else(|| {
            refused("no base is set below which `name@version` is looked up; give a whole reference such as `registry.example/plugins/name:1.2.3`")
        })?;
        let whole = format!("{}/{name}:{}", base.trim_end_matches('/'), tag(&version));
        return Ok(Place {
            wanted: Some((name, version)),
            ..parse(&whole, None)?
        });
    }
    let (first, rest) = text.split_once('/').unwrap_or(("", text));
    // Docker would look for the rest on a host of its own choice.
    if first != "localhost" && !first.contains(['.', ':']) {
        return Err(refused(
            "it names no registry; write `registry.example/plugins/name:1.2.3`, or `name@1.2.3` with a base",
        ));
    }
    let reference = Reference::try_from(text).map_err(|error| refused(&error.to_string()))?;
    Ok(Place {
        reference,
        is_exact: rest.contains([':', '@']),
        wanted: None,
    })
}

fn name_and_version(text: &str) -> Option<(PluginName, semver::Version)> {
    let (name, version) = text.split_once('@')?;
    Some((name.parse().ok()?, semver::Version::parse(version).ok()?))
}

/// A tag may not hold `+`; `wkg` writes `_` in its place.
pub(super) fn tag(version: &semver::Version) -> String {
    version.to_string().replace('+', "_")
}

/// The reference with another tag and no digest.
pub(super) fn with_tag(reference: &Reference, tag: String) -> Reference {
    Reference::with_tag(
        reference.registry().to_owned(),
        reference.repository().to_owned(),
        tag,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_whole_reference_or_a_name_below_a_base() {
        let base = Some("registry.example/plugins/");
        for (text, expected, is_exact) in [
            (
                "scorer@1.2.3",
                "registry.example/plugins/scorer:1.2.3",
                true,
            ),
            (
                "scorer@1.2.3+a.1",
                "registry.example/plugins/scorer:1.2.3_a.1",
                true,
            ),
            (
                "localhost:5000/scorer:dev",
                "localhost:5000/scorer:dev",
                true,
            ),
            (
                "127.0.0.1:5000/a/scorer",
                "127.0.0.1:5000/a/scorer:latest",
                false,
            ),
            (
                "r.example/s@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "r.example/s@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                true,
            ),
        ] {
            let place = parse(text, base).unwrap();
            assert_eq!(place.reference.whole(), expected);
            assert_eq!(place.is_exact, is_exact, "{text}");
        }
    }

    #[test]
    fn what_names_no_registry_is_refused() {
        for text in [
            "",
            "scorer",
            "scorer:1.0.0",
            "plugins/scorer:1.0.0",
            "r.example/UPPER:1",
        ] {
            assert!(parse(text, Some("registry.example")).is_err(), "{text}");
        }
        assert!(parse("scorer@1.2.3", None).is_err());
    }
}
