//! Machine code: made in a child process within limits, kept, and thrown away.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use phagen_domain::{digest::Digest, plugin::World};
use phagen_plugin::{CompilerProcess, PluginError};

use crate::common::{Room, SLACK, guest, manifest, packaged, query};

/// The example `compile_guest`, which is built with the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let folder = test.ancestors().nth(2).expect("two folders up");
    folder.join("examples/compile_guest")
}

fn compiling_in(folder: &Path, compiler: CompilerProcess) -> Room {
    Room::with(|settings| {
        folder.clone_into(&mut settings.cache_dir);
        settings.compiler = compiler;
    })
}

fn refusal(compiler: CompilerProcess) -> PluginError {
    let folder = tempfile::tempdir().expect("a folder");
    let room = compiling_in(folder.path(), compiler);
    let bytes = guest("unruly_reranker");
    let error = room
        .host
        .load(World::Reranker, &bytes)
        .expect_err("refused");
    assert!(cwasm_names(folder.path()).is_empty(), "nothing is kept");
    error
}

fn cwasm_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("UTF-8"))
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|end| end == "cwasm")
        })
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_child_compiles_and_its_machine_code_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let child = CompilerProcess::child(program(), Vec::new());
    let room = compiling_in(folder.path(), child);
    let bytes = packaged("unruly_reranker", &manifest(World::Reranker));
    let first = room
        .host
        .compile(World::Reranker, &bytes)
        .expect("compiled");
    assert!(
        !first.was_cached && first.machine_code_bytes > 100_000,
        "{first:?}"
    );
    let second = room.host.compile(World::Reranker, &bytes).expect("found");
    assert!(second.was_cached);
    assert_eq!(second.machine_code_bytes, first.machine_code_bytes);
    assert_eq!(room.host.n_compiled(), 1);
    let reranker = room.reranker("ok");
    assert!(reranker.rerank(&query(), &[]).await.is_ok());

    // The same machine code as without a child, bit for bit.
    let own = tempfile::tempdir().expect("a folder");
    compiling_in(own.path(), CompilerProcess::InProcess).reranker("ok");
    let [name] = &cwasm_names(own.path())[..] else {
        panic!("one file")
    };
    let read = |folder: &Path| fs::read(folder.join(name)).expect("machine code");
    assert!(read(own.path()) == read(folder.path()));
}

#[test]
fn a_child_is_killed_at_its_deadline() {
    let deadline = Duration::from_millis(5);
    let began = Instant::now();
    let error = refusal(CompilerProcess::Child {
        program: program(),
        args: Vec::new(),
        deadline,
        memory_bytes: CompilerProcess::DEFAULT_MEMORY_BYTES,
    });
    assert!(began.elapsed() < deadline + 2 * SLACK);
    assert_eq!(error.code(), "plugin_compile_timeout");
    assert!(error.to_string().contains("5ms"), "{error}");
}

#[test]
fn a_child_that_hangs_is_killed_too() {
    let deadline = Duration::from_millis(100);
    let began = Instant::now();
    // It reads nothing, writes nothing and keeps its pipes.
    let error = refusal(CompilerProcess::Child {
        program: "/bin/sh".into(),
        args: vec!["-c".to_owned(), "exec /bin/sleep 60".to_owned()],
        deadline,
        memory_bytes: CompilerProcess::DEFAULT_MEMORY_BYTES,
    });
    assert!(began.elapsed() < deadline + 2 * SLACK);
    assert_eq!(error.code(), "plugin_compile_timeout");
}

#[test]
fn a_child_has_no_more_memory_than_it_is_given() {
    let error = refusal(CompilerProcess::Child {
        program: program(),
        args: Vec::new(),
        deadline: CompilerProcess::DEFAULT_DEADLINE,
        memory_bytes: 4 << 20,
    });
    assert_eq!(error.code(), "plugin_compile_memory", "{error}");
    assert!(error.to_string().contains("4194304 bytes"), "{error}");
}

#[test]
fn what_else_a_child_does_is_told_as_its_crash() {
    for (program, args, words) in [
        ("/no/such/program", &[][..], "cannot be started"),
        (
            "/bin/sh",
            &["-c", "echo oh no >&2; exit 7"],
            "exit status: 7: oh no",
        ),
        ("/bin/sh", &["-c", "kill -SEGV $$"], "signal: 11"),
        (
            "/bin/sh",
            &["-c", "echo no machine code"],
            "no machine code",
        ),
        ("/bin/sh", &["-c", "/usr/bin/yes >&2 & exec sleep 0.1"], ""),
    ] {
        let error = refusal(CompilerProcess::Child {
            program: program.into(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            deadline: Duration::from_secs(2),
            memory_bytes: CompilerProcess::DEFAULT_MEMORY_BYTES,
        });
        let code = error.code();
        let expected = if words.is_empty() {
            "plugin_compile_timeout"
        } else {
            "plugin_compile_crashed"
        };
        assert_eq!(code, expected, "{args:?}: {error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn machine_code_is_named_for_component_and_wasmtime() {
    let folder = tempfile::tempdir().expect("a folder");
    let room = compiling_in(folder.path(), CompilerProcess::InProcess);
    let bytes = guest("unruly_reranker");
    room.host.load(World::Reranker, &bytes).expect("a plugin");
    let [name] = &cwasm_names(folder.path())[..] else {
        panic!("one file")
    };
    let start = format!(
        "{}-{}-",
        Digest::of(&bytes),
        phagen_plugin::WASMTIME_VERSION
    );
    assert!(name.starts_with(&start), "{name}");
}

#[tokio::test]
async fn what_nobody_keeps_is_thrown_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let room = compiling_in(folder.path(), CompilerProcess::InProcess);
    let (reranker, mapper) = (room.reranker("ok"), room.mapper("ok"));
    // Of another build of the host, and no machine code at all.
    let digest = reranker.plugin.digest();
    fs::write(folder.path().join(format!("{digest}-1.0.0-0.cwasm")), "old").expect("written");
    fs::write(folder.path().join("notes.txt"), "mine").expect("written");
    assert_eq!(cwasm_names(folder.path()).len(), 3);
    let n_gone = room.host.prune_compiled(&[digest]).expect("pruned");
    assert_eq!(n_gone, 2);
    let [name] = &cwasm_names(folder.path())[..] else {
        panic!("one file")
    };
    assert!(name.starts_with(&digest.to_string()));
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(
        names.len(),
        4,
        "the machine code, its code, the key, the notes: {names:?}"
    );
    // A plugin that is loaded works on.
    let molecule = query().molecule;
    assert!(
        mapper
            .find(query().as_of, Some(&molecule), &[])
            .await
            .is_ok()
    );
    assert!(
        compiling_in(folder.path(), CompilerProcess::InProcess)
            .reranker("ok")
            .rerank(&query(), &[])
            .await
            .is_ok()
    );
}
