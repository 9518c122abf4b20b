//! Binary packets, as far as these tests need them.

use crate::common::Client;

pub const LIST: u8 = 0x20;
pub const AUTH: u8 = 0x21;
pub const STEP: u8 = 0x22;

/// Status codes (PROTOCOL 3.1).
pub const OK: u16 = 0;
pub const INVALID: u16 = 0x04;
pub const FAILED: u16 = 0x20;
pub const CONTINUE: u16 = 0x21;
pub const UNKNOWN: u16 = 0x81;

/// A request: opcode, extras, key, value.
pub fn packet(opcode: u8, extras: &[u8], key: &str, value: &str) -> Vec<u8> {
    let body = extras.len() + key.len() + value.len();
    let mut bytes = vec![0x80, opcode, 0, key.len() as u8, extras.len() as u8, 0, 0, 0];
    bytes.extend((body as u32).to_be_bytes());
    bytes.extend([0xa, 0xb, 0xc, 0xd]); // the opaque
    bytes.extend([0; 8]);
    bytes.extend(extras);
    bytes.extend(key.as_bytes());
    bytes.extend(value.as_bytes());
    bytes
}

/// SASL PLAIN in one packet.
pub fn plain(user: &str, password: &str) -> Vec<u8> {
    packet(AUTH, &[], "PLAIN", &format!("\0{user}\0{password}"))
}

/// The next answer must be to this opcode, with this status and body.
#[track_caller]
pub fn expect(c: &mut Client, opcode: u8, status: u16, body: &str) {
    let header = c.read(24);
    let len = u32::from_be_bytes(header[8..12].try_into().expect("4 bytes"));
    let text = String::from_utf8_lossy(&c.read(len as usize)).into_owned();
    let got = (header[0], header[1], u16::from_be_bytes([header[6], header[7]]), &*text);
    assert_eq!(got, (0x81, opcode, status, body));
    assert_eq!(header[12..16], [0xa, 0xb, 0xc, 0xd], "the opaque");
    assert_eq!((&header[2..5], &header[16..24]), (&[0; 3][..], &[0; 8][..]), "key, extras, CAS");
}

/// Send a packet, expect an answer to it.
#[track_caller]
pub fn ask(c: &mut Client, request: &[u8], status: u16, body: &str) {
    c.send(request);
    expect(c, request[1], status, body);
}
