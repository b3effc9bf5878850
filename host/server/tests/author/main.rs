//! The commands of plugin authors, as an author types them: the real binary, real compilers, a real
//! host, and the tutorial of the documentation step by step.

#[expect(
    dead_code,
    reason = "the other binary that uses it runs commands in its data folder"
)]
#[path = "../e2e/data_dir.rs"]
mod data_dir;
#[path = "../e2e/process.rs"]
mod process;
#[path = "../e2e/template.rs"]
mod template;

mod desk;

mod bench;
mod dev;
mod inspect;
mod languages;
mod registry;
mod rust;
mod seal;
mod tutorial;
