//! Classic text: parse.

use super::Parsed;

pub(super) fn parse(_input: &[u8], _scanned: usize) -> Parsed<'_> {
    todo!()
}
