//! Packages made from real components: read, embedded, signed, compared,
//! broken, and sent through a real registry.

mod component;
mod registry;
mod signature;
mod specimen;
mod types;
