//! The bytes of requests, and of the answers they must get, in each dialect.

use crate::workloads::{Dialect, KEY_LEN, Kind, REWRITTEN, push_key, push_value};

/// The first byte of a packet, and the opcodes that are used.
const REQUEST: u8 = 0x80;
const REPLY: u8 = 0x81;
const GET: u8 = 0x00;
const SET: u8 = 0x01;
const NOOP: u8 = 0x0a;
const GETKQ: u8 = 0x0d;

/// Bytes of a packet's header, and where its CAS stands.
const HEADER_LEN: usize = 24;
const CAS_AT: usize = 16;

/// Appends one request.
pub fn push_request(
    dialect: Dialect,
    kind: Kind,
    keys: &[u32],
    value_len: usize,
    out: &mut Vec<u8>,
) {
    match (dialect, kind) {
        (_, Kind::Set) => push_set(dialect, keys[0], REWRITTEN, value_len, out),
        (Dialect::Text, _) => {
            out.extend_from_slice(b"get");
            for &key in keys {
                out.push(b' ');
                push_key(key, kind, out);
            }
            out.extend_from_slice(b"\r\n");
        }
        (Dialect::Meta { with_key }, _) => {
            let many = keys.len() > 1;
            for &key in keys {
                out.extend_from_slice(b"mg ");
                push_key(key, kind, out);
                out.extend_from_slice(if with_key { b" k v" } else { b" v" });
                out.extend_from_slice(if many { b" q\r\n" } else { b"\r\n" });
            }
            out.extend_from_slice(if many { b"mn\r\n" } else { b"" });
        }
        (Dialect::Binary, _) => {
            let many = keys.len() > 1;
            for &key in keys {
                push_header([REQUEST, if many { GETKQ } else { GET }], (0, KEY_LEN, 0), 0, out);
                push_key(key, kind, out);
            }
            if many {
                push_header([REQUEST, NOOP], (0, 0, 0), 0, out);
            }
        }
    }
}

/// Appends a set of key `index` with its value.
pub fn push_set(dialect: Dialect, index: u32, generation: u8, value_len: usize, out: &mut Vec<u8>) {
    let (before, behind) = match dialect {
        Dialect::Text => ("set ", format!(" 0 0 {value_len}\r\n")),
        Dialect::Meta { .. } => ("ms ", format!(" {value_len}\r\n")),
        Dialect::Binary => {
            push_header([REQUEST, SET], (8, KEY_LEN, value_len), 0, out);
            out.extend_from_slice(&[0; 8]);
            push_key(index, Kind::Set, out);
            return push_value(index, generation, value_len, out);
        }
    };
    out.extend_from_slice(before.as_bytes());
    push_key(index, Kind::Set, out);
    out.extend_from_slice(behind.as_bytes());
    push_value(index, generation, value_len, out);
    out.extend_from_slice(b"\r\n");
}

/// Appends the answer that a request must get, values being of `generation`. A CAS, which nobody
/// can know, is 0 (see [`blank_cas`]).
pub fn push_reply(
    dialect: Dialect,
    kind: Kind,
    keys: &[u32],
    generation: u8,
    value_len: usize,
    out: &mut Vec<u8>,
) {
    let many = keys.len() > 1;
    let hits = if kind == Kind::Get { keys } else { &[] };
    for &key in hits {
        match dialect {
            Dialect::Text => {
                out.extend_from_slice(b"VALUE ");
                push_key(key, kind, out);
                out.extend_from_slice(format!(" 0 {value_len}\r\n").as_bytes());
            }
            Dialect::Meta { with_key } => {
                out.extend_from_slice(format!("VA {value_len}").as_bytes());
                if with_key {
                    out.extend_from_slice(b" k");
                    push_key(key, kind, out);
                }
                out.extend_from_slice(b"\r\n");
            }
            Dialect::Binary => {
                let (opcode, key_len) = if many { (GETKQ, KEY_LEN) } else { (GET, 0) };
                push_header([REPLY, opcode], (4, key_len, value_len), 0, out);
                out.extend_from_slice(&[0; 4]);
                if many {
                    push_key(key, kind, out);
                }
            }
        }
        push_value(key, generation, value_len, out);
        out.extend_from_slice(dialect.value_end());
    }
    match (dialect, kind) {
        (Dialect::Text, Kind::Set) => out.extend_from_slice(b"STORED\r\n"),
        (Dialect::Text, _) => out.extend_from_slice(b"END\r\n"),
        (Dialect::Meta { .. }, Kind::Set) => out.extend_from_slice(b"HD\r\n"),
        (Dialect::Meta { .. }, Kind::Miss) => out.extend_from_slice(b"EN\r\n"),
        (Dialect::Meta { .. }, Kind::Get) if many => out.extend_from_slice(b"MN\r\n"),
        (Dialect::Binary, Kind::Set) => push_header([REPLY, SET], (0, 0, 0), 0, out),
        (Dialect::Binary, Kind::Miss) => {
            push_header([REPLY, GET], (0, 0, b"Not found".len()), 1, out);
            out.extend_from_slice(b"Not found");
        }
        (Dialect::Binary, Kind::Get) if many => push_header([REPLY, NOOP], (0, 0, 0), 0, out),
        (Dialect::Meta { .. } | Dialect::Binary, Kind::Get) => {}
    }
}

/// Appends the header of a packet: magic and opcode; how long extras, key and value are.
fn push_header(
    [magic, opcode]: [u8; 2],
    (extras, key, value): (usize, usize, usize),
    status: u16,
    out: &mut Vec<u8>,
) {
    let mut header = [0; HEADER_LEN];
    (header[0], header[1], header[4]) = (magic, opcode, extras as u8);
    header[2..4].copy_from_slice(&(key as u16).to_be_bytes());
    header[6..8].copy_from_slice(&status.to_be_bytes());
    header[8..12].copy_from_slice(&((extras + key + value) as u32).to_be_bytes());
    out.extend_from_slice(&header);
}

/// Sets the CAS of every packet to 0.
pub fn blank_cas(mut packets: &mut [u8]) {
    while let Some((header, rest)) = packets.split_at_mut_checked(HEADER_LEN) {
        header[CAS_AT..].fill(0);
        let body = u32::from_be_bytes([header[8], header[9], header[10], header[11]]) as usize;
        packets = rest.get_mut(body..).unwrap_or_default();
    }
}
