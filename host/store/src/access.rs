//! Keys of those who call the API: what each may do, how long, and whether it was taken back. Only
//! the hash of a key is ever stored; nothing here sees a key itself.

use std::{collections::BTreeSet, fmt, str::FromStr};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use phagen_domain::digest::Digest;

use crate::StoreError;

/// What a key lets its holder do. Each stands for itself: none includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// See jobs, results, votes, what serves and what the host says of itself.
    Read,
    /// Submit jobs and cancel them.
    Submit,
    /// Vote on evidence.
    Feedback,
    /// Change what serves, and whatever else of the host the API lets change.
    Operate,
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a scope: expected `read`, `submit`, `feedback` or `operate`")]
pub struct InvalidScope(String);

impl Scope {
    pub const ALL: [Self; 4] = [Self::Read, Self::Submit, Self::Feedback, Self::Operate];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Feedback => "feedback",
            Self::Operate => "operate",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| InvalidScope(text.to_owned()))
    }
}

/// What one key lets its holder do; written as its names with a space between.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.write_str(&names.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        text.split_whitespace().map(Scope::from_str).collect()
    }
}

/// A key that shall be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// Who or what holds it; unique for good, since the record of changes names it.
    pub name: String,
    /// The first characters of the key, by which people tell it from others.
    pub prefix: String,
    /// Of the whole key.
    pub hash: Digest,
    pub scopes: Scopes,
    pub created_by: String,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub name: String,
    pub prefix: String,
    pub hash: Digest,
    pub scopes: Scopes,
    pub created_at: DateTime<Utc>,
    pub created_by: String,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// To the minute; none before the first use.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was read, by the database's clock.
    pub standing: Standing,
}

/// Whether a key lets anyone in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Live,
    Expired,
    Revoked,
}

impl Standing {
    /// At `now`; a key that was taken back stays so whatever its time says.
    pub fn at(
        now: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
        revoked_at: Option<DateTime<Utc>>,
    ) -> Self {
        if revoked_at.is_some() {
            Self::Revoked
        } else if expires_at.is_some_and(|expires_at| expires_at <= now) {
            Self::Expired
        } else {
            Self::Live
        }
    }
}

#[async_trait]
pub trait KeyStore: Send + Sync {
    /// [`StoreError::ApiKeyExists`] when any key ever had the name. An expiry in the past is
    /// stored as it is: the key is then expired from the beginning.
    async fn add_api_key(&self, key: &NewApiKey) -> Result<ApiKey, StoreError>;

    /// [`StoreError::UnknownApiKey`]. A key that was revoked before stays revoked since then.
    async fn revoke_api_key(&self, name: &str, revoked_by: &str) -> Result<ApiKey, StoreError>;

    /// By name, the expired and the revoked too.
    async fn list_api_keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Every key that begins so, whatever its standing; whether one of them was given is for the
    /// caller to tell by its hash, in a time that does not say how much of it fits.
    async fn find_api_keys(&self, prefix: &str) -> Result<Vec<ApiKey>, StoreError>;

    /// The key was used in this minute of the database's clock. At most one write a minute: a
    /// second call within it changes nothing.
    async fn touch_api_key(&self, name: &str) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn scopes_are_written_as_they_are_read() {
        let some: Scopes = "submit  read submit".parse().unwrap();
        assert_eq!(some.to_string(), "read submit");
        assert!(some.allow(Scope::Submit) && !some.allow(Scope::Operate));
        assert_eq!(Scopes::all().to_string(), "read submit feedback operate");
        assert!("read,submit".parse::<Scopes>().is_err());
        assert!("Read".parse::<Scope>().is_err());
    }

    #[test]
    fn a_key_stands_until_its_time_or_its_revocation() {
        let now = DateTime::UNIX_EPOCH;
        let (before, after) = (now - TimeDelta::seconds(1), now + TimeDelta::seconds(1));
        assert_eq!(Standing::at(now, None, None), Standing::Live);
        assert_eq!(Standing::at(now, Some(after), None), Standing::Live);
        assert_eq!(Standing::at(now, Some(now), None), Standing::Expired);
        assert_eq!(
            Standing::at(now, Some(before), Some(after)),
            Standing::Revoked
        );
    }
}
