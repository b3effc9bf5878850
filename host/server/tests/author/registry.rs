//! Push and pull through a real registry, Debian's `docker-registry`, on loopback.

use std::{
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    desk::Desk,
    process::{PATIENCE, Process},
};

struct Registry {
    _process: Process,
    address: String,
}

fn registry(desk: &Desk) -> Registry {
    // Nobody else is given the port between this and the registry's own start, by all likelihood.
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let config = format!(
        "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
        desk.path("registry").display()
    );
    let config = desk.write("registry.yml", config);
    let found = Command::new("docker-registry").arg("--version").output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "`docker-registry` does not run: install it (Debian and Ubuntu: `apt install docker-registry`)"
    );
    let mut command = Command::new("docker-registry");
    let process = desk.spawn("", command.arg("serve").arg(config));
    let begun = Instant::now();
    while TcpStream::connect(&address).is_err() {
        assert!(
            begun.elapsed() < PATIENCE,
            "the registry does not listen: {process}"
        );
        thread::sleep(Duration::from_millis(20));
    }
    Registry {
        _process: process,
        address,
    }
}

#[test]
fn a_signed_component_travels_through_a_registry_and_is_pinned() {
    let desk = Desk::new();
    desk.shipped("mesh-mapper");
    let registry = registry(&desk);
    desk.run(&["plugin", "keygen", "ada"]).expect_success();
    desk.run(&[
        "plugin",
        "sign",
        "mesh-mapper.wasm",
        "--key-file",
        "ada.key",
    ])
    .expect_success();
    let name = format!("{}/plugins/mesh-mapper", registry.address);
    let pushed = desk
        .run(&["plugin", "push", &name, "mesh-mapper.wasm", "--plain-http"])
        .expect_success();
    let reference = pushed
        .lines()
        .find_map(|line| line.strip_prefix("pushed "))
        .unwrap_or_else(|| panic!("{pushed}"))
        .to_owned();
    assert!(pushed.contains("signature  went with it"), "{pushed}");

    std::fs::create_dir(desk.path("other")).expect("a folder");
    let pull = ["plugin", "pull", &reference, "--plain-http"];
    let pulled = desk.run_in("other", &pull).expect_success();
    assert!(pulled.contains("pinned now"), "{pulled}");
    assert!(desk.read("other/phagen.lock").contains(&reference));
    let verify = [
        "plugin",
        "verify",
        "mesh-mapper.wasm",
        "--public-key",
        "../ada.pub",
    ];
    desk.run_in("other", &verify).expect_success();
    assert!(
        desk.run_in("other", &pull)
            .expect_success()
            .contains("as pinned")
    );

    // Somebody puts something else under the same tag: the lock does not take it.
    desk.shipped("corpus-source");
    let swapped = desk.run(&[
        "plugin",
        "push",
        &reference,
        "corpus-source.wasm",
        "--plain-http",
    ]);
    swapped.expect_success();
    let refused = desk.run_in("other", &pull).expect_failure();
    assert!(
        refused.contains("phagen.lock") || refused.contains("locked"),
        "{refused}"
    );

    let missing = format!("{name}:9.9.9");
    let refused = desk
        .run(&["plugin", "pull", &missing, "--plain-http"])
        .expect_failure();
    assert!(refused.contains("9.9.9"), "{refused}");
}
