//! Components into machine code, once; later loads take it from a folder.
//!
//! The folder is a cache and nothing more: whatever in it is missing, cut short, of another build
//! or not authentic is compiled again without a word. It never holds a component's own bytes.

mod child;
mod machine_code;
mod process;
mod validate;

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use phagen_domain::{digest::Digest, plugin::World};
use wasmtime::Engine;

use crate::{PluginError, WASMTIME_VERSION, engine::Purpose, settings::CompilerProcess};

pub(crate) use machine_code::MachineCode;
pub use process::{CompileLimits, compile_guest, compile_guest_process};
pub(crate) use validate::validate;

/// A component may not be larger than this, in bytes.
pub(crate) const MAX_COMPONENT_BYTES: usize = 32 << 20;

const KEY_BYTES: usize = 32;
const KEY_FILE: &str = "key";

/// Refuses what is no component before any compiler sees it.
pub(crate) fn inspect(bytes: &[u8]) -> Result<(), PluginError> {
    const CORE_MODULE: [u8; 4] = [1, 0, 0, 0];
    const COMPONENT_LAYER: [u8; 2] = [1, 0];
    if bytes.len() > MAX_COMPONENT_BYTES {
        return Err(PluginError::TooLarge {
            size_bytes: bytes.len(),
            max_bytes: MAX_COMPONENT_BYTES,
        });
    }
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(PluginError::Precompiled);
    }
    let found = match bytes.strip_prefix(b"\0asm").map(|rest| rest.get(..4)) {
        None if bytes.is_empty() => "there are none",
        None => "they do not begin with `\\0asm`",
        Some(None) => "they end within the header",
        Some(Some(version)) if *version == CORE_MODULE => {
            "they are a core module; build it with `--target wasm32-wasip2`"
        }
        Some(Some(version)) if version[2..] == COMPONENT_LAYER => return Ok(()),
        Some(Some(_)) => "their header names an unknown format",
    };
    Err(PluginError::NotAComponent {
        found: found.to_owned(),
    })
}

/// The folder of compiled guests.
pub(crate) struct Compiler {
    folder: PathBuf,
    process: CompilerProcess,
    key: [u8; KEY_BYTES],
    /// Compiling takes every core and much memory: one at a time.
    compiling: Mutex<()>,
    n_compiled: AtomicU64,
}

impl Compiler {
    /// Opens the folder, making it and its key when they are not there.
    pub(crate) fn open(folder: &Path, process: CompilerProcess) -> Result<Self, PluginError> {
        make_private_folder(folder).map_err(failed("make", folder))?;
        let path = folder.join(KEY_FILE);
        let key = find_or_make_key(&path).map_err(failed("read or write the key", &path))?;
        Ok(Self {
            folder: folder.to_owned(),
            process,
            key,
            compiling: Mutex::new(()),
            n_compiled: AtomicU64::new(0),
        })
    }

    /// How many components were compiled rather than found, since the folder was opened.
    pub(crate) fn n_compiled(&self) -> u64 {
        self.n_compiled.load(Ordering::Relaxed)
    }

    /// What this build of the host calls the machine code of `digest` for `engine`. The hash is of
    /// Wasmtime's version, the target, the features of this processor and every setting that the
    /// compiler heeds; the version stands beside it for people.
    pub(crate) fn name(digest: Digest, engine: &Engine) -> String {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        format!("{digest}-{WASMTIME_VERSION}-{:016x}.cwasm", hasher.finish())
    }

    /// The machine code kept under `name`, if its authentication code holds.
    pub(crate) fn find(&self, name: &str) -> Option<MachineCode> {
        let code = fs::read(self.folder.join(name)).ok()?;
        let mac = fs::read(self.folder.join(mac_name(name))).ok()?;
        let found = MachineCode::authenticated(code, name, &self.key, &mac);
        if found.is_none() {
            tracing::warn!(
                name,
                "compiled guest `{name}` is not authentic; compiling again"
            );
        }
        found
    }

    /// Bytes of the machine code kept under `name`.
    pub(crate) fn size(&self, name: &str) -> Option<u64> {
        fs::metadata(self.folder.join(name))
            .ok()
            .map(|file| file.len())
    }

    /// Compiles `component` for the engine of `world`.
    pub(crate) fn compile(
        &self,
        world: World,
        component: &[u8],
    ) -> Result<MachineCode, PluginError> {
        validate(component)?;
        let _one = self
            .compiling
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let code = match child::Task::of(&self.process) {
            Some(task) => MachineCode::of_own_child(task.compile(world, component)?)?,
            None => MachineCode::compile(Purpose::of(world), component)?,
        };
        self.n_compiled.fetch_add(1, Ordering::Relaxed);
        Ok(code)
    }

    /// Deletes the machine code of every other digest, and what earlier builds of the host left.
    /// Returns how many files went.
    pub(crate) fn prune(&self, keep: &[Digest], engines: &[&Engine]) -> Result<usize, PluginError> {
        let kept: HashSet<String> = keep
            .iter()
            .flat_map(|digest| engines.iter().map(|engine| Self::name(*digest, engine)))
            .collect();
        let folder = &self.folder;
        let mut n_gone = 0;
        for entry in fs::read_dir(folder).map_err(failed("list", folder))? {
            let path = entry.map_err(failed("list", folder))?.path();
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let code_name = name.strip_suffix(".mac").unwrap_or(name);
            let is_code = Path::new(code_name).extension() == Some(OsStr::new("cwasm"));
            if !is_code || kept.contains(code_name) {
                continue;
            }
            match fs::remove_file(&path) {
                Ok(()) => n_gone += usize::from(code_name == name),
                // Another host of the same folder was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("delete", &path)(error)),
            }
        }
        Ok(n_gone)
    }

    /// Keeps machine code for the next start. Failing to is no reason to refuse the plugin.
    pub(crate) fn keep(&self, name: &str, code: &MachineCode) {
        let mac = code.mac(name, &self.key);
        let kept = write_whole(&self.folder, name, code.bytes())
            .and_then(|()| write_whole(&self.folder, &mac_name(name), mac.as_bytes()));
        if let Err(error) = kept {
            tracing::warn!(%error, name, "cannot keep compiled guest `{name}`; it will be compiled again");
        }
    }
}

fn mac_name(name: &str) -> String {
    format!("{name}.mac")
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Two hosts may start at once: whoever links its file first has made the key of both.
fn find_or_make_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    if let Ok(key) = fs::read(path)
        && let Ok(key) = key.try_into()
    {
        return Ok(key);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    // Readable by nobody else: a temporary file has mode 0600, and renaming keeps it.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let key: [u8; KEY_BYTES] = rand::random();
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => {
            fs::read(path)?.try_into().map_err(|_| {
                io::Error::other("not 32 bytes; delete it, and guests are compiled again")
            })
        }
        Err(lost) => Err(lost.error),
    }
}

/// Nobody ever sees half a file: a name appears once its bytes are on disk.
fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name))
        .map_err(|error| error.error)?;
    Ok(())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PluginError {
    let path = path.to_owned();
    move |source| PluginError::Cache {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

    fn compiled() -> MachineCode {
        MachineCode::compile(Purpose::Scoring, &EMPTY_COMPONENT).unwrap()
    }

    #[test]
    fn what_was_kept_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let compiler = Compiler::open(folder.path(), CompilerProcess::InProcess).unwrap();
        compiler.keep("a.cwasm", &compiled());
        assert!(compiler.find("a.cwasm").is_some());
        // The key outlives the process.
        let again = Compiler::open(folder.path(), CompilerProcess::InProcess).unwrap();
        assert!(again.find("a.cwasm").is_some());
    }

    #[test]
    fn what_was_altered_moved_or_cut_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let compiler = Compiler::open(folder.path(), CompilerProcess::InProcess).unwrap();
        let path = folder.path().join("a.cwasm");
        compiler.keep("a.cwasm", &compiled());
        fs::copy(&path, folder.path().join("b.cwasm")).unwrap();
        fs::copy(
            folder.path().join("a.cwasm.mac"),
            folder.path().join("b.cwasm.mac"),
        )
        .unwrap();
        assert!(compiler.find("b.cwasm").is_none(), "under another name");

        let whole = fs::read(&path).unwrap();
        let mut altered = whole.clone();
        altered[whole.len() / 2] ^= 1;
        for bytes in [&altered[..], &whole[..whole.len() - 1], &[]] {
            fs::write(&path, bytes).unwrap();
            assert!(compiler.find("a.cwasm").is_none());
        }
        fs::write(&path, &whole).unwrap();
        assert!(compiler.find("a.cwasm").is_some());
        fs::remove_file(folder.path().join("a.cwasm.mac")).unwrap();
        assert!(compiler.find("a.cwasm").is_none(), "without its code");
    }

    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    #[test]
    fn machine_code_of_another_processor_has_another_name() {
        let mut any_processor = crate::engine::config(Purpose::Scoring, None);
        any_processor.target("x86_64-unknown-linux-gnu").unwrap();
        let engines = [any_processor, crate::engine::config(Purpose::Scoring, None)]
            .map(|config| Engine::new(&config).unwrap());
        let [any, this] = engines
            .each_ref()
            .map(|engine| Compiler::name(Digest::of(b""), engine));
        assert!(is_x86_feature_beyond_the_first(), "nothing to tell apart");
        assert_ne!(any, this);
    }

    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    fn is_x86_feature_beyond_the_first() -> bool {
        std::arch::is_x86_feature_detected!("sse4.2")
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_folder_or_its_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("guests");
        Compiler::open(&inner, CompilerProcess::InProcess).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&inner), 0o700);
        assert_eq!(mode(&inner.join(KEY_FILE)), 0o600);
    }

    #[test]
    fn only_components_pass_the_door() {
        assert!(inspect(&EMPTY_COMPONENT).is_ok());
        for (bytes, code) in [
            (&b""[..], "plugin_not_a_component"),
            (b"#!/bin/sh", "plugin_not_a_component"),
            (b"\0as", "plugin_not_a_component"),
            (b"\0asm\x0d", "plugin_not_a_component"),
            (b"\0asm\x01\0\0\0", "plugin_not_a_component"),
            (b"\0asm\x0d\0\x02\0", "plugin_not_a_component"),
            (&vec![0; MAX_COMPONENT_BYTES + 1], "plugin_too_large"),
            (compiled().bytes(), "plugin_precompiled"),
        ] {
            assert_eq!(inspect(bytes).unwrap_err().code(), code);
        }
    }
}
