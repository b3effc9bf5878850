//! The other side of the border: the real host in a guest, the test harness in a native build.
//! Both offer the same few names, so that nothing above this folder knows where it runs.

#[cfg(target_arch = "wasm32")]
mod guest;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wire;

#[cfg(target_arch = "wasm32")]
pub(crate) use guest::{ArtifactHandle, Host, emit};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{ArtifactHandle, Host, Recorder, emit, send_http};
#[cfg(target_arch = "wasm32")]
pub(crate) use wire::send_http;
