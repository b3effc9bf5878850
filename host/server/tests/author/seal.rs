//! Keys, signatures, and what does not hold.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::desk::Desk;

#[test]
fn a_signature_holds_for_its_file_and_its_key_alone() {
    let desk = Desk::new();
    desk.shipped("mesh-mapper");
    desk.shipped("corpus-source");
    let made = desk.run(&["plugin", "keygen", "ada"]).expect_success();
    assert!(
        made.contains("not encrypted") && made.contains("next:"),
        "{made}"
    );
    let mode = fs::metadata(desk.path("ada.key"))
        .expect("a key")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = desk.run(&["plugin", "keygen", "ada"]).expect_failure();
    assert!(again.contains("ada.pub"), "{again}");

    let sign = [
        "plugin",
        "sign",
        "mesh-mapper.wasm",
        "--key-file",
        "ada.key",
    ];
    let signed = desk.run(&sign).expect_success();
    assert!(signed.contains("mesh-mapper.wasm.minisig"), "{signed}");
    let verify = [
        "plugin",
        "verify",
        "mesh-mapper.wasm",
        "--public-key",
        "ada.pub",
    ];
    let verified = desk.run(&verify).expect_success();
    assert!(verified.contains("is signed by ada"), "{verified}");
    let key = desk
        .read("ada.pub")
        .lines()
        .nth(1)
        .expect("a key")
        .to_owned();
    let by_line = ["plugin", "verify", "mesh-mapper.wasm", "--public-key", &key];
    desk.run(&by_line).expect_success();

    desk.run(&["plugin", "keygen", "bob"]).expect_success();
    let refused = |arguments: &[&str]| desk.run(arguments).expect_failure();
    let other_key = refused(&[
        "plugin",
        "verify",
        "mesh-mapper.wasm",
        "--public-key",
        "bob.pub",
    ]);
    assert!(other_key.contains("does not know"), "{other_key}");
    let other_file = refused(&[
        "plugin",
        "verify",
        "corpus-source.wasm",
        "--public-key",
        "ada.pub",
        "--signature",
        "mesh-mapper.wasm.minisig",
    ]);
    assert!(other_file.contains("not of these bytes"), "{other_file}");
}

#[test]
fn a_key_with_a_password_needs_it() {
    let desk = Desk::new();
    desk.shipped("mesh-mapper");
    desk.write("password", "correct horse\n");
    desk.write("wrong", "battery\n");
    let made = desk
        .run(&["plugin", "keygen", "ada", "--password-file", "password"])
        .expect_success();
    assert!(made.contains("(encrypted)"), "{made}");
    let sign = [
        "plugin",
        "sign",
        "mesh-mapper.wasm",
        "--key-file",
        "ada.key",
    ];
    let refused = desk.run(&sign).expect_failure();
    assert!(refused.contains("protected by a password"), "{refused}");
    let with = |file: &'static str| [&sign[..], &["--password-file", file]].concat();
    let refused = desk.run(&with("wrong")).expect_failure();
    assert!(refused.contains("the password is wrong"), "{refused}");
    desk.run(&with("password")).expect_success();
    let verify = [
        "plugin",
        "verify",
        "mesh-mapper.wasm",
        "--public-key",
        "ada.pub",
    ];
    desk.run(&verify).expect_success();
}
