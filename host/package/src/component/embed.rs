//! Writing into a component what it says of itself.

use std::borrow::Cow;

use phagen_domain::plugin::Manifest;
use wasm_encoder::{CustomSection, Encode};

use super::{GOLDEN_SECTION, MANIFEST_SECTION, Package, SBOM_SECTION, walk};
use crate::{PackageError, golden, manifest, sbom};

/// The component with its manifest, golden cases and software list embedded, in the place of any
/// that it had; everything else stays byte for byte. The same input gives the same bytes.
///
/// What comes out is a whole package: [`Package::read`] takes it.
pub fn embed(
    component: &[u8],
    plugin: &Manifest,
    cases: Option<&[u8]>,
    software: Option<&[u8]>,
) -> Result<Vec<u8>, PackageError> {
    let walked = walk::walk(component)?;
    let manifest_json = manifest::to_embedded(plugin)?;
    let golden_json = cases
        .map(|cases| golden::to_embedded(cases, plugin.plugin.world))
        .transpose()?;
    let sbom_json = software.map(sbom::to_embedded).transpose()?;

    let mut whole = component[..walk::HEADER_BYTES].to_vec();
    for range in &walked.kept {
        whole.extend_from_slice(&component[range.clone()]);
    }
    // At the end, so that a file that was cut off has lost its manifest.
    append(&mut whole, SBOM_SECTION, sbom_json.as_deref());
    append(&mut whole, GOLDEN_SECTION, golden_json.as_deref());
    append(&mut whole, MANIFEST_SECTION, Some(&manifest_json));
    Package::read(&whole)?;
    Ok(whole)
}

fn append(whole: &mut Vec<u8>, name: &str, data: Option<&[u8]>) {
    /// The kind of a custom section, in components as in core modules.
    const CUSTOM: u8 = 0;
    let Some(data) = data else { return };
    whole.push(CUSTOM);
    CustomSection {
        name: Cow::Borrowed(name),
        data: Cow::Borrowed(data),
    }
    .encode(whole);
}
