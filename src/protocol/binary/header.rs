//! The 24 bytes in front of every packet, and the words in them (PROTOCOL 3, 3.1, 3.2).

/// First byte of a request; the first byte of a connection that speaks this dialect.
pub(super) const MAGIC_REQUEST: u8 = 0x80;
/// First byte of an answer.
const MAGIC_REPLY: u8 = 0x81;
/// Length of the header, in bytes.
pub(super) const HEADER_LEN: usize = 24;

/// The opcodes. The quiet twin of a command stands beside it.
#[rustfmt::skip]
pub(super) mod opcode {
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
    pub const SETQ: u8 = 0x11;
    pub const ADDQ: u8 = 0x12;
    pub const REPLACEQ: u8 = 0x13;
    pub const DELETEQ: u8 = 0x14;
    pub const INCREMENTQ: u8 = 0x15;
    pub const DECREMENTQ: u8 = 0x16;
    pub const QUITQ: u8 = 0x17;
    pub const FLUSHQ: u8 = 0x18;
    pub const APPENDQ: u8 = 0x19;
    pub const PREPENDQ: u8 = 0x1a;
    pub const TOUCH: u8 = 0x1c;
    pub const GAT: u8 = 0x1d;
    pub const GATQ: u8 = 0x1e;
    pub const SASL_LIST: u8 = 0x20;
    pub const SASL_AUTH: u8 = 0x21;
    pub const SASL_STEP: u8 = 0x22;
    pub const GATK: u8 = 0x23;
    pub const GATKQ: u8 = 0x24;
}

/// Is the expected outcome of this opcode to be passed over in silence?
#[inline]
pub(super) fn is_quiet(opcode: u8) -> bool {
    QUIET >> (opcode & 63) & 1 != 0 && opcode < 64
}

/// One bit an opcode: asked for every packet, so not searched for.
const QUIET: u64 = {
    use opcode::*;
    let quiet = [
        GETQ, GETKQ, SETQ, ADDQ, REPLACEQ, DELETEQ, INCREMENTQ, DECREMENTQ, QUITQ, FLUSHQ, APPENDQ,
        PREPENDQ, GATQ, GATKQ,
    ];
    let (mut bits, mut i) = (0, 0);
    while i < quiet.len() {
        bits |= 1 << quiet[i];
        i += 1;
    }
    bits
};

/// The header of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: u8,
    pub(super) extras_len: u8,
    pub(super) key_len: u16,
    /// Extras, key and value together.
    pub(super) body_len: u32,
    /// Comes back with the answer, whatever it is.
    pub(super) opaque: u32,
    /// 0: none.
    pub(super) cas: u64,
}

impl Header {
    /// The fields of a header whose magic was checked. Data type and vbucket are nobody's.
    #[inline]
    pub(super) fn read(bytes: &[u8; HEADER_LEN]) -> Header {
        let [_, opcode, k0, k1, extras_len, _, _, _, b0, b1, b2, b3, o0, o1, o2, o3, cas @ ..] =
            *bytes;
        Header {
            opcode,
            extras_len,
            key_len: u16::from_be_bytes([k0, k1]),
            body_len: u32::from_be_bytes([b0, b1, b2, b3]),
            opaque: u32::from_be_bytes([o0, o1, o2, o3]),
            cas: u64::from_be_bytes(cas),
        }
    }
    /// Bytes behind extras and key; `None` if those are longer than the body.
    #[inline]
    pub(super) fn value_len(&self) -> Option<u32> {
        self.body_len.checked_sub(u32::from(self.key_len) + u32::from(self.extras_len))
    }
}

/// The header of an answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReplyHeader {
    /// That of the request, quiet or not.
    pub(super) opcode: u8,
    /// 0: well.
    pub(super) status: u16,
    pub(super) extras_len: u8,
    pub(super) key_len: u16,
    /// Extras, key and value together.
    pub(super) body_len: u32,
    pub(super) opaque: u32,
    pub(super) cas: u64,
}

impl ReplyHeader {
    /// As it goes out.
    #[inline]
    pub(super) fn bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0] = MAGIC_REPLY;
        bytes[1] = self.opcode;
        bytes[2..4].copy_from_slice(&self.key_len.to_be_bytes());
        bytes[4] = self.extras_len;
        bytes[6..8].copy_from_slice(&self.status.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.body_len.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.opaque.to_be_bytes());
        bytes[16..].copy_from_slice(&self.cas.to_be_bytes());
        bytes
    }
}
