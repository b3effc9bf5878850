//! What `wit/` means in Rust, one module per frozen version of the contract.
//!
//! Generated code only. Its types stop in [`convert`](crate::convert).

pub(crate) mod v0_1_0;
pub(crate) mod v0_2_0;
