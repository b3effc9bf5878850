//! The plugin room from outside, with built components: the real guests and ones that misbehave on
//! purpose (`tests/guests`). `cargo xtask test` builds them.

mod breaker;
mod common;
mod compile;
mod contract;
mod drain;
mod gates;
mod kept;
mod languages;
mod limits;
mod load;
mod logs;
mod mapper;
mod metric;
mod record;
mod reranker;
mod room;
mod source;
