//! What a plugin says of itself.

use crate::Attribute;

/// Facts about a plugin, for the people who install it. [`describe!`](crate::describe) fills it
/// from the plugin's `Cargo.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// Name of the plugin, such as `evidence-reranker`.
    pub name: &'static str,
    /// Version of the plugin, not of the contract.
    pub version: &'static str,
    /// What it does, in a sentence.
    pub description: &'static str,
    /// SPDX expression, such as `Apache-2.0`.
    pub license: &'static str,
}

impl Description {
    /// The form in which the host asks for it.
    pub(crate) fn attributes(self) -> Vec<Attribute> {
        vec![
            Attribute::new("name", self.name),
            Attribute::new("version", self.version),
            Attribute::new("description", self.description),
            Attribute::new("license", self.license),
        ]
    }
}

/// The [`Description`] of a plugin whose crate has the plugin's name, version and license.
///
/// ```
/// let description = phagen_sdk::describe!("counts passages");
/// assert_eq!(description.description, "counts passages");
/// assert_eq!(description.name, env!("CARGO_PKG_NAME"));
/// ```
#[macro_export]
macro_rules! describe {
    ($description:expr) => {
        $crate::Description {
            name: ::core::env!("CARGO_PKG_NAME"),
            version: ::core::env!("CARGO_PKG_VERSION"),
            description: $description,
            license: ::core::env!("CARGO_PKG_LICENSE"),
        }
    };
}
