//! The frame of a UDP datagram: eight bytes before the payload (PROTOCOL 5.1).
//!
//! Four numbers of two bytes, big endian: the request's id, which its answer repeats; the
//! datagram's place in the answer, from 0; how many datagrams the answer has; nothing.

/// Bytes before the payload.
pub const HEADER_LEN: usize = 8;

/// The longest datagram of an answer: it passes an Ethernet whole.
pub const DATAGRAM_MAX: usize = 1400;

/// Payload of one datagram of an answer.
pub const PAYLOAD_MAX: usize = DATAGRAM_MAX - HEADER_LEN;

/// A request in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// To be repeated.
    pub id: u16,
    /// Requests; not empty.
    pub payload: &'a [u8],
}

/// The frame of a request. `None`: it is none, or it is a part of a longer one, which there are
/// none of.
pub fn parse(datagram: &[u8]) -> Option<Frame<'_>> {
    let (header, payload) = datagram.split_first_chunk::<HEADER_LEN>()?;
    let [id_high, id_low, _, _, total_high, total_low, _, _] = *header;
    let whole = [total_high, total_low] == [0, 1];
    let id = u16::from_be_bytes([id_high, id_low]);
    (whole && !payload.is_empty()).then_some(Frame { id, payload })
}

/// The datagrams of an answer: headers, and the part of the payload that each carries. None if the
/// answer is empty, or longer than can be numbered.
pub fn split(id: u16, answer: &[u8]) -> impl Iterator<Item = ([u8; HEADER_LEN], &[u8])> {
    let total = u16::try_from(answer.len().div_ceil(PAYLOAD_MAX)).unwrap_or(0);
    (0..total).zip(answer.chunks(PAYLOAD_MAX)).map(move |(sequence, part)| {
        let ([i, j], [s, t]) = (id.to_be_bytes(), sequence.to_be_bytes());
        let [n, o] = total.to_be_bytes();
        ([i, j, s, t, n, o, 0, 0], part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_datagram_with_something_in_it() {
        let get = b"\x12\x34\0\0\0\x01\0\0get a\r\n";
        assert_eq!(parse(get), Some(Frame { id: 0x1234, payload: b"get a\r\n" }));
        // Place and the last number are not looked at.
        assert_eq!(parse(b"\0\x07\x09\x09\0\x01\x09\x09x"), Some(Frame { id: 7, payload: b"x" }));
        for bad in [
            &b"\0\x01\0\0\0\x02\0\0get a\r\n"[..],
            b"\0\x01\0\0\0\0\0\0get a\r\n",
            b"\0\x01\0\0\x01\x01\0\0get a\r\n",
            b"\0\x01\0\0\0\x01\0\0",
            b"\0\x01\0\0\0\x01\0",
            b"",
            b"\0\x01\0\0\0\0\0\0\0",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_answer_is_cut_into_numbered_parts() {
        assert_eq!(split(7, b"").count(), 0);
        let one: Vec<_> = split(0x0102, b"END\r\n").collect();
        assert_eq!(one, [([1, 2, 0, 0, 0, 1, 0, 0], &b"END\r\n"[..])]);
        for (len, total) in [(PAYLOAD_MAX, 1), (PAYLOAD_MAX + 1, 2), (500_000, 360)] {
            let answer: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let parts: Vec<_> = split(7, &answer).collect();
            assert_eq!(parts.len(), total);
            assert_eq!(
                parts.iter().flat_map(|(_, part)| part.to_vec()).collect::<Vec<_>>(),
                answer
            );
            for (n, (header, part)) in parts.iter().enumerate() {
                let [s, t] = (n as u16).to_be_bytes();
                let [h, l] = (total as u16).to_be_bytes();
                assert_eq!(*header, [0, 7, s, t, h, l, 0, 0]);
                assert!(part.len() + HEADER_LEN <= DATAGRAM_MAX);
            }
        }
        assert_eq!(split(7, &vec![0; PAYLOAD_MAX * 65_536]).count(), 0);
    }
}
