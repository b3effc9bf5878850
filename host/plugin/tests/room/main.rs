//! The plugin room from outside, with built components: the real guests and ones that misbehave on
//! purpose (`tests/guests`). `cargo xtask test` builds them.

mod common;
mod load;
mod mapper;
mod metric;
mod reranker;
mod room;
mod source;
