//! Words and numbers of a line.
//!
//! A word is a run of bytes other than SP; nothing else separates (PROTOCOL 1.1). The number
//! parsers differ in what they let through, as memcached's do (PROTOCOL 1.2): the strict ones take
//! digits only, the lenient ones do as libc's `strtoul` and `strtol`.

use super::limits::TOKENS_MAX;

/// The words of a line behind its command word, as far as they are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    rest: &'a [u8],
    /// How many more words may be taken.
    left: usize,
}

impl<'a> Words<'a> {
    /// The words of `rest`, which stands behind a command word (the first of the tokens).
    #[inline]
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Words { rest, left: TOKENS_MAX - 1 }
    }
    /// Everything behind the words taken so far.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
    /// Does the last of these words ask for silence?
    #[inline]
    pub(super) fn end_in_noreply(self) -> bool {
        self.last() == Some(b"noreply")
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let rest = skip_spaces(self.rest);
        if rest.is_empty() {
            self.left = 0;
            self.rest = rest;
            return None;
        }
        let (word, rest) = rest.split_at(find_space(rest));
        self.rest = rest;
        Some(word)
    }
}

/// `bytes` from its first byte that is not SP.
#[inline]
pub(super) fn skip_spaces(mut bytes: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Where the first SP of `bytes` stands; the length if there is none.
#[inline]
pub(super) fn find_space(bytes: &[u8]) -> usize {
    // A byte of `x` is zero where the chunk has SP. The subtraction borrows out of the lowest
    // such byte first, so the lowest flagged byte is a true one.
    let flag = |chunk: u64| {
        let x = chunk ^ (ONES * u64::from(b' '));
        x.wrapping_sub(ONES) & !x
    };
    find(bytes, flag, |byte| byte == b' ')
}

/// Where the first SP or control character of `bytes` stands (CR and LF are two); the length if
/// there is none.
#[inline]
pub(super) fn find_blank(bytes: &[u8]) -> usize {
    // As above: what is no more than SP borrows, and what was negative before is no such byte.
    let flag = |chunk: u64| chunk.wrapping_sub(ONES * u64::from(b' ' + 1)) & !chunk;
    find(bytes, flag, |byte| byte <= b' ')
}

/// One in each byte of a word.
const ONES: u64 = u64::MAX / 0xff;

/// Where the first byte stands of which `is` is true. `flag` sets the top bit of the lowest such
/// byte of a word, and of none below it.
///
/// Eight bytes at a time in a register: words are a few dozen bytes, too short for the set-up of
/// a vectorised search to pay.
#[inline(always)]
fn find(bytes: &[u8], flag: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) -> usize {
    let (chunks, tail) = bytes.as_chunks();
    for (n, chunk) in chunks.iter().enumerate() {
        let flagged = flag(u64::from_le_bytes(*chunk)) & (ONES << 7);
        if flagged != 0 {
            return n * 8 + flagged.trailing_zeros() as usize / 8;
        }
    }
    chunks.len() * 8 + tail.iter().position(|&b| is(b)).unwrap_or(tail.len())
}

/// Is a word of `bytes` longer than `max`? One look back from every `max`th byte finds out.
#[inline]
pub(super) fn has_longer_word(mut bytes: &[u8], max: usize) -> bool {
    while let Some(window) = bytes.get(..=max) {
        match window.iter().rposition(|&b| b == b' ') {
            Some(space) => bytes = &bytes[space + 1..],
            None => return true,
        }
    }
    false
}

/// Strict unsigned 32 bits: 1 to 11 digits, leading zeros among them.
pub(super) fn u32(word: &[u8]) -> Option<u32> {
    u32::try_from(digits(word, 11)?).ok()
}

/// Strict signed 32 bits: as `u32`, with one optional leading `-` among the 11 bytes.
#[inline]
pub(super) fn i32(word: &[u8]) -> Option<i32> {
    let value = match word {
        [b'-', magnitude @ ..] => -(digits(magnitude, 10)? as i64),
        _ => digits(word, 11)? as i64,
    };
    i32::try_from(value).ok()
}

/// Strict unsigned 64 bits: 1 to 22 digits.
pub(super) fn u64(word: &[u8]) -> Option<u64> {
    digits(word, 22)
}

/// Strict signed 64 bits: as `u64`, with one optional leading `-`.
#[cfg(feature = "debug-commands")]
pub(super) fn i64(word: &[u8]) -> Option<i64> {
    match word {
        [b'-', magnitude @ ..] => 0i64.checked_sub_unsigned(digits(magnitude, 21)?),
        _ => i64::try_from(digits(word, 22)?).ok(),
    }
}

/// Client flags: `strtoul`, cut to 32 bits.
#[inline]
pub(super) fn lenient_u32(word: &[u8]) -> Option<u32> {
    match lenient(word)? {
        (true, 1..) => None,
        (_, magnitude) => Some(magnitude as u32),
    }
}

/// Expiry of a storage command: `strtol` in 64 bits, cut to 32.
#[inline]
pub(super) fn lenient_i32(word: &[u8]) -> Option<i32> {
    let (negative, magnitude) = lenient(word)?;
    let value = if negative {
        0i64.checked_sub_unsigned(magnitude)?
    } else {
        i64::try_from(magnitude).ok()?
    };
    Some(value as i32)
}

/// What libc takes for a number: white space, a sign, digits, then white space or the end.
/// Whether there was a minus, and the magnitude.
#[inline]
fn lenient(word: &[u8]) -> Option<(bool, u64)> {
    // Nearly always it is digits and nothing else.
    if let Some(magnitude) = digits(word, DIGITS_FIT) {
        return Some((false, magnitude));
    }
    lenient_of_any(word)
}

/// The same of any word.
#[cold]
fn lenient_of_any(word: &[u8]) -> Option<(bool, u64)> {
    let is_space = |b: &u8| matches!(b, b'\t'..=b'\r' | b' ');
    let start = word.iter().position(|b| !is_space(b))?;
    let (negative, unsigned) = match &word[start..] {
        [b'-', unsigned @ ..] => (true, unsigned),
        [b'+', unsigned @ ..] => (false, unsigned),
        unsigned => (false, unsigned),
    };
    let end = unsigned.iter().position(|b| !b.is_ascii_digit()).unwrap_or(unsigned.len());
    if unsigned.get(end).is_some_and(|b| !is_space(b)) {
        return None;
    }
    Some((negative, digits(&unsigned[..end], usize::MAX)?))
}

/// A number as nearly all are written, and what stands behind it: one SP, up to nine digits, and SP
/// or the end. `None` says nothing about the number.
#[inline(always)]
pub(super) fn plain_number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (mut value, mut rest) = (0, bytes.strip_prefix(b" ")?);
    for digits in 0..=9 {
        match rest {
            [digit @ b'0'..=b'9', tail @ ..] if digits < 9 => {
                value = value * 10 + u32::from(digit - b'0');
                rest = tail;
            }
            [] | [b' ', ..] if digits > 0 => return Some((value, rest)),
            _ => return None,
        }
    }
    None
}

/// So many digits are no more than 2^64 - 1.
const DIGITS_FIT: usize = 19;

/// 1 to `max` digits and nothing else, at most 2^64 - 1.
#[inline]
fn digits(word: &[u8], max: usize) -> Option<u64> {
    if word.is_empty() || word.len() > max {
        return None;
    }
    if word.len() > DIGITS_FIT {
        return many_digits(word);
    }
    let mut value = 0;
    for &byte in word {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

#[cold]
fn many_digits(word: &[u8]) -> Option<u64> {
    word.iter().try_fold(0u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { value.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

#[cfg(test)]
mod tests {
    //! Each parser against a naive twin over `str::parse`, which is strict but for a leading `+`.

    use super::*;
    use proptest::prelude::*;
    use std::str::FromStr;

    fn strict<T: FromStr>(word: &str, max: usize) -> Option<T> {
        if word.len() > max || word.starts_with('+') { None } else { word.parse().ok() }
    }

    /// The word up to the first white space behind its number, without white space before it.
    fn libc_number(word: &str) -> Option<i128> {
        let is_space = |c: char| ('\t'..='\r').contains(&c) || c == ' ';
        word.trim_start_matches(is_space).split(is_space).next()?.parse().ok()
    }

    fn naive_lenient_u32(word: &str) -> Option<u32> {
        libc_number(word).filter(|n| (0..=u64::MAX.into()).contains(n)).map(|n| n as u32)
    }

    fn naive_lenient_i32(word: &str) -> Option<i32> {
        libc_number(word).and_then(|n| i64::try_from(n).ok()).map(|n| n as i32)
    }

    fn agree(word: &str) {
        let bytes = word.as_bytes();
        assert_eq!(u32(bytes), strict(word, 11), "u32 {word:?}");
        // `-0` is a number to both.
        assert_eq!(i32(bytes), strict(word, 11), "i32 {word:?}");
        assert_eq!(u64(bytes), strict(word, 22), "u64 {word:?}");
        #[cfg(feature = "debug-commands")]
        assert_eq!(i64(bytes), strict(word, 22), "i64 {word:?}");
        assert_eq!(lenient_u32(bytes), naive_lenient_u32(word), "Lu32 {word:?}");
        assert_eq!(lenient_i32(bytes), naive_lenient_i32(word), "Li32 {word:?}");
    }

    #[test]
    fn edges_are_where_str_parse_has_them() {
        let numbers = [31, 32, 63, 64].map(|bits| 1i128 << bits);
        for n in numbers.iter().flat_map(|&n| [n - 1, n, n + 1]) {
            for word in [format!("{n}"), format!("-{n}"), format!("+{n}"), format!("000{n}")] {
                agree(&word);
            }
        }
        for word in ["", "-", "+", "--1", "+-1", "-0", "+0", "0", "1 ", "1\t2", "\t1", "\r", "0x1"]
        {
            agree(word);
        }
        for zeros in 9..24 {
            agree(&format!("{}1", "0".repeat(zeros)));
            agree(&format!("-{}1", "0".repeat(zeros)));
        }
    }

    #[test]
    fn a_plain_number_is_what_the_others_make_of_it_or_nothing() {
        for word in ["0", "7", "00", "123456789", "1234567890", "", "-1", "1x", "\t1", "+1"] {
            for behind in ["", " ", " 9", "\r"] {
                let bytes = format!(" {word}{behind}");
                let number = plain_number(bytes.as_bytes());
                let suits = word.len() < 10 && behind != "\r";
                let strict = u32(word.as_bytes()).filter(|_| suits);
                let expected = strict.map(|n| (n, behind.as_bytes()));
                assert_eq!(number, expected, "{bytes:?}");
            }
        }
    }

    #[test]
    fn long_numbers_are_cut_as_on_the_wire() {
        assert_eq!(lenient_u32(b"4294967296"), Some(0));
        assert_eq!(lenient_u32(b"-1"), None);
        assert_eq!(lenient_i32(b"99999999999"), Some(1_215_752_191));
        assert_eq!(lenient_i32(b"9223372036854775808"), None);
        assert_eq!(i32(b"00000000001"), Some(1));
        assert_eq!(i32(b"000000000001"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn numbers_agree_with_their_twins(word in "[\t\r +-]?[+-]?[0-9]{0,24}[\t\r a]?[0-9]?") {
            agree(&word);
        }

        #[test]
        fn any_word_agrees_with_its_twins(word in "\\PC{0,12}") {
            agree(&word);
        }

        #[test]
        fn words_are_what_split_gives(line in "[ ab\x00\x1f\x21\u{a0}]{0,60}") {
            let expected: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).collect();
            let expected = expected.iter().take(TOKENS_MAX - 1).map(|word| word.as_bytes());
            prop_assert!(Words::new(line.as_bytes()).eq(expected));
            let bytes = line.as_bytes();
            let naive = bytes.iter().position(|&b| b == b' ').unwrap_or(bytes.len());
            prop_assert_eq!(find_space(bytes), naive);
            let naive = bytes.iter().position(|&b| b <= b' ').unwrap_or(bytes.len());
            prop_assert_eq!(find_blank(bytes), naive);
            for max in 0..8 {
                let longer = line.split(' ').any(|word| word.len() > max);
                prop_assert_eq!(has_longer_word(bytes, max), longer);
            }
        }
    }
}
