//! slabd: a memcached-protocol cache daemon.
//!
//! (The map, the layers and the invariants: written when the pieces stand.)

pub mod commands;
pub mod ops;
pub mod protocol;
pub mod server;
pub mod store;
mod sync;
pub mod sys;
