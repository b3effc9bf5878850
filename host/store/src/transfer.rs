//! Rows on their way from one engine to another, in a form that both can say: a JSON array of the
//! columns, times in milliseconds, ids and documents as text, truth as 0 or 1. Summed on either side,
//! a table that came over whole has equal sums.

use phagen_domain::digest::Digest;
use serde_json::Value;

use crate::StoreError;

/// What a row of a table holds, and in which order rows are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    pub name: String,
    pub columns: Vec<String>,
    /// Columns of the primary key.
    pub key: Vec<String>,
}

/// How many rows, and a digest that any change, loss or swap of a row changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSum {
    pub n_rows: u64,
    pub digest: Digest,
}

impl Default for TableSum {
    fn default() -> Self {
        Self {
            n_rows: 0,
            digest: Digest::of(&[]),
        }
    }
}

impl TableSum {
    /// One row more, in the order of the key. Engines write JSON with other spaces and escapes, so
    /// what counts is what it says.
    pub fn add(&mut self, row: &str) -> Result<(), StoreError> {
        let cells: Vec<Value> = serde_json::from_str(row).map_err(unreadable)?;
        let mut bytes = self.digest.as_bytes().to_vec();
        serde_json::to_writer(&mut bytes, &cells).map_err(unreadable)?;
        self.digest = Digest::of(&bytes);
        self.n_rows += 1;
        Ok(())
    }
}

fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::Database {
        tried: "read a row as JSON",
        cause: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(rows: &[&str]) -> TableSum {
        let mut sum = TableSum::default();
        for row in rows {
            sum.add(row).unwrap();
        }
        sum
    }

    #[test]
    fn equal_rows_in_other_words_have_equal_sums() {
        let ours = [r#"["é",1,null,"{\"a\": 1}"]"#, r#"["b",2,0,"[]"]"#];
        let theirs = [r#"["\u00e9", 1, null, "{\"a\": 1}"]"#, r#"["b",2,0,"[]"]"#];
        assert_eq!(sum(&ours), sum(&theirs));
        assert_eq!(sum(&ours).n_rows, 2);
    }

    #[test]
    fn any_other_row_has_another_sum() {
        let rows = [r#"["a",1]"#, r#"["b",2]"#];
        for other in [
            &[r#"["a",1]"#][..],
            &[r#"["b",2]"#, r#"["a",1]"#],
            &[r#"["a",1]"#, r#"["b","2"]"#],
            &[r#"["a",1]"#, r#"["b",2]"#, r#"["b",2]"#],
            // A document is a text: no byte of it may change.
            &[r#"["a",1]"#, r#"["b ",2]"#],
        ] {
            assert_ne!(sum(&rows).digest, sum(other).digest, "{other:?}");
        }
    }
}
