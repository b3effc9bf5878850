//! Why a package could not be read or written.

use phagen_domain::plugin::World;

/// What was tried on what, and what to do next. Causes that are libraries' own are told as text:
/// no caller decides by them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    #[error("`plugin.toml` line {line}, column {column}{}: {message}", at_key(key))]
    Manifest {
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// Dotted path, such as `grant.http[0].path`; empty where the file is no TOML.
        key: String,
        message: String,
    },
    #[error(
        "the manifest in the component is not valid{}: {message}; build the plugin again",
        at_key(key)
    )]
    EmbeddedManifest { key: String, message: String },
    #[error("`{what}` has {size} bytes, more than the {limit} that are allowed")]
    TooLarge {
        what: &'static str,
        size: usize,
        limit: usize,
    },
    #[error(
        "this is not WebAssembly: it begins with {found} instead of `\\0asm`; give the `.wasm` file of a component"
    )]
    NotWasm { found: String },
    #[error(
        "this is a core module, not a component; build it for `wasm32-wasip2`, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    #[error(
        "the component is cut off: it ends at byte {at}, inside a section; send it again whole"
    )]
    CutOff { at: usize },
    #[error("the component is malformed at byte {at}: {message}; build it again")]
    Malformed { at: usize, message: String },
    #[error(
        "the component is no plugin: it exports {exported}, and none of `phagen:plugin/search`, `phagen:plugin/mapping` and `phagen:plugin/reranking`; implement one of the worlds of `phagen:plugin`"
    )]
    NoWorld { exported: String },
    #[error(
        "the component exports what makes it a plugin of {exported} at once; export one of them, or name the world in `plugin.toml`"
    )]
    SeveralWorlds { exported: String },
    #[error(
        "the manifest says world `{manifest}`, but the component exports that of {exported}; correct `plugin.world` in `plugin.toml`"
    )]
    OtherWorld { manifest: World, exported: String },
    #[error(
        "the component has two sections `{section}`, so nobody can tell which one counts; build it again"
    )]
    DoubleSection { section: &'static str },
    #[error("golden cases: {}{message}", at_place(key))]
    Golden { key: String, message: String },
    #[error("the software list is not CycloneDX JSON: {message}")]
    Sbom { message: String },
    #[error("`{what}` cannot be read: {message}")]
    Dependencies { what: &'static str, message: String },
    #[error(
        "this is not a minisign public key: {message}; expected the base64 line of a `.pub` file"
    )]
    PublicKey { message: String },
    #[error("the secret key cannot be used: {message}")]
    SecretKey { message: String },
    #[error("the types of the component cannot be read: {message}")]
    Types { message: String },
    #[error("`{reference}` is no place in a registry: {message}")]
    Reference { reference: String, message: String },
    #[error("cannot {action} `{reference}`: {message}")]
    Registry {
        /// `push`, `pull` and the like.
        action: &'static str,
        reference: String,
        message: String,
    },
    #[error("`phagen.lock` cannot be read: {message}")]
    Lock { message: String },
    #[error(
        "`{reference}` has {what} `{found}`, but `phagen.lock` says `{locked}`: it was changed since; if that is meant, remove its entry from the lock and pull again"
    )]
    LockedOtherwise {
        reference: String,
        what: &'static str,
        locked: String,
        found: String,
    },
}

fn at_key(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!(", key `{key}`")
    }
}

fn at_place(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("at `{key}`: ")
    }
}
