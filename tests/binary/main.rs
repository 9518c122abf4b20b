//! The binary protocol over a real socket, by topic. A test's name is the behaviour, its body the
//! conversation.

#[path = "../common/mod.rs"]
mod common;

mod arith;
mod cas;
mod choice;
mod flush;
mod get_set;
mod large;
mod malformed;
mod quiet;
mod split;
mod stat;
mod touch;

/// The opcodes.
#[rustfmt::skip]
mod op {
    pub const GET: u8 = 0x00;
    pub const SET: u8 = 0x01;
    pub const ADD: u8 = 0x02;
    pub const REPLACE: u8 = 0x03;
    pub const DELETE: u8 = 0x04;
    pub const INCREMENT: u8 = 0x05;
    pub const DECREMENT: u8 = 0x06;
    pub const QUIT: u8 = 0x07;
    pub const FLUSH: u8 = 0x08;
    pub const GETQ: u8 = 0x09;
    pub const NOOP: u8 = 0x0a;
    pub const VERSION: u8 = 0x0b;
    pub const GETK: u8 = 0x0c;
    pub const GETKQ: u8 = 0x0d;
    pub const APPEND: u8 = 0x0e;
    pub const PREPEND: u8 = 0x0f;
    pub const STAT: u8 = 0x10;
    pub const TOUCH: u8 = 0x1c;
    pub const GAT: u8 = 0x1d;
    pub const GATQ: u8 = 0x1e;
    pub const GATK: u8 = 0x23;
    pub const GATKQ: u8 = 0x24;
    /// Of a storage command, a delete or an arithmetic one: its quiet twin is so much further.
    pub const QUIET: u8 = 0x10;
}
