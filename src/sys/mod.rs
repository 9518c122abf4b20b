//! What the system and the processor offer, made safe to call with any argument: mostly libc.

#![allow(unsafe_code)]

pub mod biased;
pub mod cpu;
pub mod lazy;
pub mod memory;
pub mod process;
pub mod signal;
pub mod socket;
pub mod terminal;
