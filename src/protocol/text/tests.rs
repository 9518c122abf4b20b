//! Inputs and what becomes of them; then properties that hold for every input.

use super::*;
use crate::protocol::{Body, Request, limits::TOKENS_MAX, limits::VALUE_IN_BUFFER_MAX};
use proptest::prelude::*;

fn partial(wanted: usize, scanned: usize) -> Parsed<'static> {
    Parsed::Partial { wanted, scanned }
}

fn delete_of(key: &[u8]) -> Command<'_> {
    Command::Delete(Delete { key, compare: None })
}

fn style(noreply: bool, with_cas: bool) -> Style<'static> {
    Style::Text { noreply, with_cas }
}

/// Expect all of `input` to be one request.
#[track_caller]
fn accepts(input: &str, command: Command<'_>, style: Style<'_>) {
    let expected = Parsed::Complete { request: Request { command, style }, len: input.len() };
    assert_eq!(parse(input.as_bytes(), 0), expected, "{input:?}");
}

#[track_caller]
fn accepts_aloud(input: &str, command: Command<'_>) {
    accepts(input, command, style(false, false));
}

#[track_caller]
fn accepts_silently(input: &str, command: Command<'_>) {
    accepts(input, command, style(true, false));
}

/// Expect the first line of `input` to be refused.
#[track_caller]
fn refuses_with(
    input: impl AsRef<[u8]>,
    error: Option<ClientError>,
    swallow: u64,
    framing_lost: bool,
) {
    let input = input.as_ref();
    let len = input.iter().position(|&b| b == b'\n').expect("a line") + 1;
    let expected = Parsed::Malformed { error, len, swallow, framing_lost };
    assert_eq!(parse(input, 0), expected, "{}", input.escape_ascii());
}

#[track_caller]
fn refuses(input: impl AsRef<[u8]>, error: ClientError) {
    refuses_with(input, Some(error), 0, false);
}

#[track_caller]
fn refuses_silently(input: impl AsRef<[u8]>) {
    refuses_with(input, None, 0, false);
}

/// Keys as the parser hands them out: what stands behind the command word and, where that word
/// has its own path, one space.
fn get_of(list: &str) -> Command<'_> {
    Command::Get(Get { keys: Keys::new(list.as_bytes()), touch: None })
}

fn gat_of(exptime: i64, list: &str) -> Command<'_> {
    Command::Get(Get { keys: Keys::new(list.as_bytes()), touch: Some(Exptime(exptime)) })
}

/// A plain `set` of key `k`, flags 0 and no expiry.
fn set_of(body: Body<'_>) -> Set<'_> {
    Set { key: b"k", flags: 0, exptime: Exptime(0), mode: SetMode::Set, compare: None, body }
}

#[test]
fn lines_end_in_lf_and_one_cr_before_it_is_dropped() {
    accepts_aloud("version\r\n", Command::Version);
    accepts_aloud("version\n", Command::Version);
    accepts_aloud("get k\r\n", get_of("k"));
    accepts_aloud("get k\n", get_of("k"));
    accepts_aloud("get k\r\r\n", get_of("k\r"));
    refuses("version\r\r\n", ClientError::UnknownCommand);
    assert_eq!(parse(b"version\r", 0), partial(9, 8));
}

#[test]
fn the_next_request_in_the_buffer_is_left_alone() {
    let expected = Parsed::Complete {
        request: Request { command: get_of("a"), style: style(false, false) },
        len: 7,
    };
    assert_eq!(parse(b"get a\r\nget b\r\n", 0), expected);
}

#[test]
fn lines_under_four_bytes_are_bad_format_whatever_they_say() {
    for line in ["\n", "\r\n", "a\n", "a\r\n", " \n", "mn\n", "ab\n"] {
        refuses(line, ClientError::BadFormat);
    }
    refuses("ab\r\n", ClientError::UnknownCommand);
    accepts_aloud("mn\r\n", Command::Noop);
}

#[test]
fn only_space_separates_and_the_command_word_is_exact() {
    refuses("set\tk 0 0 1\r\n", ClientError::UnknownCommand);
    refuses(" get k\r\n", ClientError::UnknownCommand);
    refuses("GET k\r\n", ClientError::UnknownCommand);
    refuses("getk\r\n", ClientError::UnknownCommand);
    refuses("set\r\0 k 0 0 1\r\n", ClientError::UnknownCommand);
    accepts_aloud("delete   k   \r\n", delete_of(b"k"));
    accepts_aloud("version     \r\n", Command::Version);
}

#[test]
fn unknown_words_are_error_unless_silenced() {
    refuses("bogus\r\n", ClientError::UnknownCommand);
    refuses("bogus noreply now\r\n", ClientError::UnknownCommand);
    refuses_silently("bogus noreply\r\n");
    refuses_silently("bogus a b   noreply  \r\n");
}

#[test]
fn commands_of_later_issues_are_error() {
    for word in ["slabs", "lru", "lru_crawler", "cache_memlimit", "extstore", "refresh_certs"] {
        refuses(format!("{word} x\r\n"), ClientError::UnknownCommand);
        refuses_silently(format!("{word} noreply\r\n"));
    }
}

#[test]
fn browsers_are_cut_off() {
    for line in ["GET / HTTP/1.1\r\n", "POST HTTP/\r\n", " x HTTP/1.0\r\n"] {
        assert_eq!(parse(line.as_bytes(), 0), Parsed::Fatal, "{line:?}");
    }
    refuses("HTTP/1.1\r\n", ClientError::UnknownCommand);
    refuses("GET HTTP/1.1 x\r\n", ClientError::UnknownCommand);
    accepts_aloud("get HTTP/1.1\r\n", get_of("HTTP/1.1"));
}

#[test]
fn a_noreply_beyond_the_last_token_looked_at_is_not_seen() {
    let line = |words: usize| format!("bogus{} noreply\r\n", " x".repeat(words));
    refuses_silently(line(TOKENS_MAX - 2));
    refuses(line(TOKENS_MAX - 1), ClientError::UnknownCommand);
}

#[test]
fn endless_lines_are_fatal_unless_they_are_gets() {
    let filled = |front: &str, len: usize| {
        let mut line = front.to_owned().into_bytes();
        line.resize(len, b'x');
        line
    };
    assert_eq!(parse(&filled("set ", LINE_MAX), 0), partial(LINE_MAX + 1, LINE_MAX));
    let too_long = LINE_MAX + 1;
    for front in ["set ", "gat 0 ", "get", "gets", "getsy ", "", &" ".repeat(101), "mg "] {
        assert_eq!(parse(&filled(front, too_long), 0), Parsed::Fatal, "{front:?}");
    }
    for front in ["get ", "gets ", &format!("{}get ", " ".repeat(100))] {
        let expected = partial(too_long + 1, too_long);
        assert_eq!(parse(&filled(front, too_long), 0), expected, "{front:?}");
    }
    let over = format!("{}get ", " ".repeat(101));
    assert_eq!(parse(&filled(&over, too_long), 0), Parsed::Fatal);
    let whole = format!("gat 0 {}\r\n", "k ".repeat(LINE_MAX));
    assert!(matches!(parse(whole.as_bytes(), 0), Parsed::Complete { .. }));
}

#[test]
fn retrieval_takes_any_number_of_keys() {
    accepts_aloud("get a bb  ccc \r\n", get_of("a bb  ccc "));
    accepts("gets a\r\n", get_of(" a"), style(false, true));
    accepts_aloud("get a noreply\r\n", get_of("a noreply"));
    accepts_aloud("gat 10 a b\r\n", gat_of(10, " a b"));
    accepts("gats -1 a noreply\r\n", gat_of(-1, " a noreply"), style(false, true));
    let many = "k ".repeat(1000);
    accepts_aloud(&format!("get {many}\r\n"), get_of(&many));
    for line in ["get\r\n", "get \r\n", "gets\r\n", "gat\r\n", "gat 0\r\n", "gat 0 \r\n"] {
        refuses(line, ClientError::BadFormat);
    }
    refuses("gats foo\r\n", ClientError::BadFormat);
    refuses("gat x foo\r\n", ClientError::InvalidExptime);
    refuses("gat 2147483648 foo noreply\r\n", ClientError::InvalidExptime);
}

#[test]
fn keys_have_one_to_250_bytes_of_any_kind() {
    let longest = "k".repeat(KEY_MAX);
    let longer = "k".repeat(KEY_MAX + 1);
    accepts_aloud(&format!("get a {longest}\r\n"), get_of(&format!("a {longest}")));
    accepts_aloud("get \t\0\u{7f}é\r\n", get_of("\t\0\u{7f}é"));
    for front in ["get", "get a", "gets", "gat 0", "gats 0 b", "delete"] {
        refuses(format!("{front} {longer}\r\n"), ClientError::BadFormat);
    }
    refuses(format!("get {longer} b\r\n"), ClientError::BadFormat);
    refuses(format!("get {longer} noreply\r\n"), ClientError::BadFormat);
    accepts_aloud(&format!("delete {longest}\r\n"), delete_of(longest.as_bytes()));
    for (word, operand) in [("incr", "1"), ("touch", "0")] {
        refuses(format!("{word} {longer} {operand}\r\n"), ClientError::BadFormat);
        refuses_silently(format!("{word} {longer} {operand} noreply\r\n"));
        assert!(matches!(
            parse(format!("{word} {longest} {operand}\r\n").as_bytes(), 0),
            Parsed::Complete { .. }
        ));
    }
}

#[test]
fn storage_commands_differ_in_mode() {
    use SetMode::*;
    let modes = [("set", Set), ("add", Add), ("replace", Replace)];
    for (word, mode) in modes.into_iter().chain([("append", Append), ("prepend", Prepend)]) {
        let set = super::Set { mode, ..set_of(Body::Whole(b"abc")) };
        accepts_aloud(&format!("{word} k 0 0 3\r\nabc\r\n"), Command::Set(set));
        accepts_silently(&format!("{word}  k 0 0 3 noreply\nabc\r\n"), Command::Set(set));
    }
    let set = super::Set { compare: Some(7), ..set_of(Body::Whole(b"")) };
    accepts_aloud("cas k 0 0 0 7\r\n\r\n", Command::Set(set));
    accepts_silently("cas k 0 0 0 7 noreply\r\n\r\n", Command::Set(set));
}

#[test]
fn storage_operands_arrive() {
    let set = Set { flags: u32::MAX, exptime: Exptime(-1), ..set_of(Body::Whole(b"\r\n")) };
    accepts_aloud("set k 4294967295 -1 2\r\n\r\n\r\n", Command::Set(set));
    let set = Set { flags: 0, exptime: Exptime(1_215_752_191), ..set };
    accepts_aloud("set k 4294967296 99999999999 2\r\n\r\n\r\n", Command::Set(set));
    accepts_aloud("set k 0 0 3 junk\r\nabc\r\n", Command::Set(set_of(Body::Whole(b"abc"))));
    accepts_aloud("set k 0 0 3 noreply x\r\nabc\r\n", Command::Set(set_of(Body::Whole(b"abc"))));
    accepts_silently("set k 0 0 1 x noreply\r\na\r\n", Command::Set(set_of(Body::Whole(b"a"))));
}

#[test]
fn storage_lines_without_a_credible_length_lose_the_framing() {
    let lost = |line: &str| refuses_with(line, Some(ClientError::BadFormat), 0, true);
    for line in ["set\r\n", "set \r\n", "set k\r\n", "set k 0 0\r\n", "set k 0 0 noreply\r\n"] {
        lost(line);
    }
    for bytes in ["-1", "2147483646", "4294967295", "abc", "+3", "3x", "000000000003"] {
        lost(&format!("set k 0 0 {bytes} noreply\r\nabc\r\n"));
        lost(&format!("cas k 0 0 {bytes} 1\r\nabc\r\n"));
    }
    lost(&format!("set {} 0 0 -1\r\n", "k".repeat(KEY_MAX + 1)));
}

#[test]
fn storage_lines_wrong_otherwise_swallow_their_data() {
    let long_key = "k".repeat(KEY_MAX + 1);
    let fronts = [
        format!("set {long_key} 0 0 3"),
        "set k -1 0 3".into(),
        "set k x 0 3".into(),
        "add k 0 1x 3".into(),
        "cas k 0 0 3 -1".into(),
        "cas k 0 0 3 18446744073709551616".into(),
    ];
    for front in fronts {
        let error = Some(ClientError::BadFormat);
        refuses_with(format!("{front}\r\nabc\r\n"), error, 5, false);
        refuses_with(format!("{front} noreply\r\nabc\r\n"), None, 5, false);
    }
    refuses_with("cas k 0 0 3\r\n", Some(ClientError::BadFormat), 5, false);
    refuses_with("cas k 0 0 3 noreply\r\n", None, 5, false);
    let huge = format!("set {long_key} 0 0 {VALUE_LEN_MAX}\r\n");
    refuses_with(huge, Some(ClientError::BadFormat), VALUE_LEN_MAX as u64 + 2, false);
}

#[test]
fn values_are_awaited_whole() {
    assert_eq!(parse(b"set k 0 0 3\r\n", 0), partial(18, 12));
    assert_eq!(parse(b"set k 0 0 3\r\nabc\r", 12), partial(18, 12));
    accepts_aloud("set k 0 0 3\r\nabcdX", Command::Set(set_of(Body::Unterminated { len: 3 })));
    accepts_silently(
        "set k 0 0 3 noreply\r\nabc\n\n",
        Command::Set(set_of(Body::Unterminated { len: 3 })),
    );
}

#[test]
fn values_too_long_for_the_buffer_are_streamed() {
    let longest = VALUE_IN_BUFFER_MAX;
    let line = format!("set k 0 0 {longest}\r\n");
    assert_eq!(parse(line.as_bytes(), 0), partial(line.len() + longest + 2, line.len() - 1));
    let len = longest as u32 + 1;
    let streamed = Command::Set(set_of(Body::Streamed { len }));
    accepts_aloud(&format!("set k 0 0 {len}\r\n"), streamed);
    let len = VALUE_LEN_MAX as u32;
    let streamed = Command::Set(set_of(Body::Streamed { len }));
    accepts_silently(&format!("set k 0 0 {len} noreply\r\n"), streamed);
}

#[test]
fn delete_forgives_one_extra_word() {
    let delete = delete_of(b"k");
    accepts_aloud("delete k\r\n", delete);
    accepts_aloud("delete k 0\r\n", delete);
    accepts_silently("delete k noreply\r\n", delete);
    accepts_silently("delete k 0 noreply\r\n", delete);
    accepts_silently("delete noreply\r\n", delete_of(b"noreply"));
    refuses("delete\r\n", ClientError::BadFormat);
    refuses("delete k 0 1\r\n", ClientError::UnknownCommand);
    refuses("delete k noreply 1\r\n", ClientError::UnknownCommand);
    refuses_silently("delete k 0 1 noreply\r\n");
}

#[test]
fn arithmetic_takes_64_bits() {
    let (key, compare, vivify) = (&b"k"[..], None, None);
    let arith = |delta, direction| Command::Arith(Arith { key, delta, direction, compare, vivify });
    accepts_aloud("incr k 5\r\n", arith(5, Direction::Increment));
    accepts_silently("decr k 18446744073709551615 noreply\r\n", {
        arith(u64::MAX, Direction::Decrement)
    });
    refuses("incr\r\n", ClientError::BadFormat);
    refuses("incr k\r\n", ClientError::BadFormat);
    refuses("decr noreply\r\n", ClientError::BadFormat);
    for delta in ["-1", "x", "18446744073709551616", "+1"] {
        refuses(format!("incr k {delta}\r\n"), ClientError::InvalidDelta);
    }
    refuses_silently("incr k noreply\r\n");
}

#[test]
fn touch_takes_a_strict_expiry() {
    accepts_aloud("touch k 0\r\n", Command::Touch { key: b"k", exptime: Exptime(0) });
    accepts_silently(
        "touch k -2147483648 noreply\r\n",
        Command::Touch { key: b"k", exptime: Exptime(i64::from(i32::MIN)) },
    );
    refuses("touch k\r\n", ClientError::BadFormat);
    refuses("touch k 2147483648\r\n", ClientError::InvalidExptime);
    refuses_silently("touch k noreply\r\n");
}

#[test]
fn flush_all_is_now_or_later() {
    let admin = |delay| Command::Admin(Admin::FlushAll { delay });
    let flush = |delay: Option<i64>| admin(Ok(delay.map(Exptime)));
    let bad = Err(ClientError::InvalidExptime);
    for line in ["flush_all\r\n", "flush_all 0\r\n", "flush_all -5\r\n"] {
        accepts_aloud(line, flush(None));
    }
    accepts_aloud("flush_all 10\r\n", flush(Some(10)));
    accepts_silently("flush_all noreply\r\n", flush(None));
    accepts_silently("flush_all 10 noreply\r\n", flush(Some(10)));
    accepts_aloud("flush_all x\r\n", admin(bad));
    accepts_aloud("flush_all 2147483648\r\n", admin(bad));
    accepts_aloud("flush_all noreply 10\r\n", admin(bad));
    accepts_silently("flush_all x noreply\r\n", admin(bad));
}

#[test]
fn small_commands() {
    accepts_aloud("version noreply\r\n", Command::Version);
    accepts_aloud("quit\r\n", Command::Quit);
    accepts_aloud("quit now\r\n", Command::Quit);
    accepts_aloud("verbosity 4\r\n", Command::Admin(Admin::Verbosity(4)));
    accepts_silently("verbosity 1 noreply\r\n", Command::Admin(Admin::Verbosity(1)));
    refuses("verbosity\r\n", ClientError::BadFormat);
    refuses("verbosity x\r\n", ClientError::BadFormat);
    let shutdown = |mode| Command::Admin(Admin::Shutdown(mode));
    accepts_aloud("shutdown\r\n", shutdown(ShutdownMode::Now));
    accepts_aloud("shutdown graceful\r\n", shutdown(ShutdownMode::Graceful));
    accepts_aloud("shutdown g\r\n", shutdown(ShutdownMode::Graceful));
    accepts_aloud("shutdown gracefully\r\n", shutdown(ShutdownMode::Invalid));
    accepts_aloud("shutdown graceful x\r\n", shutdown(ShutdownMode::Invalid));
    accepts_silently("shutdown graceful noreply\r\n", shutdown(ShutdownMode::Graceful));
    accepts_silently("shutdown noreply\r\n", shutdown(ShutdownMode::Invalid));
}

#[test]
fn stats_topics_may_be_cut_short() {
    let topics = [
        ("", Stats::General),
        (" r", Stats::Reset),
        (" reset", Stats::Reset),
        (" d on", Stats::Detail(b"on")),
        (" detail", Stats::Detail(b"")),
        (" s", Stats::Settings),
        (" settings x y", Stats::Settings),
        (" c 1 2 3", Stats::CacheDump { class: Some(b"1"), limit: Some(b"2") }),
        (" cachedump 1", Stats::CacheDump { class: Some(b"1"), limit: None }),
        (" co", Stats::Conns),
        (" e", Stats::Extstore),
        (" items", Stats::Items),
        (" slabs", Stats::Slabs),
        (" sizes", Stats::Sizes),
    ];
    for (words, stats) in topics {
        accepts_aloud(&format!("stats{words}\r\n"), Command::Admin(Admin::Stats(stats)));
    }
    for word in ["slab", "item", "size", "settingsx", "noreply", "maps", "malloc", "x"] {
        refuses(format!("stats {word}\r\n"), ClientError::UnknownCommand);
    }
}

#[test]
#[cfg(feature = "debug-commands")]
fn debugtime_moves_the_clock() {
    let time = |what| Command::Admin(Admin::DebugTime(what));
    accepts_aloud("debugtime p\r\n", time(DebugTime::Pause));
    accepts_aloud("debugtime r\r\n", time(DebugTime::Resume));
    accepts_aloud("debugtime -5\r\n", time(DebugTime::Add(-5)));
    refuses("debugtime\r\n", ClientError::UnknownCommand);
    refuses("debugtime x\r\n", ClientError::UnknownCommand);
}

#[test]
#[cfg(feature = "debug-commands")]
fn debugcheck_has_no_operands() {
    accepts_aloud("debugcheck\r\n", Command::Admin(Admin::DebugCheck));
}

#[test]
#[cfg(feature = "debug-commands")]
fn debugitem_takes_a_word_and_a_key() {
    let words = [
        ("lock", DebugItem::Lock),
        ("unlock", DebugItem::Unlock),
        ("ref", DebugItem::Reference),
        ("unref", DebugItem::Unreference),
    ];
    for (word, what) in words {
        let item = Command::Admin(Admin::DebugItem { what, key: b"noreply" });
        accepts_aloud(&format!("debugitem {word} noreply\r\n"), item);
        refuses(format!("debugitem {word}\r\n"), ClientError::UnknownCommand);
        let long = "k".repeat(251);
        refuses(format!("debugitem {word} {long}\r\n"), ClientError::UnknownCommand);
    }
    refuses("debugitem re k\r\n", ClientError::UnknownCommand);
}

#[test]
#[cfg(not(feature = "debug-commands"))]
fn debug_commands_are_unknown() {
    refuses("debugitem ref k\r\n", ClientError::UnknownCommand);
    refuses("debugtime 5\r\n", ClientError::UnknownCommand);
    refuses("debugcheck\r\n", ClientError::UnknownCommand);
}

#[test]
fn keys_resume_where_they_stopped() {
    let all: Vec<_> = Keys::new(b"  a bb   ccc  ").collect();
    assert_eq!(all, [&b"a"[..], b"bb", b"ccc"]);
    let list = Keys::new(b"  a bb   ccc  ");
    let mut keys = list;
    for seen in 0..=all.len() {
        let rest: Vec<_> = list.skip_to(keys.offset()).collect();
        assert_eq!(rest, all[seen..]);
        assert_eq!(keys.next(), all.get(seen).copied());
    }
    assert_eq!(list.skip_to(usize::MAX).next(), None);
}

/// One of everything, for the properties below.
const REQUESTS: &[&str] = &[
    "get a\r\n",
    "get a bb ccc\n",
    "gets a b\r\n",
    "gat 10 a b\r\n",
    "gats -1 a\r\n",
    "set k 1 2 5\r\nhello\r\n",
    "set k 1 2 5 noreply\r\nhel\r\n\r\n",
    "set k 0 0 3\r\nabcde",
    "set k 0 0 4\n\n\n\n\n\r\n",
    "set k 0 0 0\r\n\r\n",
    "cas k 0 0 1 77\r\nx\r\n",
    "cas k 0 0 1\r\n",
    "set k x 0 1\r\n",
    "set k 0 0 -1\r\n",
    "set k 0 0 70000\r\n",
    "delete k\r\n",
    "delete k 0 noreply\r\n",
    "incr k 12\r\n",
    "touch k 9\r\n",
    "flush_all 10 noreply\r\n",
    "verbosity 1\r\n",
    "stats c 1 2\r\n",
    "shutdown graceful\r\n",
    "version\r\n",
    "quit\r\n",
    "bogus noreply\r\n",
    "GET / HTTP/1.1\r\n",
    "\r\n",
];

#[test]
fn every_split_point_waits_and_then_means_the_same() {
    for request in REQUESTS {
        let request = request.as_bytes();
        let whole = parse(request, 0);
        let mut scanned_before = 0;
        for cut in 0..request.len() {
            let Parsed::Partial { wanted, scanned } = parse(&request[..cut], scanned_before) else {
                panic!("{} decided after {cut} bytes", request.escape_ascii());
            };
            assert!(cut < wanted && wanted <= request.len());
            assert!(scanned_before <= scanned && scanned <= cut);
            assert!(!request[..scanned].contains(&b'\n'));
            scanned_before = scanned;
        }
        assert_eq!(parse(request, scanned_before), whole, "{}", request.escape_ascii());
    }
}

/// Arbitrary bytes, and bytes that look like requests.
fn inputs() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "get",
        "gets",
        "gat",
        "set",
        "cas",
        "add",
        "delete",
        "incr",
        "touch",
        "stats",
        "flush_all",
        "noreply",
        "0",
        "1",
        "5",
        "-1",
        "k",
        "key",
        " ",
        "\r\n",
        "\n",
        "\r",
        "HTTP/1",
        "x\r\n",
    ]);
    let requests = prop::collection::vec((word, any::<bool>()), 0..24).prop_map(|words| {
        let mut bytes = Vec::new();
        for (word, space) in words {
            bytes.extend_from_slice(word.as_bytes());
            bytes.extend_from_slice(if space { b" " } else { b"" });
        }
        bytes
    });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        requests,
        prop::sample::select(REQUESTS).prop_map(|request| request.as_bytes().to_vec()),
        (inputs_mutated(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
            |(mut bytes, at, byte)| {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                bytes
            }
        ),
    ]
}

/// Two requests in a row, one byte of which is then changed.
fn inputs_mutated() -> impl Strategy<Value = Vec<u8>> {
    let one = || prop::sample::select(REQUESTS);
    (one(), one()).prop_map(|(a, b)| [a.as_bytes(), b.as_bytes()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_answered_within_bounds(input in inputs()) {
        match parse(&input, 0) {
            Parsed::Partial { wanted, scanned } => {
                prop_assert!(wanted > input.len());
                prop_assert!(scanned <= input.len());
                prop_assert!(!input[..scanned].contains(&b'\n'));
            }
            Parsed::Complete { len, .. } | Parsed::Malformed { len, .. } => {
                prop_assert!(0 < len && len <= input.len());
            }
            Parsed::Fatal => {}
        }
    }

    #[test]
    fn bytes_said_to_be_scanned_change_nothing(input in inputs()) {
        let lf = input.iter().position(|&b| b == b'\n').unwrap_or(input.len());
        let expected = parse(&input, 0);
        for scanned in 0..=lf {
            prop_assert_eq!(parse(&input, scanned), expected);
        }
    }

    #[test]
    fn a_decision_stands_whatever_follows(input in inputs()) {
        let whole = parse(&input, 0);
        for cut in 0..input.len() {
            let front = parse(&input[..cut], 0);
            if !matches!(front, Parsed::Partial { .. }) {
                prop_assert_eq!(front, whole, "at {}", cut);
            }
        }
    }
}
