//! What the operator sees and says.

pub mod args;
pub mod conf_file;
pub mod config;
pub mod counters;
pub mod logging;
pub mod passwd;
pub mod prefix;
pub mod shared;
pub mod startup;
pub mod stats;
pub mod users;
pub mod watch;

/// The version of memcached that clients gate on: what `version`, `-V` and `STAT version` answer.
/// slabd's own is `STAT slabd_version`.
pub const VERSION: &str = "1.6.45";
