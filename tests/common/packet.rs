//! Packets of the binary protocol: requests to say, answers to expect.

use super::Client;

/// Length of a header.
pub const HEADER_LEN: usize = 24;

/// A request. Fields are what its header and body are made of, unless `bytes` are changed later.
#[derive(Debug, Clone, Default)]
pub struct Packet {
    /// See PROTOCOL 3.2.
    pub opcode: u8,
    /// Comes back.
    pub opaque: u32,
    /// 0: none.
    pub cas: u64,
    /// In front of the key.
    pub extras: Vec<u8>,
    /// The key.
    pub key: Vec<u8>,
    /// Behind the key.
    pub value: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// That of the request.
    pub opcode: u8,
    /// 0: well.
    pub status: u16,
    /// As sent.
    pub opaque: u32,
    /// 0 unless the item is told of.
    pub cas: u64,
    /// In front of the key.
    pub extras: Vec<u8>,
    /// The key, if asked for.
    pub key: Vec<u8>,
    /// The value, or the text of an error.
    pub value: Vec<u8>,
}

impl Packet {
    /// Without a body; its opcode is its opaque, too.
    pub fn new(opcode: u8) -> Packet {
        Packet { opcode, opaque: 0xa0b0_c000 | u32::from(opcode), ..Packet::default() }
    }
    /// With a key.
    pub fn keyed(opcode: u8, key: impl AsRef<[u8]>) -> Packet {
        Packet { key: key.as_ref().to_vec(), ..Packet::new(opcode) }
    }
    /// SET, ADD, REPLACE or a quiet twin.
    pub fn store(opcode: u8, key: &str, flags: u32, exptime: u32, value: impl AsRef<[u8]>) -> Self {
        let extras = [flags.to_be_bytes(), exptime.to_be_bytes()].concat();
        Packet { extras, value: value.as_ref().to_vec(), ..Packet::keyed(opcode, key) }
    }
    /// INCREMENT, DECREMENT or a quiet twin.
    pub fn arith(opcode: u8, key: &str, delta: u64, initial: u64, exptime: u32) -> Packet {
        let numbers = [delta.to_be_bytes(), initial.to_be_bytes()].concat();
        Packet::keyed(opcode, key).extras([&numbers[..], &exptime.to_be_bytes()].concat())
    }
    /// TOUCH, GAT, GATK or a quiet twin.
    pub fn touch(opcode: u8, key: &str, exptime: u32) -> Packet {
        Packet::keyed(opcode, key).extras(exptime.to_be_bytes())
    }
    /// The same with these extras.
    pub fn extras(self, extras: impl AsRef<[u8]>) -> Packet {
        Packet { extras: extras.as_ref().to_vec(), ..self }
    }
    /// The same with this value.
    pub fn value(self, value: impl AsRef<[u8]>) -> Packet {
        Packet { value: value.as_ref().to_vec(), ..self }
    }
    /// The same with this CAS.
    pub fn cas(self, cas: u64) -> Packet {
        Packet { cas, ..self }
    }
    /// As it is sent.
    pub fn bytes(&self) -> Vec<u8> {
        let (extras_len, key_len) = (self.extras.len() as u8, self.key.len() as u16);
        let body_len = (self.extras.len() + self.key.len() + self.value.len()) as u32;
        let mut bytes = header(self.opcode, extras_len, key_len, body_len);
        bytes[12..16].copy_from_slice(&self.opaque.to_be_bytes());
        bytes[16..].copy_from_slice(&self.cas.to_be_bytes());
        [&bytes, &self.extras[..], &self.key, &self.value].concat()
    }
    /// The answer to it that says no more than this status.
    pub fn answer(&self, status: u16) -> Answer {
        let value = match status {
            0x01 => "Not found",
            0x02 => "Data exists for key.",
            0x03 => "Too large.",
            0x04 => "Invalid arguments",
            0x05 => "Not stored.",
            0x06 => "Non-numeric server-side value for incr or decr",
            0x20 => "Auth failure.",
            0x81 => "Unknown command",
            _ => "",
        };
        let (opcode, opaque, value) = (self.opcode, self.opaque, value.into());
        Answer { opcode, opaque, status, value, ..Answer::default() }
    }
}

/// A header with these lengths, whatever they claim.
pub fn header(opcode: u8, extras_len: u8, key_len: u16, body_len: u32) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LEN];
    (bytes[0], bytes[1], bytes[4]) = (0x80, opcode, extras_len);
    bytes[2..4].copy_from_slice(&key_len.to_be_bytes());
    bytes[8..12].copy_from_slice(&body_len.to_be_bytes());
    bytes
}

impl Answer {
    /// The first packet of these bytes, and its length; `None` if it is not whole.
    pub fn read(bytes: &[u8]) -> Option<(Answer, usize)> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk()?;
        assert_eq!(header[0], 0x81, "the magic of an answer: {header:02x?}");
        assert_eq!(header[5], 0, "the data type: {header:02x?}");
        let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().expect("four"));
        let short = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let len = HEADER_LEN + number(8) as usize;
        let body = bytes.get(HEADER_LEN..len)?;
        let (extras, rest) = body.split_at(header[4].into());
        let (key, value) = rest.split_at(short(2).into());
        let answer = Answer {
            opcode: header[1],
            status: short(6),
            opaque: number(12),
            cas: u64::from_be_bytes(header[16..].try_into().expect("eight")),
            extras: extras.to_vec(),
            key: key.to_vec(),
            value: value.to_vec(),
        };
        Some((answer, len))
    }
    /// The flags of a hit.
    #[track_caller]
    pub fn flags(&self) -> u32 {
        u32::from_be_bytes(self.extras[..].try_into().expect("flags"))
    }
}

impl Client {
    /// The next packet.
    #[track_caller]
    pub fn packet(&mut self) -> Answer {
        let mut bytes = self.read(HEADER_LEN);
        let body = u32::from_be_bytes(bytes[8..12].try_into().expect("four"));
        bytes.extend(self.read(body as usize));
        Answer::read(&bytes).expect("whole").0
    }
    /// What this is answered.
    #[track_caller]
    pub fn ask(&mut self, packet: &Packet) -> Answer {
        self.send(packet.bytes()).packet()
    }
    /// This is answered by a status alone (and whatever CAS there may be).
    #[track_caller]
    pub fn ask_status(&mut self, packet: &Packet, status: u16) -> Answer {
        let answer = self.ask(packet);
        assert_eq!(answer, Answer { cas: answer.cas, ..packet.answer(status) }, "{packet:?}");
        answer
    }
    /// This is answered by nothing, and what follows it by what it should be.
    #[track_caller]
    pub fn ask_quietly(&mut self, packet: &Packet) {
        let noop = Packet::new(0x0a);
        self.send([packet.bytes(), noop.bytes()].concat());
        assert_eq!(self.packet(), noop.answer(0), "{packet:?}");
    }
}
