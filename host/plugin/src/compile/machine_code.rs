//! Machine code that this host made itself, and the one place that loads it.
//!
//! [`MachineCode`] is the proof: it comes from the compiler, here or in a child process, or from a
//! file whose authentication code holds, and from nowhere else.

use wasmtime::{Engine, Precompiled, component::Component};

use crate::{
    PluginError,
    engine::{Purpose, config},
};

pub(crate) struct MachineCode(Vec<u8>);

impl MachineCode {
    /// Compiles in an engine of its own: this line of Wasmtime never frees the memory that a
    /// compiler took, but an engine that goes does.
    pub(super) fn compile(purpose: Purpose, component: &[u8]) -> Result<Self, PluginError> {
        let engine = Engine::new(&config(purpose, None)).map_err(PluginError::engine)?;
        engine
            .precompile_component(component)
            .map(Self)
            .map_err(|error| PluginError::invalid(&error))
    }

    /// Takes what a child process wrote that this process started from its own program: the child
    /// got the component and nothing else, and no one but it and us holds the pipe. That, and not
    /// the look at the header, is why the bytes are trusted.
    pub(super) fn of_own_child(bytes: Vec<u8>) -> Result<Self, PluginError> {
        if Engine::detect_precompiled(&bytes) != Some(Precompiled::Component) {
            return Err(PluginError::CompileCrashed {
                what: format!("it wrote {} bytes that are no machine code", bytes.len()),
            });
        }
        Ok(Self(bytes))
    }

    /// Takes bytes as machine code if `mac` was made of them and `name` with `key`.
    pub(super) fn authenticated(
        bytes: Vec<u8>,
        name: &str,
        key: &[u8; 32],
        mac: &[u8],
    ) -> Option<Self> {
        let code = Self(bytes);
        let mac = blake3::Hash::from_slice(mac).ok()?;
        // The comparison of two hashes takes the same time wherever they differ.
        (code.mac(name, key) == mac).then_some(code)
    }

    pub(super) fn mac(&self, name: &str, key: &[u8; 32]) -> blake3::Hash {
        blake3::Hasher::new_keyed(key)
            .update(name.as_bytes())
            .update(&[0])
            .update(&self.0)
            .finalize()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Makes it callable. Fails when it was compiled for another engine.
    #[expect(
        unsafe_code,
        reason = "`deserialize` trusts its bytes to come from `precompile_component` unaltered, which is what this type proves; the copy in memory is what was authenticated, so no file can change underneath it"
    )]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        let component = unsafe { Component::deserialize(engine, &self.0) }?;
        // Else the first call pays for it.
        component.initialize_copy_on_write_image()?;
        Ok(component)
    }
}
