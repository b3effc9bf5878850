//! What each world offers and asks for, for people and tools that hold a component against it.

use phagen_domain::plugin::World;

use super::check;

/// One kind of plugin as this host knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldDescription {
    pub world: World,
    /// The versions of the contract in which the host serves it, the oldest first.
    pub contracts: Vec<&'static str>,
    /// Interfaces that a component may import; it may do without any.
    pub imports: Vec<&'static str>,
    /// Interfaces that it may export: `lifecycle`, and one of the others.
    pub exports: Vec<&'static str>,
}

/// All worlds of this host.
pub fn worlds() -> Vec<WorldDescription> {
    [World::Source, World::Mapper, World::Reranker]
        .map(describe)
        .into()
}

fn describe(world: World) -> WorldDescription {
    let own = check::own_exports(world).iter().rev().copied();
    let mut contracts: Vec<_> = own.clone().filter_map(contract).collect();
    contracts.dedup();
    WorldDescription {
        world,
        contracts,
        imports: check::offered(world).collect(),
        exports: [check::LIFECYCLE].into_iter().chain(own).collect(),
    }
}

/// The contract that an interface belongs to.
fn contract(interface: &str) -> Option<&'static str> {
    let (_, version) = interface.split_once('@')?;
    crate::CONTRACTS
        .into_iter()
        .find(|contract| contract.ends_with(&format!("@{version}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_world_names_its_contracts_and_its_interfaces() {
        let [source, mapper, reranker] = worlds().try_into().unwrap();
        assert_eq!(source.contracts, ["phagen:plugin@0.1.0"]);
        assert_eq!(mapper.contracts, ["phagen:plugin@0.1.0"]);
        assert_eq!(reranker.contracts, crate::CONTRACTS);
        assert_eq!(
            reranker.exports,
            [
                "phagen:plugin/lifecycle@0.1.0",
                "phagen:plugin/reranking@0.1.0",
                "phagen:plugin/packed-reranking@0.2.0",
                "phagen:plugin/reranking@0.2.0",
            ]
        );
        let reaches_out = |described: &WorldDescription| {
            let http = "wasi:http/outgoing-handler@0.2.12";
            described.imports.contains(&http)
        };
        assert!(reaches_out(&source));
        assert!(!reaches_out(&mapper) && !reaches_out(&reranker));
    }
}
