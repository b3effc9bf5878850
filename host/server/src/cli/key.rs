//! `phagen key create | list | revoke | new`: keys of those who call the API. A key is shown once;
//! the database, or the settings for one of `new`, keeps only its hash.
//!
//! They work on the database itself, not through a host: whoever may read it may let others in.

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Days, Utc};
use clap::Subcommand;
use phagen_domain::clock::Clock as _;
use phagen_store::{ApiKey, NewApiKey, Scope, Standing, Store};

use super::write;
use crate::{
    access_key::AccessKey,
    audit::HeadLog,
    clock::SystemClock,
    config::{Operators, Settings},
    house::open_store,
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a key, store its hash in the database, and print it this once.
    Create {
        /// Who or what shall hold it; the record of changes gets the name, which is used once.
        name: String,
        /// What it allows: `read`, `submit`, `feedback`, `operate`; several with commas between.
        #[arg(long, required = true, value_delimiter = ',', value_name = "SCOPE")]
        scope: Vec<Scope>,
        /// It stops counting after so many days; otherwise it counts until it is revoked.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        days: Option<u16>,
    },
    /// Every key of the database and of the settings, by name: how it begins, never the key itself.
    List,
    /// Let a key in no more; running hosts follow within a second.
    Revoke { name: String },
    /// Make a key that the settings let in: it allows everything, and works before there is a
    /// database.
    New {
        /// Who shall hold it; the record of changes gets the name.
        name: String,
    },
}

pub(super) async fn run(settings: Settings, command: Command) -> Result<()> {
    match command {
        Command::Create { name, scope, days } => create(&settings, name, scope, days).await,
        Command::List => list(&settings).await,
        Command::Revoke { name } => revoke(&settings, &name).await,
        Command::New { name } => new(&name),
    }
}

async fn create(
    settings: &Settings,
    name: String,
    scope: Vec<Scope>,
    days: Option<u16>,
) -> Result<()> {
    check_name(&name)?;
    if settings.operator.has(&name) {
        bail!(
            "`{name}` is an operator in the settings, and the record of changes could not tell the two apart: take another name"
        );
    }
    let key = AccessKey::draw(&mut rand::rng());
    let now = SystemClock.now();
    let store = open_store(settings).await?;
    let added = store
        .add_api_key(&NewApiKey {
            name,
            prefix: key.prefix(),
            hash: key.hash(),
            scopes: scope.into_iter().collect(),
            created_by: Operators::LOCAL.to_owned(),
            expires_at: days.and_then(|days| now.checked_add_days(Days::new(days.into()))),
        })
        .await?;
    note_head(settings, store.as_ref()).await?;
    write::note(
        "the key, shown this once; send it as `Authorization: Bearer KEY`, or set `client.key`:",
    );
    write::line(key.reveal());
    write::note(&told(&added));
    Ok(())
}

async fn list(settings: &Settings) -> Result<()> {
    let keys = open_store(settings).await?.list_api_keys().await?;
    for key in &keys {
        write::line(&told(key));
    }
    for name in settings.operator.names() {
        write::line(&format!("{name:<24} (in the settings) allows everything"));
    }
    if keys.is_empty() && settings.operator.is_empty() {
        write::note("no keys yet: `phagen key create NAME --scope read,submit` makes one");
    }
    Ok(())
}

async fn revoke(settings: &Settings, name: &str) -> Result<()> {
    if settings.operator.has(name) {
        bail!("`{name}` is in the settings: take `operator.{name}` out of those of each host");
    }
    let store = open_store(settings).await?;
    let revoked = store.revoke_api_key(name, Operators::LOCAL).await?;
    note_head(settings, store.as_ref()).await?;
    write::line(&told(&revoked));
    Ok(())
}

/// The change is made by then; where no host runs, nobody else notes it.
async fn note_head(settings: &Settings, store: &dyn Store) -> Result<()> {
    let log = HeadLog::of(settings);
    let head = store.audit_head().await?;
    log.note(head).await.with_context(|| {
        format!(
            "the change is made, but not noted in `{}`",
            log.path().display()
        )
    })
}

fn new(name: &str) -> Result<()> {
    check_name(name)?;
    let key = AccessKey::draw(&mut rand::rng());
    write::note("the key, shown this once; give it to `--key`, or set `client.key`:");
    write::line(key.reveal());
    write::note("\nfor the settings of each host:");
    write::line(&format!("[operator]\n\"{name}\" = \"{}\"", key.hash()));
    Ok(())
}

fn check_name(name: &str) -> Result<()> {
    if !Operators::is_name(name) {
        bail!(
            "`{name}` cannot be the name of a key: take 1 to 64 of `a-z`, `0-9`, `-`, `_` and `.`, and neither `host` nor `local`"
        );
    }
    Ok(())
}

fn told(key: &ApiKey) -> String {
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let standing = match (key.standing, key.revoked_at, key.expires_at) {
        (Standing::Revoked, Some(at), _) => format!("revoked on {}", day(at)),
        (Standing::Revoked, None, _) => "revoked".to_owned(),
        (Standing::Expired, ..) => "expired".to_owned(),
        (Standing::Live, _, Some(at)) => format!("counts until {}", day(at)),
        (Standing::Live, _, None) => "counts".to_owned(),
    };
    let used = key.last_used_at.map_or_else(
        || "never used".to_owned(),
        |at| format!("last used {}", at.format("%Y-%m-%d %H:%M")),
    );
    format!(
        "{:<24} {}… allows {:<29} made on {} by {:<12} {standing}, {used}",
        key.name,
        key.prefix,
        key.scopes.to_string(),
        day(key.created_at),
        key.created_by
    )
}

#[cfg(test)]
mod tests {
    use phagen_domain::digest::Digest;

    use super::*;

    #[test]
    fn a_line_says_what_a_key_allows_and_whether_it_counts() {
        let key = ApiKey {
            name: "ci".to_owned(),
            prefix: "phagen_01234567".to_owned(),
            hash: Digest::of(b"ci"),
            scopes: [Scope::Read, Scope::Submit].into_iter().collect(),
            created_at: DateTime::UNIX_EPOCH,
            created_by: "local".to_owned(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            standing: Standing::Live,
        };
        let line = told(&key);
        assert!(
            line.contains("phagen_01234567… allows read submit"),
            "{line}"
        );
        assert!(line.ends_with("counts, never used"), "{line}");
        assert!(!line.contains(&key.hash.to_string()), "{line}");
        let revoked = ApiKey {
            revoked_at: Some(DateTime::UNIX_EPOCH),
            standing: Standing::Revoked,
            last_used_at: Some(DateTime::UNIX_EPOCH),
            ..key
        };
        let line = told(&revoked);
        assert!(
            line.ends_with("revoked on 1970-01-01, last used 1970-01-01 00:00"),
            "{line}"
        );
    }
}
