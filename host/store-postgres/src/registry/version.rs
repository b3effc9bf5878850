//! Versions as rows: stored once by digest, held by one worker at a gate, moved from the state that
//! the move was decided on.

use std::time::Duration;

use chrono::{DateTime, Utc};
use phagen_domain::{
    digest::Digest,
    plugin::{Cause, PluginVersion, Signature, Verb, VersionState, World},
};
use phagen_store::{NewVersion, StoreError, VersionMove};
use sqlx::{FromRow, PgConnection};

use super::{
    event::{self, NewEvent},
    settle,
};
use crate::{
    PostgresStore,
    row::{corrupt, failed, from_json, integer, milliseconds, number, parse, to_json},
};

/// Named one by one: a statement stays prepared while a migration may add a column, and one that
/// asks for all of them would then fail.
macro_rules! version {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " digest, name, version, world, size_bytes, state, reason, signature::text, minisig,
    manifest::text, built_in, array_to_json(gates)::text as gates, uploaded_at, uploaded_by ",
            $after
        )
    };
}

/// A rejected version starts over: it takes the row, and a new place in the order of uploads.
const RECORD: &str = version!(
    "
insert into plugin_version (digest, name, version, world, size_bytes, state, signature, minisig,
    manifest, built_in, gates, uploaded_at, uploaded_by)
values ($1, $2, $3, $4, $5, $6, $7::json, $8, $9::json, $10, '{}', clock(), $11)
on conflict (digest) do update set
    seq = excluded.seq, name = excluded.name, version = excluded.version, world = excluded.world,
    size_bytes = excluded.size_bytes, state = excluded.state, reason = null,
    signature = excluded.signature, minisig = excluded.minisig, manifest = excluded.manifest,
    built_in = excluded.built_in, gates = excluded.gates, uploaded_at = excluded.uploaded_at,
    uploaded_by = excluded.uploaded_by, gate_lease_until = null
returning",
    ""
);

const FIND: &str = version!("select", "from plugin_version where digest = $1");

const LIST: &str = version!("select", "from plugin_version order by seq desc");

/// Claimers walk past what others hold. Committed before the row is read, so that one which cannot
/// be read is in nobody's way until its hold ends.
const CLAIM: &str = version!(
    "
with due as (
    select seq from plugin_version
    where state in ('uploaded', 'verified', 'compiled')
      and coalesce(gate_lease_until, '-infinity') <= clock()
    order by seq limit 1
    for no key update skip locked
)
update plugin_version set gate_lease_until = clock() + $1 * interval '1 millisecond'
from due where plugin_version.seq = due.seq
returning",
    ""
);

const MOVE: &str = version!(
    "
update plugin_version set
    state = $3,
    gates = case when $4::text is null then gates else array_append(gates, $4::json) end,
    signature = coalesce($5::json, signature),
    reason = $6,
    gate_lease_until = null
where digest = $1 and state = $2
returning",
    ""
);

#[derive(FromRow)]
struct VersionRow {
    digest: String,
    name: String,
    version: Option<String>,
    world: String,
    size_bytes: i64,
    state: String,
    reason: Option<String>,
    signature: String,
    minisig: Option<String>,
    manifest: Option<String>,
    built_in: bool,
    gates: String,
    uploaded_at: DateTime<Utc>,
    uploaded_by: String,
}

impl VersionRow {
    fn into_version(self) -> Result<PluginVersion, StoreError> {
        const TABLE: &str = "plugin_version";
        Ok(PluginVersion {
            digest: parse(TABLE, &self.digest)?,
            name: parse(TABLE, &self.name)?,
            version: self.version,
            world: World::from_name(&self.world)
                .ok_or_else(|| corrupt(TABLE, format!("`{}` is not a world", self.world)))?,
            size_bytes: number(TABLE, "size_bytes", self.size_bytes)?,
            state: VersionState::from_name(&self.state)
                .ok_or_else(|| corrupt(TABLE, format!("`{}` is not a state", self.state)))?,
            signature: from_json(TABLE, "signature", &self.signature)?,
            minisig: self.minisig,
            manifest: self
                .manifest
                .map(|manifest| from_json(TABLE, "manifest", &manifest))
                .transpose()?,
            built_in: self.built_in,
            gates: from_json(TABLE, "gates", &self.gates)?,
            reason: self.reason,
            uploaded_at: self.uploaded_at,
            uploaded_by: self.uploaded_by,
        })
    }
}

pub(super) async fn record(
    store: &PostgresStore,
    version: &NewVersion,
    cause: &Cause,
) -> Result<(PluginVersion, bool), StoreError> {
    const TRIED: &str = "record a plugin version";
    let is_there = |found: &PluginVersion| found.state != VersionState::Rejected;
    // Every host records its built-in versions at every start: mostly there is nothing to do.
    if let Some(found) = find(store, version.digest).await?.filter(is_there) {
        return Ok((found, false));
    }
    let mut transaction = store.begin_move(TRIED).await?;
    if let Some(found) = find_in(&mut transaction, version.digest)
        .await?
        .filter(is_there)
    {
        return Ok((found, false));
    }
    // A slot may have been seeded, or carried over from an older schema, before its version was
    // recorded.
    let state = match settle::role(&mut transaction, version.digest).await? {
        Some(role) if version.state.may_serve() => role,
        _ => version.state,
    };
    let manifest = version.manifest.as_ref();
    let row: VersionRow = sqlx::query_as(RECORD)
        .bind(version.digest.to_string())
        .bind(version.name.as_str())
        .bind(version.version.as_deref())
        .bind(version.world.as_str())
        .bind(integer(version.size_bytes))
        .bind(state.as_str())
        .bind(to_json(TRIED, &Signature::NotSigned)?)
        .bind(version.minisig.as_deref())
        .bind(
            manifest
                .map(|manifest| to_json(TRIED, manifest))
                .transpose()?,
        )
        .bind(version.built_in)
        .bind(&cause.actor)
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let cause = Cause {
        verb: if version.built_in {
            Verb::Seed
        } else {
            Verb::Upload
        },
        ..cause.clone()
    };
    record_event(&mut transaction, version.digest, state, &cause).await?;
    transaction.commit().await.map_err(failed(TRIED))?;
    Ok((row.into_version()?, true))
}

pub(super) async fn find(
    store: &PostgresStore,
    digest: Digest,
) -> Result<Option<PluginVersion>, StoreError> {
    let mut reader = store
        .pool
        .acquire()
        .await
        .map_err(failed("find a plugin version"))?;
    find_in(&mut reader, digest).await
}

pub(super) async fn list(store: &PostgresStore) -> Result<Vec<PluginVersion>, StoreError> {
    let rows: Vec<VersionRow> = sqlx::query_as(LIST)
        .fetch_all(&store.pool)
        .await
        .map_err(failed("list the plugin versions"))?;
    rows.into_iter().map(VersionRow::into_version).collect()
}

pub(super) async fn claim(
    store: &PostgresStore,
    lease: Duration,
) -> Result<Option<PluginVersion>, StoreError> {
    let row: Option<VersionRow> = sqlx::query_as(CLAIM)
        .bind(milliseconds(lease))
        .fetch_optional(&store.pool)
        .await
        .map_err(failed("claim a plugin version"))?;
    row.map(VersionRow::into_version).transpose()
}

pub(super) async fn change(
    store: &PostgresStore,
    change: &VersionMove,
) -> Result<PluginVersion, StoreError> {
    const TRIED: &str = "move a plugin version";
    let gate = change.gate.as_ref().map(|gate| to_json(TRIED, gate));
    let signature = change.signature.as_ref();
    let is_refusal = matches!(
        change.to,
        VersionState::Rejected | VersionState::Quarantined
    );
    let reason = change.cause.reason.as_deref().filter(|_| is_refusal);
    let mut transaction = store.begin_move(TRIED).await?;
    // The turn was taken before, so no slot takes it up meanwhile.
    if change.to == VersionState::Quarantined
        && settle::role(&mut transaction, change.digest)
            .await?
            .is_some()
    {
        return Err(StoreError::VersionServes(change.digest));
    }
    let moved: Option<VersionRow> = sqlx::query_as(MOVE)
        .bind(change.digest.to_string())
        .bind(change.from.as_str())
        .bind(change.to.as_str())
        .bind(gate.transpose()?)
        .bind(
            signature
                .map(|signature| to_json(TRIED, signature))
                .transpose()?,
        )
        .bind(reason)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(TRIED))?;
    let Some(moved) = moved else {
        let found = find_in(&mut transaction, change.digest).await?;
        return Err(
            found.map_or(StoreError::UnknownVersion(change.digest), |found| {
                StoreError::VersionMoved {
                    digest: change.digest,
                    expected: change.from,
                    found: found.state,
                }
            }),
        );
    };
    record_event(&mut transaction, change.digest, change.to, &change.cause).await?;
    transaction.commit().await.map_err(failed(TRIED))?;
    moved.into_version()
}

async fn find_in(
    connection: &mut PgConnection,
    digest: Digest,
) -> Result<Option<PluginVersion>, StoreError> {
    let row: Option<VersionRow> = sqlx::query_as(FIND)
        .bind(digest.to_string())
        .fetch_optional(connection)
        .await
        .map_err(failed("find a plugin version"))?;
    row.map(VersionRow::into_version).transpose()
}

/// An event that changed no slot.
async fn record_event(
    transaction: &mut PgConnection,
    digest: Digest,
    state: VersionState,
    cause: &Cause,
) -> Result<(), StoreError> {
    let event = NewEvent {
        cause,
        digest,
        state,
        slot: None,
    };
    event::record(transaction, event).await.map(drop)
}
