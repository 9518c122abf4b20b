//! What answers are made of, appended to the output by moves of fixed length: short runs of bytes,
//! lines that are three bytes and a number, and short answers in one piece. For all dialects.
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
    let end = out.len() + bytes.len();
    out.extend_from_slice(first::<N>(bytes));
    out.truncate(end - N);
    out.extend_from_slice(last::<N>(bytes));
}
#[inline(always)]
fn first<const N: usize>(bytes: &[u8]) -> &[u8; N] {
    bytes.first_chunk().expect("at least so many")
}
#[inline(always)]
fn last<const N: usize>(bytes: &[u8]) -> &[u8; N] {
    bytes.last_chunk().expect("at least so many")
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

/// Longest key of an answer in one piece.
const PIECE_KEY_MAX: usize = 32;
/// Longest value of one.
const PIECE_VALUE_MAX: usize = 64;
/// Room for one, whose longest front is a binary packet's: header and flags.
const PIECE_MAX: usize = 128;
const _: () = assert!(24 + 4 + PIECE_KEY_MAX + PIECE_VALUE_MAX <= PIECE_MAX);

/// Whether an answer that shows these is short enough for one piece.
#[inline(always)]
pub(super) fn fits_piece(key: &[u8], value: &[u8]) -> bool {
    key.len() <= PIECE_KEY_MAX && value.len() <= PIECE_VALUE_MAX
}

/// A short answer at the end of the output, which is asked for room once, and not for each of its
/// parts: `out.truncate(end)` cuts off what is left of that.
pub(super) struct Piece<'r> {
    room: &'r mut [u8; PIECE_MAX],
    begin: usize,
    len: usize,
}

impl<'r> Piece<'r> {
    #[inline(always)]
    pub(super) fn new(out: &'r mut Vec<u8>) -> Self {
        let begin = out.len();
        out.extend_from_slice(&[0; PIECE_MAX]);
        let room = out.last_chunk_mut().expect("so many were just appended");
        Piece { room, begin, len: 0 }
    }
    /// Where it ends in the output.
    #[inline(always)]
    pub(super) fn end(self) -> usize {
        self.begin + self.len
    }
    /// The first `len` of these bytes; the others are written over.
    #[inline(always)]
    pub(super) fn put<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        self.room[self.len..self.len + N].copy_from_slice(bytes);
        self.len += len;
    }
    /// A key or a value.
    #[inline(always)]
    pub(super) fn put_run(&mut self, bytes: &[u8]) {
        match bytes.len() {
            8..=16 => self.put_ends::<8>(bytes),
            17..=32 => self.put_ends::<16>(bytes),
            33..=64 => self.put_ends::<32>(bytes),
            len => self.room[self.len..self.len + len].copy_from_slice(bytes),
        }
        self.len += bytes.len();
    }
    #[inline(always)]
    fn put_ends<const N: usize>(&mut self, bytes: &[u8]) {
        let place = &mut self.room[self.len..self.len + bytes.len()];
        *place.first_chunk_mut().expect("at least so many") = *first::<N>(bytes);
        *place.last_chunk_mut().expect("at least so many") = *last::<N>(bytes);
    }
    /// Three bytes, a number up to [`PIECE_VALUE_MAX`], two bytes.
    #[inline(always)]
    pub(super) fn put_line(&mut self, [a, b, c]: [u8; 3], number: usize, end: [u8; 2]) {
        let front = u64::from(u32::from_le_bytes([a, b, c, 0]));
        let digits = if number < 10 { 1 } else { 2 };
        let end = u64::from(u16::from_le_bytes(end)) << (24 + 8 * digits);
        let line = front | u64::from(NUMBERS[number]) << 24 | end;
        self.put(&line.to_le_bytes(), 3 + digits + 2);
    }
}

/// One or two digits, the first in the lower byte.
const NUMBERS: [u16; PIECE_VALUE_MAX + 1] = {
    let mut numbers = [0; PIECE_VALUE_MAX + 1];
    let mut n = 0;
    while n < numbers.len() {
        let [tens, ones] = PAIRS[n];
        numbers[n] = u16::from_le_bytes(if n < 10 { [ones, 0] } else { [tens, ones] });
        n += 1;
    }
    numbers
};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_what_was_put_into_it() {
        let bytes: Vec<u8> = (0..64).collect();
        for len in 0..=PIECE_VALUE_MAX {
            let mut out = b"before".to_vec();
            let mut piece = Piece::new(&mut out);
            piece.put(b"four and more", 4);
            piece.put_line(*b" x ", len, *b"\r\n");
            piece.put_run(&bytes[..len]);
            piece.put(b"!", 1);
            let end = piece.end();
            out.truncate(end);
            let front = format!("beforefour x {len}\r\n");
            let expected = [front.as_bytes(), &bytes[..len], b"!"];
            assert_eq!(out, expected.concat(), "{len}");
        }
    }
}
