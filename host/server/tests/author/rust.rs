//! A Rust plugin from `new` to `test`, in each world, and what `new` and `test` refuse.

use std::fs;

use crate::desk::Desk;

fn from_new_to_test(world: &str) {
    let desk = Desk::new();
    let name = format!("my-{world}");
    let made = desk
        .run(&["plugin", "new", &name, "--world", world, "--lang", "rust"])
        .expect_success();
    assert!(
        made.contains("next:") && made.contains("phagen plugin build"),
        "{made}"
    );
    let built = desk.run_in(&name, &["plugin", "build"]).expect_success();
    for part in [
        "digest",
        "asks for",
        "phagen:plugin/",
        world,
        "phagen plugin test",
    ] {
        assert!(built.contains(part), "{part}: {built}");
    }
    let file = format!("{name}.wasm");
    let tested = desk
        .run_in(&name, &["plugin", "test", &file])
        .expect_success();
    for gate in [
        "ok      verify",
        "ok      compile",
        "ok      case `",
        "passed",
    ] {
        assert!(tested.contains(gate), "{gate}: {tested}");
    }
    let seen = desk.run_in(&name, &["plugin", "inspect"]).expect_success();
    assert!(
        seen.contains("phagen-sdk") && seen.contains("packages"),
        "{seen}"
    );
}

#[test]
fn long_a_rust_source_goes_from_new_to_test() {
    from_new_to_test("source");
}

#[test]
fn long_a_rust_mapper_goes_from_new_to_test() {
    from_new_to_test("mapper");
}

#[test]
fn long_a_rust_reranker_goes_from_new_to_test() {
    from_new_to_test("reranker");
}

#[test]
fn long_a_case_that_fails_is_told_with_what_to_change() {
    let desk = Desk::new();
    let new = ["plugin", "new", "p", "--world", "mapper", "--lang", "rust"];
    desk.run(&new).expect_success();
    let cases = desk
        .read("p/golden.json")
        .replace("\"mesh_id\": \"D006261\",\n", "\"mesh_id\": \"D000001\",\n");
    desk.write("p/golden.json", cases);
    let ended = desk.run_in("p", &["plugin", "test"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in [
        "FAILED  case `",
        "plugin_golden",
        "help: correct the code, or the case",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {ended:?}");
    }
    assert!(ended.stderr.contains("did not pass"), "{ended:?}");
}

#[test]
fn long_what_is_wrong_is_named_by_file_line_and_key() {
    let desk = Desk::new();
    let new = ["plugin", "new", "wrong", "--world", "reranker"];
    desk.run(&new).expect_success();
    let again = desk.run(&new).expect_failure();
    assert!(
        again.contains("not empty") && again.contains("--dir"),
        "{again}"
    );

    let manifest = desk.read("wrong/plugin.toml");
    desk.write(
        "wrong/plugin.toml",
        format!("{manifest}\n[limits]\nmemory = 1\n"),
    );
    let refused = desk.run_in("wrong", &["plugin", "build"]).expect_failure();
    assert!(
        refused.contains("plugin.toml") && refused.contains("line "),
        "{refused}"
    );
    assert!(refused.contains("limits.memory"), "{refused}");
    desk.write("wrong/plugin.toml", manifest);

    let code = desk.read("wrong/src/lib.rs");
    desk.write("wrong/src/lib.rs", format!("{code}\nfn broken( {{\n"));
    let refused = desk.run_in("wrong", &["plugin", "build"]).expect_failure();
    assert!(refused.contains("src/lib.rs:"), "{refused}");
    assert!(refused.contains("`cargo build` failed"), "{refused}");
    assert!(
        !fs::exists(desk.path("wrong/wrong.wasm")).expect("a folder"),
        "nothing was built"
    );
}

#[test]
fn a_folder_without_a_plugin_says_what_to_do() {
    let desk = Desk::new();
    for verb in ["build", "test", "inspect"] {
        let refused = desk.run(&["plugin", verb]).expect_failure();
        assert!(refused.contains("phagen plugin new"), "{verb}: {refused}");
    }
    let refused = desk.run(&["plugin", "new", "Ünsinn", "--world", "mapper"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("not a plugin name"), "{refused:?}");
}
