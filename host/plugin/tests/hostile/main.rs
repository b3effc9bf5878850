//! The hostile corpus: components made to harm the host, and bytes that only look like components.
//!
//! Each ends in the error that its family expects, within its deadline, and the next guest is
//! served as if nothing had happened. What ordinary guests may do wrong is in `tests/room`; here
//! nothing keeps to any rule, so most guests are written by hand in the text format of WebAssembly,
//! below the level of any language.

#![expect(
    clippy::print_stderr,
    reason = "the counts and times that a test asserts are worth reading"
)]

mod ask;
mod binary;
#[path = "../room/common.rs"]
#[expect(dead_code, reason = "some of it only the room's own tests use")]
mod common;
mod contract;
mod forge;
mod import;
mod memory;
mod neighbour;
mod output;
mod pointer;
mod random;
mod size;
mod time;
mod trial;
