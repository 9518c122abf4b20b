//! What operators ask over a real socket: page moves, queues, the crawler, dumps, the memory limit.
//! The answers to every wrong line stand in the unit tests of `commands`; here is what takes time,
//! streams, or concerns others.

#[path = "../common/mod.rs"]
mod common;

mod counters;
mod dumps;
#[cfg(feature = "debug-commands")]
mod holds;
mod memory;
mod switches;
