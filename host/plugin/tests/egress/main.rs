//! Sources that reach out, from a built component to a real server on loopback and back.

mod address;
mod denial;
mod languages;
mod limit;
mod redirect;
mod replay;
mod room;
mod secret;
mod server;
mod tls;
