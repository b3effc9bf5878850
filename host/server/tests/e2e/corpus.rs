//! `phagen corpus import` when it is stopped, killed, or given a broken file.

use std::fs;

use sqlx::Connection as _;
use tokio::time::{Instant, sleep};

use crate::{
    data_dir::DataDir,
    database,
    plugin::POLL,
    process::{PATIENCE, Process},
    server::Server,
};

const TWO_GOOD_LINES: [&str; 2] = [
    r#"{"id": "PMID:1", "kind": "literature", "title": "Aspirin and gout", "text": "Aspirin relieved gout.", "citation": "A"}"#,
    r#"{"id": "PMID:2", "kind": "literature", "title": "Aspirin and acne", "text": "Aspirin relieved acne.", "citation": "B"}"#,
];

/// Documents by kind, and the sum that the last line gives.
fn n_documents(dir: &DataDir) -> (Vec<u64>, u64) {
    let stats = dir.run(&["corpus", "stats"]).expect_success();
    let mut counts: Vec<u64> = stats
        .lines()
        .filter(|line| !line.starts_with("index "))
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let count = words.get(1).and_then(|word| word.parse().ok());
            count.unwrap_or_else(|| panic!("no count in `{line}`"))
        })
        .collect();
    let all = counts.pop().expect("a line for all");
    (counts, all)
}

/// An import of the bundled corpus that has committed something and has much left to do.
fn import_under_way(dir: &DataDir, arguments: &[&str]) -> Process {
    let mut import = dir.spawn(arguments, &[]);
    let meta = dir.path().join("index/import/meta.json");
    import.wait_until("the first commit", |_| {
        fs::read_to_string(&meta).is_ok_and(|text| text.contains("segment_id"))
    });
    import
}

/// Whole files are there, the rest is not, and a second import adds what is missing.
fn assert_whole_files_then_complete(dir: &DataDir) {
    let complete = n_documents(&DataDir::ready());
    let (by_kind, all) = n_documents(dir);
    assert_eq!(by_kind.iter().sum::<u64>(), all);
    assert!(0 < all && all < complete.1, "{all} of {}", complete.1);
    let report = dir.run(&["corpus", "import"]).expect_success();
    let mut n_added = 0;
    for line in report.lines() {
        let number = |word: &str| -> u64 {
            let (before, _) = line.split_once(word).unwrap_or_else(|| panic!("{line}"));
            let number = before
                .split_whitespace()
                .last()
                .and_then(|n| n.parse().ok());
            number.unwrap_or_else(|| panic!("no number before `{word}` in `{line}`"))
        };
        let (added, unchanged) = (number(" added"), number(" unchanged"));
        assert_eq!(unchanged, 0, "half a file was kept: {line}");
        n_added += added;
    }
    assert_eq!(n_added, complete.1 - all, "a whole file was read again");
    assert_eq!(n_documents(dir), complete);
}

#[test]
fn ctrl_c_keeps_whole_files_and_the_next_import_completes_them() {
    let dir = DataDir::empty();
    let import = import_under_way(&dir, &["corpus", "import"]);
    import.signal("INT");
    let error = import.wait(PATIENCE).expect_failure();
    assert!(error.contains("import stopped"), "{error}");
    assert_whole_files_then_complete(&dir);
}

#[test]
fn ctrl_c_during_the_first_start_of_the_server_keeps_whole_files_too() {
    let dir = DataDir::empty();
    let server = import_under_way(&dir, &["serve", "--port", "0"]);
    server.signal("INT");
    let error = server.wait(PATIENCE).expect_failure();
    assert!(error.contains("import stopped"), "{error}");
    assert_whole_files_then_complete(&dir);
}

#[tokio::test]
async fn the_first_start_answers_while_it_indexes_and_takes_up_what_was_stopped() {
    let dir = DataDir::empty();
    let import = import_under_way(&dir, &["corpus", "import"]);
    import.signal("INT");
    import.wait(PATIENCE).expect_failure();
    let server = Server::start(&dir);
    assert_eq!(server.get("/health").await.status, 200);
    let first = server.get("/ready").await;
    assert!([200, 503].contains(&first.status), "{}", first.text);
    if first.status == 503 {
        assert!(first.text.contains("corpus"), "{}", first.text);
    }
    // A job that comes in now waits for the corpus, and then finds all of it.
    let result = server.analyse("aspirin").await;
    assert_eq!(server.get("/ready").await.status, 200);
    server.end_by("TERM", PATIENCE).expect_success();
    assert_eq!(n_documents(&dir), n_documents(&DataDir::ready()));
    assert!(!result.evidence.is_empty());
}

#[test]
fn a_killed_import_changes_nothing_and_the_next_one_is_whole() {
    let dir = DataDir::empty();
    let import = import_under_way(&dir, &["corpus", "import"]);
    import.signal("KILL");
    assert_eq!(import.wait(PATIENCE).code, None);
    assert_eq!(n_documents(&dir).1, 0);
    // Once the turn of the dead one is over.
    dir.run(&["corpus", "import"]).expect_success();
    assert_eq!(n_documents(&dir), n_documents(&DataDir::ready()));
}

#[test]
fn of_two_imports_at_once_one_builds_and_the_other_finds_all_done() {
    let dir = DataDir::empty();
    let imports = [(); 2].map(|()| dir.spawn(&["corpus", "import"], &[]));
    let told = imports.map(|import| import.wait(PATIENCE).expect_success());
    let n_builders = told.iter().filter(|told| told.contains("added")).count();
    assert_eq!(n_builders, 1, "{told:?}");
    let n_idle = (told.iter()).filter(|told| told.contains("nothing to import"));
    assert_eq!(n_idle.count(), 1, "{told:?}");
    assert_eq!(n_documents(&dir), n_documents(&DataDir::ready()));
}

/// The last line of `corpus stats`.
fn index(dir: &DataDir) -> String {
    let stats = dir.run(&["corpus", "stats"]).expect_success();
    stats.lines().last().expect("a line").to_owned()
}

#[test]
fn an_index_comes_back_from_its_blobs() {
    let dir = DataDir::ready();
    let before = index(&dir);
    fs::remove_dir_all(dir.path().join("index")).expect("the index goes");
    assert_eq!(index(&dir), before);
    let found = dir.run(&["corpus", "search", "aspirin"]).expect_success();
    assert!(found.contains("bm25"), "{found}");
}

#[test]
fn an_index_that_is_lost_with_its_blobs_is_built_again() {
    let dir = DataDir::ready();
    for folder in ["index", "blob"] {
        fs::remove_dir_all(dir.path().join(folder)).expect("it goes");
    }
    let error = dir.run(&["corpus", "stats"]).expect_failure();
    assert!(error.contains("--anew"), "{error}");
    let ended = dir.run(&["analyze", "aspirin", "--json"]);
    assert!(
        ended.stderr.contains("the corpus index is lost"),
        "{ended:?}"
    );
    ended.expect_success();
    assert_eq!(n_documents(&dir), n_documents(&DataDir::ready()));
}

#[test]
fn an_import_anew_leaves_out_what_was_imported_before() {
    let dir = DataDir::ready();
    let complete = n_documents(&dir);
    let [first, second] = TWO_GOOD_LINES;
    for (n, lines) in [
        (2, format!("{first}\n{second}\n")),
        (1, format!("{first}\n")),
    ] {
        let file = dir.file("own.jsonl", lines);
        let file = file.to_str().expect("a name of text");
        let how: &[&str] = if n == 2 { &[] } else { &["--anew"] };
        let command = [&["corpus", "import", file], how].concat();
        dir.run(&command).expect_success();
        assert_eq!(n_documents(&dir).1, complete.1 + n);
    }
}

#[tokio::test]
async fn a_running_server_follows_an_import_and_uses_no_answer_from_before() {
    let dir = DataDir::ready();
    let server = Server::start(&dir);
    let before = server.analyse("aspirin").await;
    let kept = server.analyse("aspirin").await;
    assert!(kept.sources.iter().all(|source| source.cached), "{kept:?}");
    let file = dir.file("own.jsonl", TWO_GOOD_LINES.join("\n"));
    let file = file.to_str().expect("a name of text");
    dir.run(&["corpus", "import", file]).expect_success();
    let deadline = Instant::now() + PATIENCE;
    let after = loop {
        let after = server.analyse("aspirin").await;
        if after.versions.corpus_digest != before.versions.corpus_digest {
            break after;
        }
        assert!(Instant::now() < deadline, "no job with the new index");
        sleep(POLL).await;
    };
    assert!(
        after.sources.iter().all(|source| !source.cached),
        "{after:?}"
    );
    let told = index(&dir);
    let digest = after.versions.corpus_digest.expect("an index");
    assert_eq!(told, format!("index {digest}"));
    server.end_by("TERM", PATIENCE).expect_success();
}

/// The number of indexes that were published, once `wanted` holds of it.
async fn published(dir: &DataDir, wanted: i64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut database = database::open(dir).await;
        let n: i64 = sqlx::query_scalar("select count(*) from corpus_snapshot")
            .fetch_one(&mut database)
            .await
            .expect("indexes are counted");
        database.close().await.expect("the database closes");
        if n == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{n} indexes, not {wanted}");
        sleep(POLL).await;
    }
}

#[tokio::test]
async fn a_configured_source_is_imported_again_once_it_changed() {
    let dir = DataDir::ready();
    let complete = n_documents(&dir).1;
    let [first, second] = TWO_GOOD_LINES;
    let file = dir.file("own.jsonl", format!("{first}\n"));
    let folder = file
        .parent()
        .and_then(|path| path.to_str())
        .expect("a name");
    let settings = [("PHAGEN_CORPUS__REFRESH", folder)];
    let worker = dir.spawn(&["worker"], &settings);
    published(&dir, 2).await;
    assert_eq!(n_documents(&dir).1, complete + 1);
    worker.signal("TERM");
    worker.wait(PATIENCE).expect_success();

    dir.file("own.jsonl", format!("{first}\n{second}\n"));
    let mut database = database::open(&dir).await;
    sqlx::query("update tick set taken_at = 0 where chore = 'refresh-corpus'")
        .execute(&mut database)
        .await
        .expect("the next tick is due");
    database.close().await.expect("the database closes");
    let worker = dir.spawn(&["worker"], &settings);
    published(&dir, 3).await;
    assert_eq!(n_documents(&dir).1, complete + 2);
    worker.signal("TERM");
    worker.wait(PATIENCE).expect_success();
}

#[test]
fn a_bad_line_is_named_and_the_good_ones_are_kept() {
    let dir = DataDir::empty();
    let [first, second] = TWO_GOOD_LINES;
    let mut bytes = format!("{first}\n{{\"id\": \"PMID:3\", \"title\": \"cut off\n").into_bytes();
    bytes.extend(b"\"\xff\xfe\"\n");
    bytes.extend(format!("{{\"title\": \"has no id\"}}\n{second}\n").into_bytes());
    let file = dir.file("corrupt.jsonl", bytes);
    let file = file.to_str().expect("a name of text");
    let ended = dir.run(&["corpus", "import", file]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let report = &ended.stdout;
    assert!(
        report.contains("corrupt.jsonl: 5 lines: 2 added"),
        "{report}"
    );
    assert!(report.contains("3 bad"), "{report}");
    for line in ["line 2:", "line 3:", "line 4:"] {
        assert!(report.contains(line), "{report}");
    }
    assert!(
        !report.contains("line 1:") && !report.contains("line 5:"),
        "{report}"
    );
    assert_eq!(n_documents(&dir).1, 2);
    let found = dir.run(&["corpus", "search", "acne"]).expect_success();
    assert!(found.contains("PMID:2"), "{found}");
}

#[test]
fn a_truncated_gzip_file_is_refused_by_its_name() {
    let dir = DataDir::empty();
    let whole = fs::read(crate::template::share_dir().join("corpus/labels.jsonl.gz")).unwrap();
    let file = dir.file("cut.jsonl.gz", &whole[..whole.len() / 2]);
    let ended = dir.run(&["corpus", "import", file.to_str().expect("a name of text")]);
    assert_ne!(ended.code, Some(0), "{ended:?}");
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("cut.jsonl.gz"), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let dir = DataDir::empty();
    let error = dir
        .run(&["corpus", "import", "nowhere.jsonl"])
        .expect_failure();
    assert!(error.contains("nowhere.jsonl"), "{error}");
}
