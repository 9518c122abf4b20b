//! The lines of `lru_crawler metadump` and `mgdump`. They end in LF and, of a metadump, in a space
//! before it: what reads them splits at spaces.

use super::{DumpFormat, base64};

/// What such a line tells of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dumped<'a> {
    /// The key.
    pub key: &'a [u8],
    /// It was given in base64.
    pub binary: bool,
    /// Unix time at which it dies; `None`: never.
    pub expiry: Option<u64>,
    /// Unix time of its last use.
    pub accessed: u64,
    /// Its CAS.
    pub cas: u64,
    /// It was fetched.
    pub fetched: bool,
    /// Its class, from 1.
    pub class: usize,
    /// Bytes.
    pub size: usize,
    /// Client flags.
    pub flags: u32,
}

impl DumpFormat {
    /// The line of an item.
    pub fn line(self, item: &Dumped<'_>, out: &mut Vec<u8>) {
        match self {
            DumpFormat::Meta => meta_line(item, out),
            DumpFormat::Mg => mg_line(item, out),
        }
    }
    /// What stands behind the last line.
    pub fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            DumpFormat::Meta => b"END\r\n",
            DumpFormat::Mg => b"EN\r\n",
        });
    }
}

fn meta_line(item: &Dumped<'_>, out: &mut Vec<u8>) {
    let mut number = itoa::Buffer::new();
    let mut field = |out: &mut Vec<u8>, name: &str, value: u64| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(number.format(value).as_bytes());
    };
    out.extend_from_slice(b"key=");
    percent_encode(item.key, out);
    match item.expiry {
        Some(expiry) => field(out, " exp=", expiry),
        None => out.extend_from_slice(b" exp=-1"),
    }
    field(out, " la=", item.accessed);
    field(out, " cas=", item.cas);
    out.extend_from_slice(if item.fetched { b" fetch=yes" } else { b" fetch=no" });
    field(out, " cls=", item.class as u64);
    field(out, " size=", item.size as u64);
    field(out, " flags=", item.flags.into());
    out.extend_from_slice(b" \n");
}

fn mg_line(item: &Dumped<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"mg ");
    if item.binary {
        base64::encode(item.key, out);
        out.extend_from_slice(b" b");
    } else {
        out.extend_from_slice(item.key);
    }
    out.extend_from_slice(b"\r\n");
}

/// All but letters, digits and `-._~` as `%XX`.
fn percent_encode(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: Dumped<'_> = Dumped {
        key: b"a b\n\xff~%",
        binary: false,
        expiry: None,
        accessed: 1_800_000_000,
        cas: u64::MAX,
        fetched: false,
        class: 3,
        size: 99,
        flags: 5,
    };

    fn line(format: DumpFormat, item: &Dumped<'_>) -> String {
        let mut out = Vec::new();
        format.line(item, &mut out);
        String::from_utf8(out).expect("these keys are text")
    }

    #[test]
    fn a_metadump_line_has_every_field_and_a_key_of_one_word() {
        let expected = "key=a%20b%0A%FF~%25 exp=-1 la=1800000000 cas=18446744073709551615 \
                        fetch=no cls=3 size=99 flags=5 \n";
        assert_eq!(line(DumpFormat::Meta, &ITEM), expected);
        let other = Dumped { expiry: Some(7), fetched: true, ..ITEM };
        assert!(line(DumpFormat::Meta, &other).contains(" exp=7 la=1800000000 cas="));
        assert!(line(DumpFormat::Meta, &other).contains(" fetch=yes "));
    }

    #[test]
    fn an_mgdump_line_is_a_request() {
        let key = |key, binary| line(DumpFormat::Mg, &Dumped { key, binary, ..ITEM });
        assert_eq!(key(b"foo", false), "mg foo\r\n");
        assert_eq!(key(b"foo", true), "mg Zm9v b\r\n");
        assert_eq!(key(b"fo", true), "mg Zm8= b\r\n");
        assert_eq!(key(b"\xff\xfe\xfd\xfc", true), "mg //79/A== b\r\n");
    }
}
