//! A mapper that looks at nothing: what a call of it takes is the price of the border. Authors
//! measure their own against it (`phagen plugin bench`); it never serves.

use phagen_sdk::{Context, Description, Document, Failure, Finding, Mapper, Molecule};

/// Finds nothing.
pub struct IdleMapper;

impl Mapper for IdleMapper {
    fn describe() -> Description {
        phagen_sdk::describe!("Looks at nothing, to measure the border")
    }

    fn init(_: &Context) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn find(&self, _: Option<&Molecule>, _: &[Document]) -> Result<Vec<Finding>, Failure> {
        Ok(Vec::new())
    }
}

phagen_sdk::export_mapper!(IdleMapper);
