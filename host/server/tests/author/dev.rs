//! `dev` beside a running host: a change is swapped in, a broken one is not.

use serde_json::Value;

use crate::desk::{Desk, Host, wait_for};

fn serving(desk: &Desk, host: &Host) -> Option<String> {
    let list = ["plugin", "list", "--host", &host.address];
    let told = desk.run(&list).expect_success();
    let line = told.lines().find(|line| line.starts_with("mine "))?;
    line.split_whitespace().nth(3).map(str::to_owned)
}

#[test]
fn long_dev_swaps_into_a_running_host_and_survives_a_broken_build() {
    let desk = Desk::new();
    let new = [
        "plugin", "new", "mine", "--world", "reranker", "--lang", "rust",
    ];
    desk.run(&new).expect_success();
    let host = desk.serve();
    let dev = ["plugin", "dev", "--host", &host.address];
    let process = desk.spawn_in("mine", &dev);
    wait_for(&process, "serving in slot `mine`", 1);
    let first = serving(&desk, &host).expect("it serves in a slot of its own name");

    let code = desk.read("mine/src/lib.rs");
    desk.write("mine/src/lib.rs", format!("{code}\nfn broken( {{\n"));
    wait_for(&process, "not swapped in: slot `mine` goes on", 1);
    assert_eq!(serving(&desk, &host).as_ref(), Some(&first));

    desk.write("mine/src/lib.rs", &code);
    let cases: Value = serde_json::from_str(&desk.read("mine/golden.json")).expect("cases");
    let mut wrong = cases.clone();
    wrong["cases"][0]["expect"] = serde_json::json!({ "error": "not-found" });
    desk.write("mine/golden.json", wrong.to_string());
    wait_for(&process, "not swapped in: slot `mine` goes on", 2);
    assert!(process.stdout().contains("FAILED  case `"), "{process}");
    assert_eq!(serving(&desk, &host).as_ref(), Some(&first));

    desk.write("mine/golden.json", cases.to_string());
    let manifest = desk.read("mine/plugin.toml").replace("0.1.0", "0.2.0");
    desk.write("mine/plugin.toml", manifest);
    wait_for(&process, "serving in slot `mine`", 2);
    let second = serving(&desk, &host).expect("it goes on serving");
    assert_ne!(first, second);

    process.signal("INT");
    let told = process.wait(crate::process::PATIENCE).expect_success();
    assert!(
        told.contains("phagen plugin rollback --slot mine"),
        "{told}"
    );
}

#[test]
fn dev_does_not_build_for_a_host_that_is_not_there() {
    let desk = Desk::new();
    let new = [
        "plugin", "new", "unbuilt", "--world", "reranker", "--lang", "rust",
    ];
    desk.run(&new).expect_success();
    let refused = desk
        .run_in(
            "unbuilt",
            &["plugin", "dev", "--host", "http://127.0.0.1:9"],
        )
        .expect_failure();
    assert!(refused.contains("phagen serve"), "{refused}");
}
