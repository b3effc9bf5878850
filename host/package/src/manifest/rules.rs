//! What a manifest must hold beyond what its types say.

use phagen_domain::plugin::{Grant, HttpGrant, InstancePolicy, LimitRequest, Manifest, World};

use super::Fault;

/// What a 32-bit guest can address.
const MAX_MEMORY_BYTES: u64 = 4 << 30;
/// Characters of a text for people.
const MAX_TEXT_CHARS: usize = 1_000;
/// Bytes of a secret's name.
const MAX_SECRET_NAME_BYTES: usize = 64;

pub(super) fn check(manifest: &Manifest) -> Result<(), Fault> {
    check_facts(manifest)?;
    check_grant(manifest.plugin.world, &manifest.grant)?;
    check_limits(&manifest.limits)?;
    check_instance(&manifest.instance)?;
    match &manifest.self_test.cases {
        Some(cases) => check_file_name(cases),
        None => Ok(()),
    }
}

fn check_facts(manifest: &Manifest) -> Result<(), Fault> {
    let facts = &manifest.plugin;
    if let Err(error) = semver::Version::parse(&facts.version) {
        return fault(
            "plugin.version",
            format!(
                "`{}` is not a semantic version ({error}); write it as `1.2.3`",
                facts.version
            ),
        );
    }
    for (key, text) in [
        ("plugin.license", &facts.license),
        ("plugin.description", &facts.description),
        ("plugin.repository", &facts.repository),
    ] {
        let Some(text) = text else { continue };
        if text.trim().is_empty() {
            return fault(key, "it is empty; write it or leave the key out");
        }
        if text.chars().count() > MAX_TEXT_CHARS || text.chars().any(is_control) {
            return fault(
                key,
                format!("expected at most {MAX_TEXT_CHARS} characters, none of them for control"),
            );
        }
    }
    Ok(())
}

fn is_control(c: char) -> bool {
    c.is_control() && c != '\n'
}

fn check_grant(world: World, grant: &Grant) -> Result<(), Fault> {
    if world != World::Source {
        let asked = [
            ("grant.corpus", grant.corpus),
            ("grant.http", !grant.http.is_empty()),
        ];
        if let Some((key, _)) = asked.into_iter().find(|(_, is_asked)| *is_asked) {
            return fault(
                key,
                format!(
                    "only a source reaches out, and this is a {world}; leave the key out, or make the plugin a source"
                ),
            );
        }
    }
    grant
        .http
        .iter()
        .enumerate()
        .try_for_each(|(n, place)| check_place(&format!("grant.http[{n}]"), place))
}

fn check_place(key: &str, place: &HttpGrant) -> Result<(), Fault> {
    if place.methods.is_empty() {
        return fault(
            format!("{key}.methods"),
            "no method is named; write `[\"GET\"]`, or leave the key out",
        );
    }
    for (n, method) in place.methods.iter().enumerate() {
        let is_token =
            !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        if !is_token {
            return fault(
                format!("{key}.methods[{n}]"),
                format!("`{method}` is not a method in capitals, such as `GET`"),
            );
        }
    }
    check_path(&format!("{key}.path"), &place.path)?;
    for (n, secret) in place.secrets.iter().enumerate() {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let is_named = !secret.is_empty() && secret.len() <= MAX_SECRET_NAME_BYTES;
        if !is_named || !secret.bytes().all(allowed) {
            return fault(
                format!("{key}.secrets[{n}]"),
                format!(
                    "`{secret}` is not the name of a secret: expected 1 to {MAX_SECRET_NAME_BYTES} letters, digits, `-` and `_`"
                ),
            );
        }
    }
    if place.private_addresses {
        return fault(
            format!("{key}.private_addresses"),
            "only an operator can open private addresses, in the grant of the slot; leave the key out",
        );
    }
    Ok(())
}

fn check_path(key: &str, path: &str) -> Result<(), Fault> {
    if !path.starts_with('/') {
        return fault(key, format!("`{path}` does not begin with `/`"));
    }
    if path.contains("..") || path.contains('\\') || path.contains('%') {
        return fault(
            key,
            format!("`{path}` holds `..`, a backslash or `%`; write the plain path"),
        );
    }
    if path.contains(['?', '#']) || !path.bytes().all(|b| b.is_ascii_graphic()) {
        return fault(
            key,
            format!("`{path}` is not a path in plain ASCII without query and fragment"),
        );
    }
    Ok(())
}

fn check_limits(limits: &LimitRequest) -> Result<(), Fault> {
    for (key, limit) in [
        ("limits.memory_bytes", limits.memory_bytes),
        ("limits.deadline_milliseconds", limits.deadline_milliseconds),
        (
            "limits.init_deadline_milliseconds",
            limits.init_deadline_milliseconds,
        ),
        ("limits.output_bytes", limits.output_bytes),
    ] {
        if limit == Some(0) {
            return fault(
                key,
                "a limit is more than 0; leave the key out for the host's own",
            );
        }
    }
    match limits.memory_bytes {
        Some(bytes) if bytes > MAX_MEMORY_BYTES => fault(
            "limits.memory_bytes",
            format!("a guest can address 4 GiB ({MAX_MEMORY_BYTES} bytes) at most"),
        ),
        _ => Ok(()),
    }
}

fn check_instance(policy: &InstancePolicy) -> Result<(), Fault> {
    let Some(keep) = policy.keep else {
        return Ok(());
    };
    for (key, is_zero) in [
        ("instance.keep.max_calls", keep.max_calls == 0),
        ("instance.keep.max_age_seconds", keep.max_age_seconds == 0),
        ("instance.keep.max_memory_bytes", keep.max_memory_bytes == 0),
    ] {
        if is_zero {
            return fault(
                key,
                "it must be more than 0; leave `[instance.keep]` out for a fresh instance for each call",
            );
        }
    }
    Ok(())
}

fn check_file_name(name: &str) -> Result<(), Fault> {
    let path = std::path::Path::new(name);
    let is_below = path
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    if name.is_empty() || name.contains('\\') || !is_below {
        return fault(
            "self_test.cases",
            format!("`{name}` is not a file beside `plugin.toml` or below it"),
        );
    }
    Ok(())
}

fn fault(key: impl Into<String>, message: impl Into<String>) -> Result<(), Fault> {
    Err(Fault {
        key: key.into(),
        message: message.into(),
    })
}
