//! What is Postgres's alone in the registry: what its schema refuses, what it keeps, and rows that are
//! not what they should be.

use phagen_domain::{
    job::JobId,
    plugin::{Comparison, ComparisonOutcome, Verb},
};
use phagen_store::{
    COMPARISONS_KEPT, RegistryStore as _, Store as _, StoreError,
    conformance::{
        plugin_specimen::{
            all_events, built_in, digest, recorded, reranker, seeded, slot_move, uploaded,
        },
        specimen::{LEASE, slot_name},
    },
};
use phagen_store_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, PgPool};

use crate::database::{Database, Way};

/// A store and a way to its rows behind its back.
struct Bench {
    store: PostgresStore,
    rows: PgPool,
    database: Database,
}

async fn bench() -> Bench {
    let database = Database::migrated().await;
    Bench {
        store: database.store(Way::Direct).await,
        rows: database.rows().await,
        database,
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
    for sql in [
        "update plugin_event set actor = 'eve'",
        "update plugin_event set seq = seq + 100",
        "delete from plugin_event",
        "delete from plugin_event where seq = 1",
        "truncate plugin_event cascade",
        "insert into plugin_event (seq, at, verb, actor, digest, state)
         select seq, at, verb, 'eve', digest, state from plugin_event
         on conflict (seq) do update set actor = excluded.actor",
    ] {
        let refusal = bench.refusal(sql).await;
        assert!(refusal.contains("never changed"), "{sql}: {refusal}");
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
        "update plugin_version set gate_lease_until = now()",
        "update plugin_version set world = 'moon'",
        "update plugin_version set digest = 'beef'",
        "update plugin_version set signature = '{}'",
        "update plugin_version set manifest = '{'",
        "update plugin_version set size_bytes = -1",
        "update slot set world = 'moon'",
        "update slot set place = -1",
        "update slot set serving = '{}'",
        "update slot set serving = 'x'",
        "update slot set previous = '{\"plugin_digest\":\"beef\"}'",
        "update slot set candidate = '{\"mode\":\"shadow\",\"share\":0.5}'",
        "update slot set candidate = json_build_object('activation', serving, 'mode', 'on', 'share', 1)",
        "update slot set candidate = json_build_object('activation', serving, 'mode', 'canary', 'share', 0)",
        "update slot set candidate = json_build_object('activation', serving, 'mode', 'canary', 'share', 1.1)",
        "update slot set candidate = json_build_object('activation', serving, 'mode', 'canary')",
        "insert into plugin_event (at, verb, actor, digest, state, slot)
         select at, verb, actor, digest, state, 'reranker' from plugin_event limit 1",
        "insert into plugin_event (at, verb, actor, digest, state)
         select at, 'wish', actor, digest, state from plugin_event limit 1",
        "insert into plugin_key values ('k', 'd', 999, now())",
        "insert into host_report values ('', 1, '[]', now())",
        "insert into host_report values ('a', -1, '[]', now())",
        "insert into host_report values ('a', 1, '{}', now())",
        "insert into publisher_key values ('a', '', now(), 'root', null, null)",
    ] {
        let refusal = bench.refusal(sql).await;
        assert!(
            [
                "check constraint",
                "invalid input syntax for type json",
                "foreign key"
            ]
            .iter()
            .any(|reason| refusal.contains(reason)),
            "{sql}: {refusal}"
        );
    }
    let sql = "update slot set candidate =
        json_build_object('activation', serving, 'mode', 'canary', 'share', 1)";
    assert_eq!(bench.write(sql).await.expect("a right one"), 1);
}

#[tokio::test]
async fn of_a_trial_the_newest_comparisons_are_kept() {
    let bench = bench().await;
    let fill = format!(
        "insert into comparison (job_id, slot, serving_digest, candidate_digest, at, outcome)
         select gen_random_uuid(), 'reranker', '{}', '{}', to_timestamp(n), '{{\"outcome\":\"failed\"}}'
         from generate_series(1, {COMPARISONS_KEPT}) as n",
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
    let kept = "select count(*), extract(epoch from min(at))::bigint from comparison
        where slot = 'reranker'";
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
    let spoil = "update slot set serving = (serving::jsonb - 'config')::json";
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

/// Hosts compare the number of the newest event with what they serve, so a number must not show
/// before those below it.
#[tokio::test]
async fn moves_take_turns() {
    let bench = bench().await;
    seeded(&bench.store, &[reranker("old")]).await;
    let before = bench.store.set_generation().await.expect("a number");
    let mut other = bench.rows.begin().await.expect("a transaction");
    let turn = "select pg_advisory_xact_lock(x'70686167656e7267'::bigint)";
    sqlx::query(turn)
        .execute(&mut *other)
        .await
        .expect("the turn");
    let change = slot_move(&reranker("new"), "new", Verb::Activate);
    let (moved, ()) = tokio::join!(bench.store.move_slot(&change), async {
        bench.database.until_someone_waits(&bench.rows).await;
        let meanwhile = bench.store.set_generation().await.expect("a number");
        assert_eq!(meanwhile, before, "readers do not wait");
        other.rollback().await.expect("the turn ends");
    });
    let seq = moved.expect("a move").event.seq;
    let after = bench.store.set_generation().await.expect("a number");
    assert!(seq > before && after == seq);
}

/// Every host of a fleet asks several times a second, however long the record has grown; and each
/// move asks which slots name a version.
#[tokio::test]
async fn what_is_asked_often_is_one_look_into_an_index() {
    let bench = bench().await;
    let fill = format!(
        "insert into plugin_event (at, verb, actor, digest, state, slot, generation)
         select clock(), 'seed', 'host', '{}', 'active', 'slot-' || n % 100, n
         from generate_series(1, 20000) as n",
        digest("old")
    );
    bench.write(&fill).await.expect("a long record");
    bench.write("analyze").await.expect("statistics");
    for (sql, index) in [
        (
            "explain select coalesce(max(seq), 0) from plugin_event where slot is not null",
            "plugin_event",
        ),
        (
            "explain select seq from plugin_event where slot = 'slot-7' and seq > 19000
             order by seq limit 9",
            "plugin_event_slot",
        ),
        (
            "explain select seq from plugin_event where digest = 'd' and seq > 7 order by seq limit 9",
            "plugin_event_digest",
        ),
    ] {
        let plan: Vec<String> = sqlx::query_scalar(sql)
            .fetch_all(&bench.rows)
            .await
            .expect("a plan");
        let plan = plan.join("\n");
        assert!(
            plan.contains("Index") && plan.contains(index),
            "{sql}: {plan}"
        );
        assert!(
            !plan.contains("Seq Scan") && !plan.contains("Sort"),
            "{sql}: {plan}"
        );
    }
}
