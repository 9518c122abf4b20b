//! The classic text protocol over a real socket, by topic. A test's name is the behaviour, its body
//! the conversation.

#[path = "../common/mod.rs"]
mod common;

mod arith;
mod big_values;
mod cas;
mod delete_touch;
#[cfg(feature = "debug-commands")]
mod expiry;
mod flush;
mod get_set;
mod limits;
mod malformed;
mod multiget;
mod noreply;
mod split;
mod stats;
mod stats_counts;
