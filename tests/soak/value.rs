//! Values that say what they are: made of blocks, each with its key, its sequence number, its
//! length, and bytes that follow from these. A torn, shifted, mixed or foreign value is seen.

use crate::common::pattern;

/// Bytes of a block that say what it is: key, sequence number and length, eight each.
pub const HEAD: usize = 24;

/// A block of `len` bytes. One shorter than its head is the front of it.
pub fn block(key: u64, seq: u64, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len.max(HEAD) + 8);
    bytes.extend(key.to_le_bytes());
    bytes.extend(seq.to_le_bytes());
    bytes.extend((len as u64).to_le_bytes());
    bytes.extend(pattern(key.rotate_left(32) ^ seq, len.saturating_sub(HEAD)));
    bytes.truncate(len);
    bytes
}

/// Every byte of `value` belongs to blocks of `key`; tells what is wrong otherwise.
pub fn check(key: u64, value: &[u8]) -> Result<(), String> {
    let mut rest = value;
    while !rest.is_empty() {
        let word = |at: usize| {
            let bytes = rest.get(8 * at..8 * at + 8).ok_or("a block without a whole head")?;
            Ok::<u64, &str>(u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
        };
        let (owner, seq, len) = (word(0)?, word(1)?, word(2)? as usize);
        if owner != key {
            return Err(format!("a block of key {owner:x} under {key:x}"));
        }
        if len < HEAD || len > rest.len() {
            return Err(format!("a block of {len} bytes where {} are left", rest.len()));
        }
        if rest[..len] != block(key, seq, len) {
            return Err(format!("block {seq} of {key:x}: wrong bytes"));
        }
        rest = &rest[len..];
    }
    Ok(())
}

#[test]
fn a_changed_byte_is_seen() {
    let value = [block(7, 1, 100), block(7, 2, 24)].concat();
    assert_eq!(check(7, &value), Ok(()));
    assert!(check(8, &value).is_err());
    for at in 0..value.len() {
        let mut other = value.clone();
        other[at] ^= 1;
        let harmless = (108..116).contains(&at); // the last block is a head only: another number
        assert_eq!(check(7, &other).is_ok(), harmless, "byte {at}");
    }
    assert!(check(7, &value[..110]).is_err());
}
