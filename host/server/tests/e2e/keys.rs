//! Keys of the API from the shell, on a host that requires them, and the record of it all.

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::time::{Instant, sleep};

use crate::{answer::Answer, data_dir::DataDir, process::PATIENCE, server::Server};

const GUARDED: [(&str, &str); 2] = [
    ("PHAGEN_AUTH__REQUIRED", "true"),
    ("PHAGEN_LOG__FILTER", "debug"),
];

fn create(dir: &DataDir, name: &str, scopes: &str) -> String {
    let created = dir.run(&["key", "create", name, "--scope", scopes, "--days", "30"]);
    let key = created.expect_success().trim().to_owned();
    assert!(key.starts_with("phagen_") && key.len() == 71, "{key}");
    key
}

async fn ask(server: &Server, key: &str, method: Method, path: &str) -> Answer {
    let body = json!({ "molecule": "cisplatin" });
    let request = server.request(method, path).bearer_auth(key).json(&body);
    Answer::to(request).await
}

#[tokio::test]
async fn a_key_is_made_used_and_taken_back_and_never_told_again() {
    let dir = DataDir::ready();
    let key = create(&dir, "ci", "read,submit");
    let again = dir.run(&["key", "create", "ci", "--scope", "read"]);
    assert!(again.expect_failure().contains("names are used once"));
    let server = Server::start_with(&dir, &["--workers", "0"], &GUARDED);
    assert_eq!(server.get("/health").await.status, 200);
    assert_eq!(server.get("/api/jobs").await.status, 401);
    let submitted = ask(&server, &key, Method::POST, "/api/jobs").await;
    assert_eq!(submitted.status, 202, "{}", submitted.text);
    let shut = ask(&server, &key, Method::POST, "/api/plugins?name=x").await;
    assert!(shut.problem().starts_with("403 /problems/missing-scope"));
    // Whoever watches needs no key, on the port of its own.
    let metrics = server.watch("/metrics").await;
    assert_eq!(metrics.status, 200);

    let listed = dir.run(&["key", "list"]).expect_success();
    assert!(listed.contains(&key[..15]), "{listed}");
    assert!(listed.contains("allows read submit"), "{listed}");
    assert!(listed.contains("last used"), "{listed}");
    let revoked = dir.run(&["key", "revoke", "ci"]).expect_success();
    assert!(revoked.contains("revoked on"), "{revoked}");
    let deadline = Instant::now() + PATIENCE;
    while ask(&server, &key, Method::GET, "/api/jobs").await.status != 401 {
        assert!(Instant::now() < deadline, "a revoked key still counts");
        sleep(std::time::Duration::from_millis(20)).await;
    }
    let wrong = format!("{}x", &key[..70]);
    assert_eq!(
        ask(&server, &wrong, Method::GET, "/api/jobs").await.status,
        401
    );

    let ended = server.end_by("TERM", PATIENCE);
    assert!(ended.stderr.contains("answered 401"), "{ended:?}");
    // Its last digits would do: no hash and no prefix has them.
    let secret = &key[20..60];
    for text in [
        &ended.stdout,
        &ended.stderr,
        &metrics.text,
        &listed,
        &shut.text,
    ] {
        assert!(!text.contains(secret), "{text}");
    }
    let database = std::fs::read(dir.path().join("phagen.db")).unwrap();
    let is_secret = |window: &[u8]| window == secret.as_bytes();
    assert!(!database.windows(secret.len()).any(is_secret));
    dir.run(&["audit", "verify"]).expect_success();
}

#[tokio::test]
async fn a_record_that_was_tampered_with_is_found_out() {
    let dir = DataDir::ready();
    create(&dir, "ci", "read");
    create(&dir, "ada", "operate");
    dir.run(&["key", "revoke", "ci"]).expect_success();
    let told = dir.run(&["audit", "verify"]).expect_success();
    assert!(told.contains("all of it fits"), "{told}");
    let mut rows = rows(&dir).await;
    let last: i64 = sqlx::query_scalar("select max(seq) from audit")
        .fetch_one(&mut rows)
        .await
        .unwrap();
    let refused = sqlx::query("update audit set actor = 'eve'").execute(&mut rows);
    assert!(
        refused
            .await
            .unwrap_err()
            .to_string()
            .contains("never changed")
    );
    for trigger in ["changed", "deleted", "replaced"] {
        let sql = format!("drop trigger audit_is_not_{trigger}");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&mut rows)
            .await
            .unwrap();
    }

    // Each by itself: done, found, undone.
    let swap = format!(
        "update audit set seq = -1 where seq = {last};
         update audit set seq = {last} where seq = {last} - 1;
         update audit set seq = {last} - 1 where seq = -1"
    );
    for (tamper, undo, expected) in [
        (
            format!("update audit set actor = 'eve' where seq = {last} - 1"),
            format!("update audit set actor = 'local' where seq = {last} - 1"),
            format!("row {} was changed", last - 1),
        ),
        (
            "update api_key set scopes = 'operate' where name = 'ci'".to_owned(),
            "update api_key set scopes = 'read' where name = 'ci'".to_owned(),
            "key `ci` is not as row".to_owned(),
        ),
        (
            "create table kept as select * from audit; delete from audit where seq = 2".to_owned(),
            "insert into audit select * from kept where seq = 2".to_owned(),
            "row 2 is missing".to_owned(),
        ),
        (
            format!("delete from audit where seq = {last}"),
            format!("insert into audit select * from kept where seq = {last}"),
            "its tail was cut".to_owned(),
        ),
        (
            swap.clone(),
            swap,
            format!("row {} does not follow", last - 1),
        ),
    ] {
        run(&mut rows, &tamper).await;
        let ended = dir.run(&["audit", "verify"]);
        assert_eq!(ended.code, Some(1), "{tamper}: {ended:?}");
        assert!(ended.stdout.contains(&expected), "{tamper}: {ended:?}");
        run(&mut rows, &undo).await;
        dir.run(&["audit", "verify"]).expect_success();
    }
}

async fn rows(dir: &DataDir) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(dir.path().join("phagen.db"));
    SqliteConnection::connect_with(&options)
        .await
        .expect("the database opens")
}

async fn run(rows: &mut SqliteConnection, sql: &str) {
    // What holds a row to its place is for those who go through the store.
    let sql = format!("pragma ignore_check_constraints = on; {sql}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(rows)
        .await
        .expect("the rows change");
}
