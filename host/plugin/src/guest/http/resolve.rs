//! Whose word counts on where a name leads. Asked once a request: the answer is checked and then
//! connected to, so that no second answer can be another.

use std::{io, net::IpAddr};

use async_trait::async_trait;

/// Turns a name into addresses.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// Every address of `host`, which is a name and never an address.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks as the machine is set up to.
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        // The port is of no matter here, and the function wants one.
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_machine_knows_itself() {
        let found = SystemResolver.resolve("localhost").await.unwrap();
        assert!(!found.is_empty());
        assert!(found.iter().all(IpAddr::is_loopback), "{found:?}");
    }
}
