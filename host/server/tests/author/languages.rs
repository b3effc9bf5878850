//! Python and JavaScript plugins from `new` to `test`, in each world.

use crate::desk::{Desk, require_toolchain};

fn from_new_to_test(language: &str, world: &str) {
    require_toolchain(language);
    let desk = Desk::new();
    let new = [
        "plugin", "new", "mine", "--world", world, "--lang", language,
    ];
    desk.run(&new).expect_success();
    let tested = desk.run_in("mine", &["plugin", "test"]).expect_success();
    for gate in [
        "ok      verify",
        "ok      compile",
        "ok      case `",
        "passed",
    ] {
        assert!(tested.contains(gate), "{gate}: {tested}");
    }
    let seen = desk.run_in("mine", &["plugin", "inspect"]).expect_success();
    assert!(seen.contains("componentize"), "{seen}");
    let list = desk.run_in("mine", &["plugin", "sbom"]).expect_success();
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON alone");
    assert_eq!(list["bomFormat"], "CycloneDX");
    assert_eq!(list["metadata"]["component"]["name"], "mine");
}

#[test]
fn long_a_python_source_goes_from_new_to_test() {
    from_new_to_test("python", "source");
}

#[test]
fn long_a_python_mapper_goes_from_new_to_test() {
    from_new_to_test("python", "mapper");
}

#[test]
fn long_a_python_reranker_goes_from_new_to_test() {
    from_new_to_test("python", "reranker");
}

#[test]
fn long_a_js_source_goes_from_new_to_test() {
    from_new_to_test("js", "source");
}

#[test]
fn long_a_js_mapper_goes_from_new_to_test() {
    from_new_to_test("js", "mapper");
}

#[test]
fn long_a_js_reranker_goes_from_new_to_test() {
    from_new_to_test("js", "reranker");
}
