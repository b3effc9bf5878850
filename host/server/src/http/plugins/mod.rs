//! Plugins: uploaded, listed, moved in and out of slots, tried, taken back.
//!
//! An upload is stored and answered 202; the gates are walked elsewhere. A move is a row of the
//! database, which every host of a fleet follows: nothing here runs a plugin.

mod conditions;
mod events;
mod grant;
mod list;
mod logs;
mod moved;
mod refusal;
mod serve;
mod slot;
mod trial;
mod upload;
mod versions;
mod withdraw;

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use phagen_domain::{
    digest::Digest,
    plugin::{PluginName, PluginVersion, SlotName},
};
use utoipa_axum::router::OpenApiRouter;

pub use logs::{GuestLine, GuestLogs};

use super::{
    problem::{Kind, Problem},
    query::QueryParams,
    state::App,
};

/// Least digits by which a version may be named.
const MIN_DIGEST_CHARS: usize = 8;
const DIGEST_CHARS: usize = 64;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .merge(list::router())
        .merge(upload::router())
        .merge(versions::router())
        .merge(serve::router())
        .merge(trial::router())
        .merge(withdraw::router())
        .merge(grant::router())
        .merge(events::router())
        .merge(logs::router())
}

/// The `{name}` of a path.
struct NamePath(PluginName);

impl<S: Send + Sync> FromRequestParts<S> for NamePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = path::<String, S>(parts, state).await?;
        plugin_name(&text).map(Self)
    }
}

/// The version that `{name}` and `{digest}` of a path name.
struct VersionPath(PluginVersion);

impl FromRequestParts<Arc<App>> for VersionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Path((name, digest)) = path::<(String, String), Arc<App>>(parts, app).await?;
        let name = plugin_name(&name)?;
        let found = find_version(app, &digest).await?;
        found.filter(|version| version.name == name).map(Self).ok_or_else(|| {
            Problem::new(
                Kind::VersionNotFound,
                format!("plugin `{name}` has no version `{digest}`: `/api/plugins/{name}` lists those it has"),
            )
        })
    }
}

async fn path<T, S>(parts: &mut Parts, state: &S) -> Result<Path<T>, Problem>
where
    T: serde::de::DeserializeOwned + Send,
    S: Send + Sync,
{
    Path::<T>::from_request_parts(parts, state)
        .await
        .map_err(|error| Problem::new(Kind::InvalidParameter, error.body_text()))
}

fn plugin_name(text: &str) -> Result<PluginName, Problem> {
    text.parse()
        .map_err(|error: phagen_domain::plugin::InvalidPluginName| {
            Problem::of_field(Kind::InvalidParameter, "name", error.to_string())
        })
}

/// The version whose digest begins with `digits`; refused when several do.
async fn find_version(app: &App, digits: &str) -> Result<Option<PluginVersion>, Problem> {
    let invalid = |message: String| Problem::of_field(Kind::InvalidParameter, "digest", message);
    if let Ok(digest) = digits.parse::<Digest>() {
        return Ok(app.store.find_version(digest).await?);
    }
    let is_hexadecimal = digits
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !is_hexadecimal || !(MIN_DIGEST_CHARS..=DIGEST_CHARS).contains(&digits.len()) {
        return Err(invalid(format!(
            "`{digits}` is not a digest: expected its {DIGEST_CHARS} hexadecimal digits, or at least the first {MIN_DIGEST_CHARS}"
        )));
    }
    let mut versions = app.store.list_versions().await?;
    versions.retain(|version| version.digest.to_string().starts_with(digits));
    if versions.len() > 1 {
        return Err(invalid(format!(
            "`{digits}` begins {} digests: write more of it",
            versions.len()
        )));
    }
    Ok(versions.pop())
}

/// `?slot=`, if it is given.
fn slot_parameter(query: &QueryParams) -> Result<Option<SlotName>, Problem> {
    query.parse_one("slot", "a slot name", |text| text.parse().ok())
}

/// Seconds until it is worth asking again what became of an upload.
const RETRY_AFTER_SECONDS: u32 = 1;
