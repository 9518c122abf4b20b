//! What the operator sees and says.

pub mod config;
pub mod counters;
pub mod shared;
