//! Every fault of `cargo xtask chaos`, with fewer jobs: the shipped binary, real servers of the
//! test's own, and what must hold meanwhile.

#![expect(
    clippy::print_stdout,
    reason = "the figures of a test that failed are its story"
)]

#[path = "../../benches/chaos/fault/mod.rs"]
mod fault;

use std::{path::Path, sync::Arc};

use fault::{
    Engine::{Postgres, Sqlite},
    Fault, Kit, Size, variable,
};

const BINARY: &str = env!("CARGO_BIN_EXE_phagen");

const SMALL: Size = Size {
    n_jobs: 60,
    n_workers: 3,
    n_poison: 1,
    poison_attempts: 4,
    n_outages: 2,
};

/// Runs on the thread of the test: servers are told to end with it.
fn holds(fault: Fault) {
    let binary = Path::new(BINARY);
    let share = binary.with_file_name("share");
    let guests = variable("PHAGEN_TEST_GUESTS").expect("the guests");
    let kit = Kit::new(binary.to_owned(), share, guests).expect("a data folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let run = runtime.block_on(fault.run(&Arc::new(kit), SMALL));
    let figures = run.unwrap_or_else(|error| panic!("{fault}: {error:?}"));
    println!("{fault}\n{figures}");
    let broken = figures.broken().join("\n");
    assert!(broken.is_empty(), "what must hold did not:\n{broken}");
}

/// A test for each, and the list of them.
macro_rules! stories {
    ($($name:ident: $fault:expr,)*) => {
        $(#[test]
        fn $name() {
            holds($fault);
        })*

        #[test]
        fn every_fault_has_its_test() {
            let tested = [$($fault),*];
            for fault in Fault::ALL {
                assert!(tested.contains(&fault), "{fault}");
            }
        }
    };
}

stories! {
    workers_are_killed_on_sqlite: Fault::WorkersKilled(Sqlite),
    workers_are_killed_on_postgres: Fault::WorkersKilled(Postgres),
    workers_are_stopped_on_sqlite: Fault::WorkersStopped(Sqlite),
    workers_are_stopped_on_postgres: Fault::WorkersStopped(Postgres),
    clocks_are_off_on_sqlite: Fault::ClockOff(Sqlite),
    clocks_are_off_on_postgres: Fault::ClockOff(Postgres),
    the_api_is_replaced_on_sqlite: Fault::ApiReplaced(Sqlite),
    the_api_is_replaced_on_postgres: Fault::ApiReplaced(Postgres),
    postgres_is_restarted: Fault::PostgresRestarted,
    the_pooler_is_killed: Fault::PoolerKilled,
    redis_is_killed: Fault::RedisKilled,
    the_disk_of_the_index_is_full: Fault::IndexDiskFull,
    the_disk_of_the_database_is_full: Fault::DatabaseDiskFull,
}
