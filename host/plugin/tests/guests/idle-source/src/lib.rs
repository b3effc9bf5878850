//! A source that looks at nothing: what a call of it takes is the price of the border. Authors
//! measure their own against it (`phagen plugin bench`); it never serves.

use phagen_sdk::{Context, Description, Failure, Page, Query, Source};

/// Finds nothing.
pub struct IdleSource;

impl Source for IdleSource {
    fn describe() -> Description {
        phagen_sdk::describe!("Looks at nothing, to measure the border")
    }

    fn init(_: &Context) -> Result<Self, Failure> {
        Ok(Self)
    }

    fn search(&self, _: &Context, _: &Query, _: u32, _: Option<&str>) -> Result<Page, Failure> {
        Ok(Page::default())
    }
}

phagen_sdk::export_source!(IdleSource);
