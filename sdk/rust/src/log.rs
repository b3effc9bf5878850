//! Lines in the host's log, under the plugin's name. The host keeps at most 200 a call.
//!
//! The message reads alone; the fields filter: `log::info("table is loaded", &[("n_rows", "75000")])`.

use crate::host;

#[doc(inline)]
pub use crate::bindings::host::phagen::plugin::log::Level;

/// Something failed, and someone should look.
pub fn error(message: &str, fields: &[(&str, &str)]) {
    host::emit(Level::Error, message, fields);
}

/// Something is off, and the answer is the poorer for it.
pub fn warn(message: &str, fields: &[(&str, &str)]) {
    host::emit(Level::Warn, message, fields);
}

/// Something worth knowing happened.
pub fn info(message: &str, fields: &[(&str, &str)]) {
    host::emit(Level::Info, message, fields);
}

/// Something that only the plugin's author wants to know.
pub fn debug(message: &str, fields: &[(&str, &str)]) {
    host::emit(Level::Debug, message, fields);
}
