//! What answers are made of, appended to the output by moves of fixed length: short runs of bytes,
//! and lines that are three bytes and a number. For all dialects.
//!
//! Nothing but what is appended is changed; bytes moved beyond it are cut off again.

/// Append a run of bytes that is nearly always short: 8 to 64 of them by fixed moves, since a call
/// of the library's copy costs more than the copy.
#[inline(always)]
pub(super) fn append(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        8..=16 => append_ends::<8>(out, bytes),
        17..=32 => append_ends::<16>(out, bytes),
        33..=64 => append_ends::<32>(out, bytes),
        _ => out.extend_from_slice(bytes),
    }
}

/// `append`, called: where there are several, more is lost by what they keep from being inlined.
#[inline(never)]
pub(super) fn append_by_call(out: &mut Vec<u8>, bytes: &[u8]) {
    append(out, bytes);
}

/// Append `N` to `2 * N` bytes: the first `N`, and the last `N` over what they share.
#[inline(always)]
fn append_ends<const N: usize>(out: &mut Vec<u8>, bytes: &[u8]) {
    let first = bytes.first_chunk::<N>().expect("at least so many");
    let last = bytes.last_chunk::<N>().expect("at least so many");
    let end = out.len() + bytes.len();
    out.extend_from_slice(first);
    out.truncate(end - N);
    out.extend_from_slice(last);
}

/// Numbers up to this are short.
pub(super) const SHORT_MAX: usize = 9999;

/// Three bytes, a short number and CR LF, as nearly every answer has them: made in a register and
/// copied to the output as sixteen bytes.
pub(super) struct Line {
    bytes: u64,
    /// 3 to 7.
    len: usize,
}

impl Line {
    #[inline(always)]
    pub(super) fn new([a, b, c]: [u8; 3]) -> Self {
        Line { bytes: u32::from_le_bytes([a, b, c, 0]).into(), len: 3 }
    }
    /// A number up to `SHORT_MAX`.
    #[inline(always)]
    pub(super) fn number(self, number: usize) -> Self {
        let [a, b] = PAIRS[number / 100 % 100];
        let [c, d] = PAIRS[number % 100];
        let zeros =
            usize::from(number < 1000) + usize::from(number < 100) + usize::from(number < 10);
        let digits = u32::from_le_bytes([a, b, c, d]) >> (8 * zeros);
        Line { bytes: self.bytes | u64::from(digits) << 24, len: 7 - zeros }
    }
    /// With CR LF at its end.
    #[inline(always)]
    pub(super) fn append_to(self, out: &mut Vec<u8>) {
        self.append_ended_to(*b"\r\n", out);
    }
    /// With these two bytes at its end.
    #[inline(always)]
    pub(super) fn append_ended_to(self, end: [u8; 2], out: &mut Vec<u8>) {
        let end = u64::from(u16::from_le_bytes(end));
        let (low, high) = (end << (8 * self.len), end >> (64 - 8 * self.len));
        let bytes = [(self.bytes | low).to_le_bytes(), high.to_le_bytes()];
        let length = out.len() + self.len + 2;
        out.extend_from_slice(bytes.as_flattened());
        out.truncate(length);
    }
    /// Without that.
    #[inline(always)]
    pub(super) fn append_unended_to(self, out: &mut Vec<u8>) {
        let length = out.len() + self.len;
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.truncate(length);
    }
}

/// `00` to `99`: halves the divisions a number costs.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + n as u8 / 10, b'0' + n as u8 % 10];
        n += 1;
    }
    pairs
};
