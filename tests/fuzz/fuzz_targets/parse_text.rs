//! Any bytes at all to the text parser: no panic, lengths inside the input, the same answer
//! whatever part is known to hold no line end, and no request before its last byte.

#![no_main]

mod lines;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| lines::check(data, |_| ()));
