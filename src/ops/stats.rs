//! Statistics as names and values: what `stats` answers, and what metrics will show. Nothing here
//! knows how they are sent.
//!
//! Names, meanings and order are memcached's (PROTOCOL 6), for whatever means something here.
//! slabd's own fields stand at the end. What memcached has and slabd has not:
//!
//! | fields | why not |
//! |---|---|
//! | `response_obj_*`, `read_buf_*` but `_oom` | no such pools: see `buffer_bytes` |
//! | `proxy_*`, `extstore_*`, `*_extstore`, `ext_*`, `memory_file` | no proxy, no flash tier |
//! | `ssl_*`, `time_since_server_cert_refresh` | no TLS yet |
//! | `inline_ascii_response`, `drop_privileges` | long without effect |
//!
//! A field that a later feature brings is shown from then on. Of what cannot happen here the count
//! is shown, as 0.

mod general;
mod items;
mod memory;
mod settings;

pub use general::general;
pub use items::{items, sizes, slabs};
pub use memory::memory;
pub use settings::settings;

use std::fmt::{Display, Write};

use super::config::Config;
use super::shared::Shared;
use crate::store::StoreStats;

/// Everything statistics are made from.
pub struct Sources<'a> {
    /// The settings.
    pub config: &'a Config,
    /// Clock, switches, counts of workers and of the listener.
    pub shared: &'a Shared,
    /// The engine's counts, just taken.
    pub store: &'a StoreStats,
}

/// Receives each statistic: name, value.
pub type Visit<'a> = dyn FnMut(&str, &str) + 'a;

/// Formats values for a visitor, in one buffer.
struct Lines<'v, 'a> {
    visit: &'v mut Visit<'a>,
    name: String,
    value: String,
}

impl<'v, 'a> Lines<'v, 'a> {
    fn new(visit: &'v mut Visit<'a>) -> Self {
        Lines { visit, name: String::new(), value: String::new() }
    }

    /// One statistic.
    fn stat(&mut self, name: impl Display, value: impl Display) {
        self.name.clear();
        self.value.clear();
        let _ = write!(self.name, "{name}"); // writing to a String cannot fail
        let _ = write!(self.value, "{value}");
        (self.visit)(&self.name, &self.value);
    }
}

#[cfg(test)]
mod tests;
