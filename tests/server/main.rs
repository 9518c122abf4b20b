//! Connections and the process: what clients can do to a daemon besides asking it something. Rows
//! are those of the list of faults a cache must survive: a bad client costs itself only.

#[path = "../common/mod.rs"]
mod common;

mod deadlines;
mod faults;
mod half_close;
mod leaks;
mod maxconns;
mod pipelining;
mod process;
mod reset;
mod signals;
mod slow_reader;
mod unix;
