//! What is SQLite's alone in the registry: what its schema refuses, what it keeps, and rows that are
//! not what they should be.

use phagen_domain::{
    job::JobId,
    plugin::{Comparison, ComparisonOutcome},
};
use phagen_store::{
    COMPARISONS_KEPT, RegistryStore as _, Store as _, StoreError,
    conformance::{
        plugin_specimen::{all_events, built_in, digest, recorded, reranker, seeded, uploaded},
        specimen::{LEASE, slot_name},
    },
};
use phagen_store_sqlite::SqliteStore;
use sqlx::{AssertSqlSafe, SqlitePool, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

/// A store and a way to its rows behind its back.
struct Bench {
    store: SqliteStore,
    rows: SqlitePool,
    _folder: TempDir,
}

async fn bench() -> Bench {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("phagen.db");
    let store = SqliteStore::open(&path).await.expect("a database");
    let options = SqliteConnectOptions::new().filename(&path);
    Bench {
        store,
        rows: SqlitePool::connect_with(options).await.expect("the rows"),
        _folder: folder,
    }
}

impl Bench {
    async fn write(&self, sql: &str) -> Result<u64, sqlx::Error> {
        sqlx::query(AssertSqlSafe(sql))
            .execute(&self.rows)
            .await
            .map(|done| done.rows_affected())
    }

    /// What the database said no with.
    async fn refusal(&self, sql: &str) -> String {
        let refused = self.write(sql).await;
        refused.expect_err(sql).to_string()
    }
}

#[tokio::test]
async fn events_are_append_only() {
    let bench = bench().await;
    recorded(&bench.store, &uploaded("alpha")).await;
    seeded(&bench.store, &[reranker("old")]).await;
    let before = bench.store.list_plugin_events(&all_events()).await;
    let before = before.expect("events");
    for (sql, reason) in [
        ("update plugin_event set actor = 'eve'", "never changed"),
        ("update plugin_event set seq = seq + 100", "never changed"),
        ("delete from plugin_event", "never deleted"),
        ("delete from plugin_event where seq = 1", "never deleted"),
        (
            "insert or replace into plugin_event (seq, at, verb, actor, digest, state)
             select seq, at, verb, 'eve', digest, state from plugin_event",
            "never replaced",
        ),
    ] {
        let refusal = bench.refusal(sql).await;
        assert!(refusal.contains(reason), "{sql}: {refusal}");
    }
    let after = bench.store.list_plugin_events(&all_events()).await;
    assert_eq!(after.expect("events"), before);
}

#[tokio::test]
async fn the_wrong_registry_row_cannot_be_written() {
    let bench = bench().await;
    recorded(&bench.store, &built_in("old")).await;
    seeded(&bench.store, &[reranker("old")]).await;
    for sql in [
        "update plugin_version set state = 'asleep'",
        "update plugin_version set reason = 'none'",
        "update plugin_version set gate_lease_until = 1",
        "update plugin_version set world = 'moon'",
        "update plugin_version set digest = 'beef'",
        "update plugin_version set signature = '{}'",
        "update plugin_version set manifest = '{'",
        "update plugin_version set gates = '{}'",
        "update plugin_version set size_bytes = -1",
        "update slot set world = 'moon'",
        "update slot set place = -1",
        "update slot set serving = '{}'",
        "update slot set serving = 'x'",
        "update slot set previous = json_set(serving, '$.plugin_digest', 'beef')",
        "update slot set candidate = '{\"mode\":\"shadow\",\"share\":0.5}'",
        "update slot set candidate = json_object('activation', json(serving), 'mode', 'on', 'share', 1)",
        "update slot set candidate = json_object('activation', json(serving), 'mode', 'canary', 'share', 0)",
        "update slot set candidate = json_object('activation', json(serving), 'mode', 'canary', 'share', 1.1)",
        "update slot set candidate = json_object('activation', json(serving), 'mode', 'canary')",
        "insert into plugin_event (at, verb, actor, digest, state, slot)
         select at, verb, actor, digest, state, 'reranker' from plugin_event limit 1",
        "insert into plugin_event (at, verb, actor, digest, state)
         select at, 'wish', actor, digest, state from plugin_event limit 1",
        "insert into plugin_key values ('k', 'd', 999, 1)",
        "insert into host_report values ('', 1, '[]', 1)",
        "insert into host_report values ('a', -1, '[]', 1)",
        "insert into publisher_key values ('a', '', 1, 'root', null, null)",
    ] {
        let refusal = bench.refusal(sql).await;
        assert!(
            ["CHECK constraint", "malformed JSON", "FOREIGN KEY"]
                .iter()
                .any(|reason| refusal.contains(reason)),
            "{sql}: {refusal}"
        );
    }
    let sql = "update slot set candidate =
        json_object('activation', json(serving), 'mode', 'canary', 'share', 1)";
    assert_eq!(bench.write(sql).await.expect("a right one"), 1);
}

#[tokio::test]
async fn of_a_trial_the_newest_comparisons_are_kept() {
    let bench = bench().await;
    let fill = format!(
        "with recursive n (n) as (select 1 union all select n + 1 from n where n < {COMPARISONS_KEPT})
         insert into comparison (job_id, slot, serving_digest, candidate_digest, at, outcome)
         select 'job-' || n, 'reranker', '{}', '{}', n, '{{\"outcome\":\"failed\"}}' from n",
        digest("old"),
        digest("new"),
    );
    let n_filled = bench.write(&fill).await.expect("a trial");
    assert_eq!(n_filled, u64::from(COMPARISONS_KEPT));
    let mut comparison = Comparison {
        job: JobId::new(),
        slot: slot_name("reranker"),
        serving: digest("old"),
        candidate: digest("new"),
        at: bench.store.ping().await.expect("the time"),
        outcome: ComparisonOutcome::Failed {
            code: "plugin_trap".to_owned(),
            message: "it trapped".to_owned(),
        },
    };
    bench
        .store
        .record_comparison(&comparison)
        .await
        .expect("a record");
    let kept = "select count(*), min(at) from comparison where slot = 'reranker'";
    let kept: (i64, i64) = sqlx::query_as(kept)
        .fetch_one(&bench.rows)
        .await
        .expect("a count");
    assert_eq!(kept, (i64::from(COMPARISONS_KEPT), 2), "the oldest went");
    // Another trial has room of its own.
    comparison.slot = slot_name("second");
    bench
        .store
        .record_comparison(&comparison)
        .await
        .expect("a record");
    let n_rows: i64 = sqlx::query_scalar("select count(*) from comparison")
        .fetch_one(&bench.rows)
        .await
        .expect("a count");
    assert_eq!(n_rows, i64::from(COMPARISONS_KEPT) + 1);
}

#[tokio::test]
async fn a_version_that_cannot_be_read_is_in_nobodys_way() {
    let bench = bench().await;
    recorded(&bench.store, &uploaded("unreadable")).await;
    let spoil = "update plugin_version set manifest = '{}'";
    bench.write(spoil).await.expect("a write");
    recorded(&bench.store, &uploaded("readable")).await;
    let error = bench
        .store
        .claim_version(LEASE)
        .await
        .expect_err("unreadable");
    assert!(
        error
            .to_string()
            .starts_with("row of `plugin_version` cannot be read: `manifest`: missing field"),
        "{error}"
    );
    let next = bench.store.claim_version(LEASE).await.expect("an answer");
    assert_eq!(next.expect("a version").digest, digest("readable"));
}

#[tokio::test]
async fn a_corrupt_slot_names_its_column() {
    let bench = bench().await;
    seeded(&bench.store, &[reranker("old")]).await;
    let spoil = "update slot set serving = json_remove(serving, '$.config')";
    bench.write(spoil).await.expect("a write");
    let error = bench.store.list_slots().await.expect_err("no config");
    assert!(matches!(
        error,
        StoreError::CorruptRow { table: "slot", .. }
    ));
    assert!(
        error
            .to_string()
            .contains("`serving`: missing field `config`"),
        "{error}"
    );
}

/// Every host of a fleet asks several times a second, however long the record has grown; and each
/// move asks which slots name a version.
#[tokio::test]
async fn what_is_asked_often_is_one_look_into_an_index() {
    let bench = bench().await;
    for (sql, index) in [
        (
            "explain query plan
             select coalesce(max(seq), 0) from plugin_event where slot is not null",
            "plugin_event_set",
        ),
        (
            "explain query plan
             select seq from plugin_event where slot = ?1 and seq > 7 order by seq limit 9",
            "plugin_event_slot (slot=? AND seq>?)",
        ),
        (
            "explain query plan
             select seq from plugin_event where digest = ?1 and seq > 7 order by seq limit 9",
            "plugin_event_digest (digest=? AND seq>?)",
        ),
        (
            "explain query plan select 1 from slot where serving_digest = ?1",
            "slot_serving (serving_digest=?)",
        ),
        (
            "explain query plan
             select 1 from slot where candidate_digest = ?1 and candidate_mode = 'canary'",
            "slot_candidate (candidate_digest=? AND candidate_mode=?)",
        ),
        (
            "explain query plan
             select seq from plugin_version
             where state in ('uploaded', 'verified', 'compiled') and coalesce(gate_lease_until, 0) < 9
             order by seq limit 1",
            "plugin_version_gate",
        ),
    ] {
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sql)
            .fetch_all(&bench.rows)
            .await
            .expect("a plan");
        let steps: Vec<&str> = plan.iter().map(|(.., detail)| detail.as_str()).collect();
        assert_eq!(steps.len(), 1, "{sql}: {steps:?}");
        assert!(steps[0].contains(index), "{sql}: {steps:?}");
    }
}
