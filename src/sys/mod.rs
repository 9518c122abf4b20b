//! libc and nothing but libc: each wrapper is safe to call with any argument.

#![allow(unsafe_code)]

pub mod cpu;
pub mod lazy;
pub mod memory;
pub mod process;
pub mod signal;
pub mod socket;
pub mod terminal;
