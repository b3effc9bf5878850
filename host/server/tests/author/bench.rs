//! Where the time of a call goes.

use crate::desk::Desk;

#[test]
fn long_the_time_of_each_case_is_taken_apart() {
    let desk = Desk::new();
    let new = [
        "plugin", "new", "timed", "--world", "reranker", "--lang", "rust",
    ];
    desk.run(&new).expect_success();
    desk.run_in("timed", &["plugin", "build"]).expect_success();
    let told = desk.run_in("timed", &["plugin", "bench"]).expect_success();
    for part in [
        "case `",
        "rounds",
        "whole call",
        "instance and `init`",
        "crossing the border",
        "the guest's own work",
        "p99",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    desk.shipped("corpus-source");
    let refused = desk
        .run(&["plugin", "bench", "corpus-source.wasm"])
        .expect_failure();
    assert!(refused.contains("no golden cases"), "{refused}");
}
