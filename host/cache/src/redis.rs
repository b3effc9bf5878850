//! The tier that processes on many machines share: Redis, or what speaks its protocol. Everything
//! in it may be lost at any time.
//!
//! A connection is made when it is first needed and made again by itself. Nothing here scans keys.

use std::time::Duration;

use ::redis::{
    Client, Cmd, ErrorKind, IntoConnectionInfo as _, Pipeline, RedisError, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cmd, pipe,
};
use async_trait::async_trait;
use phagen_domain::digest::Digest;
use phagen_store::{CacheTier, CacheTierError, Generations};
use uuid::Uuid;

/// Further attempts at a connection, within one call: the next call is the next attempt.
const N_RETRIES: usize = 0;

/// Deletes a lock that is still the caller's, and no other.
const UNLOCK: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";

/// Where Redis is.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisSettings {
    /// `redis://user:password@host:port/database`, or `rediss://` for TLS.
    pub url: String,
    /// Before every key, so that others may use the same database.
    pub prefix: String,
    /// Certificates in PEM that count in place of the public ones.
    pub roots: Option<Vec<u8>>,
    /// Longest wait for a connection, and then for an answer on it.
    pub timeout: Duration,
}

/// The address may hold a password.
impl std::fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisSettings")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Why there can be no connection, whatever the server does.
#[derive(Debug, thiserror::Error)]
#[error(
    "the address of Redis cannot be used ({kind:?}): expected `redis://user:password@host:port/database`, or `rediss://` for TLS with roots that are certificates in PEM"
)]
pub struct InvalidRedis {
    kind: ErrorKind,
}

impl From<RedisError> for InvalidRedis {
    /// Its words stay behind: they may hold the address.
    fn from(error: RedisError) -> Self {
        Self { kind: error.kind() }
    }
}

pub struct RedisTier {
    connection: ConnectionManager,
    prefix: String,
}

impl RedisTier {
    /// Makes no connection yet. Needs the runtime of tokio; TLS needs a process-wide provider.
    pub fn open(settings: &RedisSettings) -> Result<Self, InvalidRedis> {
        let address = settings.url.as_str().into_connection_info()?;
        let client = match &settings.roots {
            None => Client::open(address)?,
            Some(roots) => Client::build_with_tls(
                address,
                TlsCertificates {
                    client_tls: None,
                    root_cert: Some(roots.clone()),
                },
            )?,
        };
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(settings.timeout))
            .set_response_timeout(Some(settings.timeout))
            .set_number_of_retries(N_RETRIES);
        Ok(Self {
            connection: ConnectionManager::new_lazy_with_config(client, config)?,
            prefix: settings.prefix.clone(),
        })
    }

    fn entry(&self, key: Digest) -> String {
        format!("{}:cache:{key}", self.prefix)
    }

    fn lock_name(&self, key: Digest) -> String {
        format!("{}:cache-lock:{key}", self.prefix)
    }

    fn counters(&self) -> String {
        format!("{}:cache-generations", self.prefix)
    }

    async fn run<T: ::redis::FromRedisValue>(
        &self,
        tried: &'static str,
        command: &Cmd,
    ) -> Result<T, CacheTierError> {
        let mut connection = self.connection.clone();
        let answer = command.query_async(&mut connection).await;
        answer.map_err(|error| CacheTierError::new(tried, error))
    }

    async fn run_all<T: ::redis::FromRedisValue>(
        &self,
        tried: &'static str,
        commands: &Pipeline,
    ) -> Result<T, CacheTierError> {
        let mut connection = self.connection.clone();
        let answer = commands.query_async(&mut connection).await;
        answer.map_err(|error| CacheTierError::new(tried, error))
    }

    /// In one transaction, and with counters that were never there, or were lost, begun anew.
    fn transaction(&self) -> Pipeline {
        let mut commands = pipe();
        commands.atomic();
        let counters = self.counters();
        let base = Uuid::new_v4().simple().to_string();
        commands.hset_nx(&counters, BASE, base).ignore();
        commands
    }
}

/// Fields beside the counters, which are numbers.
const BASE: &str = "base";
const VERSION: &str = "version";

#[async_trait]
impl CacheTier for RedisTier {
    fn name(&self) -> &'static str {
        "redis"
    }

    async fn get(&self, key: Digest) -> Result<Option<Vec<u8>>, CacheTierError> {
        self.run("read an answer", cmd("GET").arg(self.entry(key)))
            .await
    }

    async fn put(
        &self,
        key: Digest,
        value: &[u8],
        lifetime: Duration,
    ) -> Result<(), CacheTierError> {
        let milliseconds = lifetime.as_millis().max(1).to_string();
        let mut command = cmd("SET");
        command.arg(self.entry(key)).arg(value);
        self.run("keep an answer", command.arg("PX").arg(milliseconds))
            .await
    }

    async fn lock(
        &self,
        key: Digest,
        token: Uuid,
        lifetime: Duration,
    ) -> Result<bool, CacheTierError> {
        let milliseconds = lifetime.as_millis().max(1).to_string();
        let mut command = cmd("SET");
        command
            .arg(self.lock_name(key))
            .arg(token.simple().to_string())
            .arg("NX");
        let answer: Option<String> = self
            .run("take a lock", command.arg("PX").arg(milliseconds))
            .await?;
        Ok(answer.is_some())
    }

    async fn unlock(&self, key: Digest, token: Uuid) -> Result<(), CacheTierError> {
        let mut command = cmd("EVAL");
        command.arg(UNLOCK).arg(1).arg(self.lock_name(key));
        let token = token.simple().to_string();
        self.run("give a lock back", command.arg(token)).await
    }

    async fn generations(&self, known: &str) -> Result<Option<Generations>, CacheTierError> {
        const TRIED: &str = "read the counters";
        let mut command = cmd("HMGET");
        command.arg(self.counters()).arg(BASE).arg(VERSION);
        let (base, version): (Option<String>, Option<String>) = self.run(TRIED, &command).await?;
        if base.is_some() && known == version_of(base.as_deref(), version.as_deref()) {
            return Ok(None);
        }
        let mut commands = self.transaction();
        let (fields,): (Vec<(String, String)>,) = self
            .run_all(TRIED, commands.hgetall(self.counters()))
            .await?;
        Ok(Some(read_counters(&fields)))
    }

    async fn bump(&self, bucket: u16) -> Result<(), CacheTierError> {
        let mut commands = self.transaction();
        let counters = self.counters();
        commands.hincr(&counters, bucket, 1).ignore();
        commands.hincr(&counters, VERSION, 1).ignore();
        self.run_all("move a counter", &commands).await
    }
}

fn version_of(base: Option<&str>, version: Option<&str>) -> String {
    let (base, version) = (base.unwrap_or_default(), version.unwrap_or("0"));
    format!("{base}/{version}")
}

fn read_counters(fields: &[(String, String)]) -> Generations {
    let field = |name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    };
    Generations {
        version: version_of(field(BASE), field(VERSION)),
        base: field(BASE)
            .and_then(|base| base.parse().ok())
            .unwrap_or_default(),
        buckets: fields
            .iter()
            .filter_map(|(field, value)| Some((field.parse().ok()?, value.parse().ok()?)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_nowhere() {
        let settings = RedisSettings {
            url: "redis://ada:s3cret@db:1/x".to_owned(),
            prefix: "phagen".to_owned(),
            roots: None,
            timeout: Duration::from_millis(300),
        };
        assert!(!format!("{settings:?}").contains("s3cret"));
        let error = RedisTier::open(&settings).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        assert!(error.to_string().contains("redis://user:password@"));
    }

    #[test]
    fn counters_are_read_whatever_else_stands_beside_them() {
        let fields = [
            ("base", "a"),
            ("version", "3"),
            ("0", "2"),
            ("70000", "1"),
            ("x", "y"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let read = read_counters(&fields);
        assert_eq!((read.version.as_str(), read.buckets), ("a/3", vec![(0, 2)]));
        assert_eq!(read.base, Uuid::nil());
    }
}
