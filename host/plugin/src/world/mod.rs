//! What each world offers and asks for, and whether a component fits.
//!
//! Interfaces are linked one by one, only those of the world and the few of WASI that a language's
//! runtime cannot do without; filesystem and sockets are never linked. A component that imports
//! anything else is refused before any of its code runs.

mod check;
mod description;
mod exports;

use phagen_domain::plugin::World;
use wasmtime::{
    Engine,
    component::{Component, HasData, Linker, ResourceTable},
};
use wasmtime_wasi::{
    cli::{WasiCli, WasiCliView},
    clocks::{WasiClocks, WasiClocksView},
    p2::bindings::{cli, clocks, io, random},
    random::{WasiRandom, WasiRandomView},
};
use wasmtime_wasi_http::{WasiHttp, WasiHttpView, p2::bindings::http};

pub use description::{WorldDescription, worlds};
pub(crate) use exports::{Exports, Fitted, Own, Reranker};

use crate::{
    PluginError,
    bindings::v0_1_0::{artifacts, configuration, corpus, log, types},
    engine::{Engines, Purpose},
    guest::{Guest, HasGuest},
};

/// The imports of every world, ready to be given to components.
pub(crate) struct Worlds {
    source: Linker<Guest>,
    mapper: Linker<Guest>,
    reranker: Linker<Guest>,
}

impl Worlds {
    pub(crate) fn link(engines: &Engines) -> Result<Self, PluginError> {
        let linker =
            |world| link(world, engines.of(Purpose::of(world))).map_err(PluginError::engine);
        Ok(Self {
            source: linker(World::Source)?,
            mapper: linker(World::Mapper)?,
            reranker: linker(World::Reranker)?,
        })
    }

    /// Joins a component with the imports of its world, or says what is missing or too much.
    pub(crate) fn fit(&self, world: World, component: &Component) -> Result<Fitted, PluginError> {
        let linker = match world {
            World::Source => &self.source,
            World::Mapper => &self.mapper,
            World::Reranker => &self.reranker,
        };
        check::exports(world, component)?;
        check::imports(world, component)?;
        let pre = linker
            .instantiate_pre(component)
            .map_err(|error| PluginError::invalid(&error))?;
        Fitted::new(world, pre).map_err(|error| PluginError::invalid(&error))
    }
}

/// Whether a component of these exports and imports may be one of `world`; its types are looked at
/// when it is joined with its world.
pub(crate) fn fits(
    world: World,
    exports: &[String],
    imports: &[String],
) -> Result<(), PluginError> {
    let exports: Vec<&str> = exports.iter().map(String::as_str).collect();
    check::exported_names(world, &exports)?;
    check::imported_names(world, imports.iter().map(String::as_str))
}

fn link(world: World, engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    types::add_to_linker::<_, HasGuest>(l, |guest| guest)?;
    log::add_to_linker::<_, HasGuest>(l, |guest| guest)?;
    configuration::add_to_linker::<_, HasGuest>(l, |guest| guest)?;
    artifacts::add_to_linker::<_, HasGuest>(l, |guest| guest)?;
    link_wasi(l)?;
    if world == World::Source {
        corpus::add_to_linker::<_, HasGuest>(l, |guest| guest)?;
        let options = http::types::LinkOptions::default();
        http::types::add_to_linker::<_, WasiHttp>(l, &options, Guest::http)?;
        http::outgoing_handler::add_to_linker::<_, WasiHttp>(l, Guest::http)?;
    }
    Ok(linker)
}

/// What the standard library of Rust and its like import whether or not a plugin uses it.
fn link_wasi(l: &mut Linker<Guest>) -> wasmtime::Result<()> {
    fn table(guest: &mut Guest) -> &mut ResourceTable {
        wasmtime_wasi::WasiView::ctx(guest).table
    }
    io::error::add_to_linker::<_, HasTable>(l, table)?;
    io::poll::add_to_linker::<_, HasTable>(l, table)?;
    io::streams::add_to_linker::<_, HasTable>(l, table)?;
    cli::environment::add_to_linker::<_, WasiCli>(l, Guest::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(l, Guest::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, Guest::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, Guest::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, Guest::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, Guest::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, Guest::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, Guest::cli)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, Guest::clocks)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, Guest::clocks)?;
    random::random::add_to_linker::<_, WasiRandom>(l, Guest::random)?;
    random::insecure::add_to_linker::<_, WasiRandom>(l, Guest::random)?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(l, Guest::random)
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}
