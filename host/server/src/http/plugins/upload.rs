//! `POST /api/plugins`: bytes in, a version in state `uploaded`, 202. What the bytes do is for the
//! gates; here only their sections are read.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use phagen_domain::plugin::{Cause, PluginName, PluginVersion, Verb, VersionState};
use phagen_package::{Package, PackageError, signature::MAX_MINISIG_BYTES};
use phagen_store::NewVersion;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{RETRY_AFTER_SECONDS, plugin_name};
use crate::{
    causes,
    http::{
        body::{check_media_type, read_whole},
        door::Operator,
        problem::{Kind, Problem, ProblemBody},
        query::QueryParams,
        state::App,
    },
};

const MEDIA_TYPE: &str = "application/wasm";
const SIGNATURE: HeaderName = HeaderName::from_static("x-phagen-signature");
/// The lines of a signature file, and how the first begins.
const N_MINISIG_LINES: usize = 4;
const MINISIG_COMMENT: &str = "untrusted comment:";

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(upload))
}

/// Upload a component
///
/// Answers at once; the version then walks through its gates, and serves when it is activated. The
/// same bytes again make no second version, but a rejected one starts over.
#[utoipa::path(
    post, path = "/api/plugins", operation_id = "upload_plugin", tag = "plugins",
    params(
        ("name" = Option<String>, Query, description = "Name of a plugin whose component has no manifest"),
        ("X-PhaGen-Signature" = Option<String>, Header, description = "The signature file in minisign's format, in base64")),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component; at most 32 MiB unless the host says otherwise"),
    responses(
        (status = 202, description = "Stored; its gates come next", body = PluginVersion, headers(
            ("Location" = String, description = "Address of the version"),
            ("Retry-After" = u32, description = "Seconds until it is worth asking"))),
        (status = 200, description = "Stored before", body = PluginVersion, headers(
            ("Location" = String, description = "Address of the version"))),
        (status = 400, description = "The body broke off, or a parameter or header is invalid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed, or this one is not let in", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope `operate`; or a host without operators was called from another machine", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive in time", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The component is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not sent as WebAssembly", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The bytes are not a plugin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many uploads are under way", body = ProblemBody, content_type = "application/problem+json")))]
async fn upload(
    State(app): State<Arc<App>>,
    operator: Operator,
    query: QueryParams,
    request: Request,
) -> Result<Response, Problem> {
    let query = query.only(&["name"])?;
    let name = query.one("name")?.map(plugin_name).transpose()?;
    check_media_type(request.headers(), MEDIA_TYPE, |essence| {
        essence == MEDIA_TYPE
    })?;
    let minisig = minisig(request.headers())?;
    let _permit = app
        .upload_permits
        .try_acquire()
        .map_err(|_| too_many(&app))?;
    let limits = app.limits;
    let bytes = read_whole(request, limits.component_bytes, limits.body_timeout).await?;
    let version = NewVersion {
        minisig,
        ..store(&app, bytes, name).await?
    };
    let cause = Cause {
        verb: Verb::Upload,
        actor: operator.0,
        reason: None,
    };
    let (version, is_new) = app.store.record_version(&version, &cause).await?;
    app.uploads.notify_one();
    Ok(answer(version, is_new))
}

fn too_many(app: &App) -> Problem {
    Problem::new(
        Kind::TooManyUploads,
        format!(
            "{} components are being uploaded; try again soon",
            app.limits.n_uploads
        ),
    )
}

/// The signature file, as far as it can be judged without the keys.
fn minisig(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let invalid =
        |message: &str| Problem::of_field(Kind::InvalidHeader, "X-PhaGen-Signature", message);
    let mut given = headers.get_all(SIGNATURE).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    if given.next().is_some() {
        return Err(invalid("is given more than once"));
    }
    let file = BASE64_STANDARD
        .decode(value.as_bytes())
        .map_err(|error| invalid(&format!("is not base64 of a signature file: {error}")))?;
    if file.len() > MAX_MINISIG_BYTES {
        return Err(invalid(&format!(
            "has {} bytes: a signature file has at most {MAX_MINISIG_BYTES}",
            file.len()
        )));
    }
    let text = String::from_utf8(file)
        .map_err(|_| invalid("is not a signature file: its bytes are not UTF-8"))?;
    if !text.starts_with(MINISIG_COMMENT) || text.lines().count() != N_MINISIG_LINES {
        return Err(invalid(
            "is not a signature file: expected the four lines of a `.minisig` file",
        ));
    }
    Ok(Some(text))
}

/// Reads what the component says of itself, then keeps its bytes.
async fn store(app: &App, bytes: Bytes, name: Option<PluginName>) -> Result<NewVersion, Problem> {
    let given = bytes.clone();
    // A component of a language with a runtime has 18 MB: off the async threads.
    let read = tokio::task::spawn_blocking(move || {
        let package = Package::read(&given).map_err(|error| refused(&error))?;
        described(package, name)
    });
    let version = read.await.map_err(|error| {
        tracing::error!(%error, "reading a component was interrupted: {error}");
        failed()
    })??;
    app.blobs.put(bytes).await.map_err(|error| {
        let causes = causes::told(&error);
        tracing::error!(error = %causes, "component cannot be stored: {error}");
        if error.is_retriable() {
            Problem::new(
                Kind::StorageUnavailable,
                "the object store did not answer, and nothing was stored; try again soon",
            )
        } else {
            failed()
        }
    })?;
    Ok(version)
}

fn refused(error: &PackageError) -> Problem {
    Problem::new(Kind::NotAPlugin, error.to_string())
}

fn failed() -> Problem {
    Problem::new(
        Kind::Internal,
        "the component cannot be stored; the log names the cause under this request id",
    )
}

fn described(package: Package, name: Option<PluginName>) -> Result<NewVersion, Problem> {
    let own = package
        .manifest
        .as_ref()
        .map(|manifest| manifest.plugin.name.clone());
    let name = match (own, name) {
        (Some(own), Some(given)) if own != given => {
            let message = format!("its manifest names the plugin `{own}`: leave `name` out");
            return Err(Problem::of_field(Kind::InvalidParameter, "name", message));
        }
        (Some(own), _) => own,
        (None, Some(given)) => given,
        (None, None) => {
            return Err(Problem::new(
                Kind::NotAPlugin,
                "the component has no manifest: build it with `phagen plugin build`, or name the plugin with `?name=`",
            ));
        }
    };
    Ok(NewVersion {
        digest: package.digest,
        name,
        version: package
            .manifest
            .as_ref()
            .map(|manifest| manifest.plugin.version.clone()),
        world: package.world,
        size_bytes: package.size_bytes,
        minisig: None,
        manifest: package.manifest,
        built_in: false,
        state: VersionState::Uploaded,
    })
}

fn answer(version: PluginVersion, is_new: bool) -> Response {
    let location = format!("/api/plugins/{}/versions/{}", version.name, version.digest);
    let status = if is_new {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    let mut response = (status, [(header::LOCATION, location)], Json(version)).into_response();
    if is_new {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    }
    response
}
