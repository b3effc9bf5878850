//! Which files of its folder an index needs.

use std::{collections::HashMap, fs};

use super::CorpusIndex;
use crate::CorpusError;

/// What Tantivy only needs while it writes a segment.
const TEMPORARY: &str = "temp";
/// The one kind of file that names the commit it is of.
const DELETES: &str = "del";

impl CorpusIndex {
    pub(crate) fn files(&self) -> Result<Vec<String>, CorpusError> {
        let segments = self
            .index
            .searchable_segment_metas()
            .map_err(CorpusError::index("listing the segments"))?;
        let segments: HashMap<String, Option<String>> = segments
            .iter()
            .map(|segment| {
                let deletes = segment.delete_opstamp().map(|opstamp| opstamp.to_string());
                (segment.id().uuid_string(), deletes)
            })
            .collect();
        let mut files = vec!["meta.json".to_owned()];
        let listing = |source| CorpusError::Shelf {
            tried: "list",
            path: self.dir.clone(),
            source,
        };
        for entry in fs::read_dir(&self.dir).map_err(listing)? {
            let name = entry.map_err(listing)?.file_name();
            let name = name.to_string_lossy();
            let parts: Vec<&str> = name.split('.').collect();
            let is_needed = match parts[..] {
                [segment, kind] => segments.contains_key(segment) && kind != TEMPORARY,
                [segment, opstamp, DELETES] => segments
                    .get(segment)
                    .is_some_and(|deletes| deletes.as_deref() == Some(opstamp)),
                _ => false,
            };
            if is_needed {
                files.push(name.into_owned());
            }
        }
        files.sort();
        Ok(files)
    }
}
