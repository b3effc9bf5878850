//! One pass over the sections of a component, nested modules included, without reading code.

use std::collections::BTreeSet;

use wasmparser::{Chunk, Encoding, KnownCustom, Parser, Payload};

use super::{GOLDEN_SECTION, MANIFEST_SECTION, Producers, SBOM_SECTION};
use crate::PackageError;

/// Components in components; ours have none or one.
const MAX_DEPTH: usize = 32;
/// Names that one component may import, and export.
const MAX_NAMES: usize = 10_000;

/// What the outermost component holds, borrowed from its bytes where it can be.
#[derive(Default)]
pub(super) struct Walked<'b> {
    pub(super) manifest: Option<&'b [u8]>,
    pub(super) golden: Option<&'b [u8]>,
    pub(super) sbom: Option<&'b [u8]>,
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
    pub(super) producers: Producers,
    /// Byte ranges of the outermost sections that are not ours, in order.
    pub(super) kept: Vec<std::ops::Range<usize>>,
}

pub(super) fn walk(bytes: &[u8]) -> Result<Walked<'_>, PackageError> {
    check_header(bytes)?;
    let mut walk = Walk {
        bytes,
        at: 0,
        outer_start: HEADER_BYTES,
        parser: Parser::new(0),
        parents: Vec::new(),
        found: FoundProducers::default(),
        walked: Walked::default(),
    };
    while walk.step()? {}
    walk.walked.producers = walk.found.into_producers();
    Ok(walk.walked)
}

struct Walk<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Where the section of the outermost component that is being read began.
    outer_start: usize,
    parser: Parser,
    /// Of the component or components around what is being read.
    parents: Vec<Parser>,
    found: FoundProducers,
    walked: Walked<'b>,
}

impl<'b> Walk<'b> {
    /// Reads one piece; false at the end.
    fn step(&mut self) -> Result<bool, PackageError> {
        let length = self.bytes.len();
        if self.parents.is_empty() && self.at == length {
            return Ok(false);
        }
        // Told that more may come, the parser says where the bytes end too early; told that this
        // is all, it would call that the same as a section that lies about its length.
        let payload = match self.parser.parse(&self.bytes[self.at..], false) {
            Ok(Chunk::Parsed { consumed, payload }) => {
                self.at += consumed;
                payload
            }
            Ok(Chunk::NeedMoreData(_)) => return Err(PackageError::CutOff { at: length }),
            Err(error) => return Err(malformed(&error)),
        };
        let is_kept = self.take(payload)?;
        if self.parents.is_empty() && self.at > self.outer_start {
            if is_kept {
                self.walked.kept.push(self.outer_start..self.at);
            }
            self.outer_start = self.at;
        }
        Ok(true)
    }

    /// Looks into one piece. False for a section that is ours, which embedding writes anew.
    fn take(&mut self, payload: Payload<'b>) -> Result<bool, PackageError> {
        let is_outer = self.parents.is_empty();
        match payload {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if is_outer => return Err(PackageError::CoreModule),
            Payload::ModuleSection {
                parser,
                unchecked_range,
            }
            | Payload::ComponentSection {
                parser,
                unchecked_range,
            } => {
                check_range(unchecked_range.end, self.bytes)?;
                check_depth(self.parents.len(), self.at)?;
                self.parents
                    .push(std::mem::replace(&mut self.parser, parser));
            }
            Payload::CodeSectionStart { size, .. } => {
                self.parser.skip_section();
                self.at = self.at.saturating_add(size as usize);
                check_range(self.at, self.bytes)?;
            }
            Payload::End(_) => {
                if let Some(parent) = self.parents.pop() {
                    self.parser = parent;
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Producers(fields) = section.as_known() {
                    self.found.add(fields);
                }
                if is_outer && self.walked.take_ours(section.name(), section.data())? {
                    return Ok(false);
                }
            }
            Payload::ComponentImportSection(names) if is_outer => {
                for import in names {
                    let import = import.map_err(|error| malformed(&error))?;
                    add_name(&mut self.walked.imports, import.name.name, self.at)?;
                }
            }
            Payload::ComponentExportSection(names) if is_outer => {
                for export in names {
                    let export = export.map_err(|error| malformed(&error))?;
                    add_name(&mut self.walked.exports, export.name.name, self.at)?;
                }
            }
            Payload::UnknownSection { id, .. } => {
                return Err(PackageError::Malformed {
                    at: self.at,
                    message: format!("nobody knows a section of kind {id}"),
                });
            }
            _ => {}
        }
        Ok(true)
    }
}

/// `\0asm`, version and layer.
pub(super) const HEADER_BYTES: usize = 8;

fn check_header(bytes: &[u8]) -> Result<(), PackageError> {
    const MAGIC: &[u8] = b"\0asm";
    let start = &bytes[..bytes.len().min(MAGIC.len())];
    if !MAGIC.starts_with(start) || bytes.is_empty() {
        let found = match start {
            [] => "nothing".to_owned(),
            start => format!("`{}`", start.escape_ascii()),
        };
        return Err(PackageError::NotWasm { found });
    }
    if bytes.len() < HEADER_BYTES {
        return Err(PackageError::CutOff { at: bytes.len() });
    }
    Ok(())
}

fn check_range(end: usize, bytes: &[u8]) -> Result<(), PackageError> {
    if end > bytes.len() {
        return Err(PackageError::CutOff { at: bytes.len() });
    }
    Ok(())
}

fn check_depth(depth: usize, at: usize) -> Result<(), PackageError> {
    if depth >= MAX_DEPTH {
        return Err(PackageError::Malformed {
            at,
            message: format!("components are nested deeper than {MAX_DEPTH}"),
        });
    }
    Ok(())
}

fn add_name(names: &mut Vec<String>, name: &str, at: usize) -> Result<(), PackageError> {
    if names.len() >= MAX_NAMES {
        return Err(PackageError::Malformed {
            at,
            message: format!("it imports or exports more than {MAX_NAMES} names"),
        });
    }
    names.push(name.to_owned());
    Ok(())
}

pub(super) fn malformed(error: &wasmparser::Error) -> PackageError {
    PackageError::Malformed {
        at: error.offset(),
        message: error.message().to_owned(),
    }
}

impl<'b> Walked<'b> {
    /// Keeps the section when it is one of ours, and says whether it was.
    fn take_ours(&mut self, name: &str, data: &'b [u8]) -> Result<bool, PackageError> {
        let (section, place) = match name {
            MANIFEST_SECTION => (MANIFEST_SECTION, &mut self.manifest),
            GOLDEN_SECTION => (GOLDEN_SECTION, &mut self.golden),
            SBOM_SECTION => (SBOM_SECTION, &mut self.sbom),
            _ => return Ok(false),
        };
        if place.replace(data).is_some() {
            return Err(PackageError::DoubleSection { section });
        }
        Ok(true)
    }
}

/// The core modules of a component name its languages, the component itself the tool that wrapped
/// it; a set, since each of them repeats the others.
#[derive(Default)]
struct FoundProducers {
    languages: BTreeSet<String>,
    processed_by: BTreeSet<String>,
    sdks: BTreeSet<String>,
}

impl FoundProducers {
    /// Entries kept of each kind: a component of thousands of modules is no reason to list them.
    const MAX_ENTRIES: usize = 64;

    /// What cannot be read is left out: the section is a courtesy and binds nobody.
    fn add(&mut self, fields: wasmparser::ProducersSectionReader<'_>) {
        for field in fields.into_iter().flatten() {
            let kind = match field.name {
                "language" => &mut self.languages,
                "processed-by" => &mut self.processed_by,
                "sdk" => &mut self.sdks,
                _ => continue,
            };
            for value in field.values.into_iter().flatten() {
                if kind.len() < Self::MAX_ENTRIES {
                    kind.insert(
                        format!("{} {}", value.name, value.version)
                            .trim()
                            .to_owned(),
                    );
                }
            }
        }
    }

    fn into_producers(self) -> Producers {
        Producers {
            languages: self.languages.into_iter().collect(),
            processed_by: self.processed_by.into_iter().collect(),
            sdks: self.sdks.into_iter().collect(),
        }
    }
}
