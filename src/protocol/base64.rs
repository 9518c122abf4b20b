//! Keys in base64: the standard alphabet, padded, nothing skipped. memcached skips what is not of
//! the alphabet; here it is an error, so that a key has few spellings.

use super::limits::KEY_MAX;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Not of the alphabet.
const NONE: u8 = 0xff;

/// The value of each byte of the alphabet.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut n = 0;
    while n < 64 {
        values[ALPHABET[n] as usize] = n as u8;
        n += 1;
    }
    values
};

/// A decoded key: 1 to 187 bytes.
#[derive(Debug, Clone, Copy)]
pub struct Decoded {
    bytes: [u8; KEY_MAX],
    len: usize,
}

impl Decoded {
    /// The key.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Decode a key of up to `KEY_MAX` bytes of text. `None`: it is not base64.
pub fn decode(text: &[u8]) -> Option<Decoded> {
    if text.is_empty() || !text.len().is_multiple_of(4) || text.len() > KEY_MAX {
        return None;
    }
    let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut decoded = Decoded { bytes: [0; KEY_MAX], len: text.len() / 4 * 3 - padding };
    let digits = &text[..text.len() - padding];
    for (from, to) in digits.chunks(4).zip(decoded.bytes.chunks_mut(3)) {
        let mut bits = 0u32;
        for at in 0..4 {
            let value = from.get(at).map_or(0, |&byte| VALUES[usize::from(byte)]);
            if value == NONE {
                return None;
            }
            bits = bits << 6 | u32::from(value);
        }
        to.copy_from_slice(&bits.to_be_bytes()[1..1 + to.len()]);
    }
    decoded.bytes[decoded.len..].fill(0);
    Some(decoded)
}

/// Append `bytes` in base64.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..1 + chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(word);
        for at in 0..4 {
            let digit = bits >> (18 - 6 * at) & 63;
            out.push(if at <= chunk.len() { ALPHABET[digit as usize] } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(bytes, &mut out);
        out
    }

    #[test]
    fn the_vectors_of_the_rfc() {
        let pairs = [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, text) in pairs {
            assert_eq!(encoded(plain.as_bytes()), text.as_bytes());
            assert_eq!(decode(text.as_bytes()).unwrap().bytes(), plain.as_bytes());
        }
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in
            ["", "Z", "Zg", "Zg=", "Zg==Zg==", "====", "Z===", "Zm9v=", "Zm 9", "Zm9\n", "Zg=v"]
        {
            assert!(decode(text.as_bytes()).is_none(), "{text:?}");
        }
        assert!(decode(&[b'A'; 252]).is_none());
        assert_eq!(decode(&[b'A'; 248]).unwrap().bytes(), [0; 186]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn what_was_encoded_is_decoded(bytes in prop::collection::vec(any::<u8>(), 1..=186)) {
            let key = decode(&encoded(&bytes)).unwrap();
            prop_assert_eq!(key.bytes(), bytes);
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(key) = decode(&text) {
                prop_assert!(!key.bytes().is_empty());
            }
        }
    }
}
