//! Meta commands (PROTOCOL 2): the answers.

use super::{About, Flags, Status, base64};

/// The answer of ms and md, and of ma where it has no number: a code, then what the flags ask
/// for, in their order.
pub(super) fn outcome(flags: &Flags<'_>, status: Status, about: &About<'_>, out: &mut Vec<u8>) {
    let code = match status {
        Status::Stored | Status::Deleted | Status::Touched => "HD",
        Status::NotStored => "NS",
        Status::Exists => "EX",
        Status::NotFound => "NF",
        Status::TooLarge
        | Status::NoMemoryToStore
        | Status::NoMemoryToVivify
        | Status::OutOfMemory
        | Status::NonNumeric => {
            out.extend_from_slice(status.line().as_bytes());
            out.extend_from_slice(b"\r\n");
            return;
        }
    };
    if flags.quiet && code == "HD" {
        return;
    }
    out.extend_from_slice(code.as_bytes());
    for (letter, argument) in flags.iter() {
        match letter {
            b'O' => opaque(argument, out),
            b'k' => key(about.key, flags.base64_key, out),
            b'c' if status != Status::Deleted => number(b'c', about.cas, out),
            b's' if status != Status::Deleted => number(b's', about.len as u64, out),
            _ => {}
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn opaque(argument: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b" O");
    out.extend_from_slice(argument);
}

/// ` k<key>`, and ` b` behind one that had to be encoded.
fn key(key: &[u8], binary: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b" k");
    if binary {
        base64::encode(key, out);
        out.extend_from_slice(b" b");
    } else {
        out.extend_from_slice(key);
    }
}

fn number(letter: u8, number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b' ', letter]);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
