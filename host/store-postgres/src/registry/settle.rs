//! The states of versions as they follow from the slots. Run inside the transaction that changed a
//! slot, after the change.

use phagen_domain::{
    digest::Digest,
    plugin::{Cause, Verb, VersionState},
};
use phagen_store::StoreError;
use sqlx::PgConnection;

use crate::row::{corrupt, failed};

/// What the slots make of a version, and what it is.
const FIND: &str = "
select
    case
        when exists (select 1 from slot where serving_digest = $1) then 'active'
        when exists (select 1 from slot where candidate_digest = $1 and candidate_mode = 'canary')
            then 'canary'
        when exists (select 1 from slot where candidate_digest = $1) then 'shadow'
    end,
    (select state from plugin_version where digest = $1)";

/// A hold ends too: whatever gate was at work, the version has moved on.
const MOVE: &str = "
update plugin_version set state = $2, reason = $3, gate_lease_until = null where digest = $1";

/// Brings one version up to date and returns its state; for one that was never recorded, the state
/// that it would have. `cause` is that of the event, when the event is about this version.
pub(super) async fn settle(
    transaction: &mut PgConnection,
    digest: Digest,
    cause: Option<&Cause>,
) -> Result<VersionState, StoreError> {
    let (role, found) = find(transaction, digest).await?;
    let is_quarantine = cause.is_some_and(|cause| cause.verb == Verb::Quarantine);
    let state = settled(role, found.unwrap_or(VersionState::Active), is_quarantine);
    let is_quarantined_now = state == VersionState::Quarantined && is_quarantine;
    if found.is_some_and(|found| found != state) || is_quarantined_now {
        let reason = cause
            .filter(|_| is_quarantined_now)
            .and_then(|cause| cause.reason.as_deref());
        sqlx::query(MOVE)
            .bind(digest.to_string())
            .bind(state.as_str())
            .bind(reason)
            .execute(transaction)
            .await
            .map_err(failed("settle the state of a plugin version"))?;
    }
    Ok(state)
}

/// What the slots make of a version: it serves, is tried, or neither.
pub(super) async fn role(
    transaction: &mut PgConnection,
    digest: Digest,
) -> Result<Option<VersionState>, StoreError> {
    Ok(find(transaction, digest).await?.0)
}

/// The state of a version; none when it was never recorded.
pub(super) async fn state(
    transaction: &mut PgConnection,
    digest: Digest,
) -> Result<Option<VersionState>, StoreError> {
    Ok(find(transaction, digest).await?.1)
}

async fn find(
    transaction: &mut PgConnection,
    digest: Digest,
) -> Result<(Option<VersionState>, Option<VersionState>), StoreError> {
    let (role, found): (Option<String>, Option<String>) = sqlx::query_as(FIND)
        .bind(digest.to_string())
        .fetch_one(transaction)
        .await
        .map_err(failed("find what slots make of a plugin version"))?;
    let state = |name: Option<String>| {
        name.map(|name| {
            VersionState::from_name(&name)
                .ok_or_else(|| corrupt("plugin_version", format!("`{name}` is not a state")))
        })
        .transpose()
    };
    Ok((state(role)?, state(found)?))
}

/// The rule itself.
fn settled(role: Option<VersionState>, found: VersionState, is_quarantine: bool) -> VersionState {
    use VersionState as S;
    match (role, found) {
        (Some(role), _) => role,
        (None, _) if is_quarantine => S::Quarantined,
        (None, S::Shadow | S::Canary | S::Active) => S::Draining,
        (None, found) => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_no_slot_names_drains_once() {
        use VersionState as S;
        for found in VersionState::ALL {
            let expected = match found {
                S::Shadow | S::Canary | S::Active => S::Draining,
                found => found,
            };
            assert_eq!(settled(None, found, false), expected, "{found:?}");
            assert_eq!(settled(None, found, true), S::Quarantined, "{found:?}");
            assert_eq!(settled(Some(S::Active), found, true), S::Active);
        }
    }
}
