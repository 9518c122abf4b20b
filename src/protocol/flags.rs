//! The flags of a meta request: letters, some with an argument glued to them.
//!
//! They stay where they stood on the line, and are read again when somebody asks: an answer shows
//! its fields in the order of the flags, and some of them act at their place. A mask says which
//! letters there are, so that nobody searches for one that is not.

use super::token::{self, find_space, skip_spaces};
use super::{Exptime, base64};

/// Every letter that means something to some command.
const LETTERS: &[u8; 25] = b"bNTRlOPLkstcfvhuqxFCEMJDI";

/// The bit of each letter of `LETTERS` in a mask, from `A` on; 0: no such flag.
const BITS: [u32; 64] = {
    let mut bits = [0; 64];
    let mut n = 0;
    while n < LETTERS.len() {
        bits[(LETTERS[n] - b'A') as usize] = 1 << n;
        n += 1;
    }
    bits
};

/// The bit of a letter; 0 if there is no such flag.
#[inline]
pub(super) const fn bit(letter: u8) -> u32 {
    let at = letter.wrapping_sub(b'A') as usize;
    if at < BITS.len() { BITS[at] } else { 0 }
}

/// The bits of several letters.
pub const fn mask(letters: &[u8]) -> u32 {
    let (mut mask, mut n) = (0, 0);
    while n < letters.len() {
        mask |= bit(letters[n]);
        n += 1;
    }
    mask
}

/// The flags of one request: each letter at most once, every argument of the form its letter asks
/// (the parser saw to that).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags<'a> {
    /// The rest of the line behind the key (and the length of the value).
    text: &'a [u8],
    /// One bit a letter.
    present: u32,
    /// `q`: the expected outcome needs no answer.
    pub quiet: bool,
    /// `b`: the key is in base64.
    pub base64_key: bool,
}

impl<'a> Flags<'a> {
    /// The flags in `text`, whose letters the parser gathered.
    #[inline]
    pub fn new(text: &'a [u8], present: u32) -> Self {
        let has = |letter| present & bit(letter) != 0;
        Flags { text, present, quiet: has(b'q'), base64_key: has(b'b') }
    }
    /// Is this letter among them?
    #[inline]
    pub fn has(&self, letter: u8) -> bool {
        self.present & bit(letter) != 0
    }
    /// Is any of these among them? See [`mask`].
    #[inline]
    pub fn meets(&self, mask: u32) -> bool {
        self.present & mask != 0
    }
    /// In the order of the line: each letter with its argument.
    #[inline]
    pub fn iter(&self) -> FlagsIter<'a> {
        FlagsIter { rest: self.text }
    }
    /// What is glued to a letter; `None` if there is no such flag.
    #[inline]
    pub fn argument(&self, letter: u8) -> Option<&'a [u8]> {
        if self.has(letter) { self.search(letter) } else { None }
    }
    fn search(&self, letter: u8) -> Option<&'a [u8]> {
        self.iter().find(|flag| flag.0 == letter).map(|flag| flag.1)
    }
    /// The number glued to `C`, `E`, `J` or `D`.
    #[inline]
    pub fn number(&self, letter: u8) -> Option<u64> {
        self.argument(letter).and_then(token::u64)
    }
    /// The expiry glued to `T`, `N` or `R`.
    #[inline]
    pub fn exptime(&self, letter: u8) -> Option<Exptime> {
        let seconds = self.argument(letter).and_then(token::i32)?;
        Some(Exptime(seconds.into()))
    }
    /// The client flags glued to `F`; 0 without.
    #[inline]
    pub fn client_flags(&self) -> u32 {
        self.argument(b'F').and_then(token::u32).unwrap_or(0)
    }
    /// Both are there, and `first` stands before `second`.
    #[inline]
    pub fn in_order(&self, first: u8, second: u8) -> bool {
        self.has(first)
            && self.has(second)
            && self
                .iter()
                .find(|flag| flag.0 == first || flag.0 == second)
                .is_some_and(|flag| flag.0 == first)
    }
    /// The bytes of the key whose text stood on the line.
    #[inline]
    pub fn decode(&self, key: &[u8]) -> Option<base64::Decoded> {
        if self.base64_key { base64::decode(key) } else { None }
    }
    /// The text they stand in.
    pub(super) fn text(&self) -> &'a [u8] {
        self.text
    }
    /// The same flags over a copy of their text.
    pub(super) fn over<'b>(&self, text: &'b [u8]) -> Flags<'b> {
        Flags { text, present: self.present, quiet: self.quiet, base64_key: self.base64_key }
    }
}

/// See [`Flags::iter`].
#[derive(Debug, Clone)]
pub struct FlagsIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for FlagsIter<'a> {
    type Item = (u8, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = skip_spaces(self.rest);
        let (&letter, behind) = rest.split_first()?;
        // Most letters stand alone.
        let len = if matches!(behind, [] | [b' ', ..]) { 0 } else { find_space(behind) };
        let (argument, rest) = behind.split_at(len);
        self.rest = rest;
        Some((letter, argument))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Flags<'_> {
        let letters = text.split(' ').filter_map(|word| word.bytes().next());
        Flags::new(text.as_bytes(), letters.map(bit).fold(0, |all, bit| all | bit))
    }

    #[test]
    fn every_letter_has_a_bit_of_its_own() {
        let mask = LETTERS.iter().fold(0, |all, &letter| {
            assert_eq!(all & bit(letter), 0);
            all | bit(letter)
        });
        assert_eq!(mask.count_ones() as usize, LETTERS.len());
        assert_eq!(mask, (0..=255).fold(0, |all, letter| all | bit(letter)));
    }

    #[test]
    fn operands_are_read_where_they_stand() {
        let f = flags(" v  T30 Oabc q N-1 C7 F42");
        assert!(f.quiet && !f.base64_key && f.has(b'v') && !f.has(b't'));
        assert_eq!(f.exptime(b'T'), Some(Exptime(30)));
        assert_eq!(f.exptime(b'N'), Some(Exptime(-1)));
        assert_eq!(f.exptime(b'R'), None);
        assert_eq!(f.number(b'C'), Some(7));
        assert_eq!(f.client_flags(), 42);
        assert_eq!(f.argument(b'O'), Some(&b"abc"[..]));
        assert!(f.in_order(b'T', b'N') && !f.in_order(b'N', b'T') && !f.in_order(b'T', b'R'));
        let letters: Vec<u8> = f.iter().map(|flag| flag.0).collect();
        assert_eq!(letters, b"vTOqNCF");
    }
}
