//! Conversations over scripted streams: no socket, no clock, every split.

use super::super::limits::{DUMP_PIECES, OUTPUT_MARK};
use super::super::scripted::World;
use crate::ops::shared::tests::config;

/// A worker of the defaults.
fn world() -> World {
    World::new(config())
}

/// The only worker there is: long values go straight from sockets to chunks.
fn lone_world() -> World {
    let mut config = config();
    (config.threads, config.store.threads) = (1, 1);
    World::new(config)
}

impl World {
    /// Until nobody is ready.
    fn settle(&mut self) {
        while !self.ready.is_empty() {
            self.stage();
        }
    }

    /// A conversation that comes to its end: the answers.
    fn hear(&mut self, input: &[u8], read_max: usize, room: usize) -> Vec<u8> {
        let talk = self.talk(input, &[read_max], room, usize::MAX);
        assert_eq!(talk.left, 0, "all was used, and all was sent");
        talk.replies
    }
}

fn value(len: usize) -> Vec<u8> {
    (0..len).map(|i| b'a' + (i % 23) as u8).collect()
}

fn set(key: &str, len: usize) -> Vec<u8> {
    let mut text = format!("set {key} 7 0 {len}\r\n").into_bytes();
    text.extend(value(len));
    text.extend(b"\r\n");
    text
}

fn hit(key: &str, len: usize) -> Vec<u8> {
    let mut text = format!("VALUE {key} 7 {len}\r\n").into_bytes();
    text.extend(value(len));
    text.extend(b"\r\n");
    text
}

/// A conversation with everything that changes how bytes are taken, and its answers.
fn conversation() -> (Vec<u8>, Vec<u8>) {
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    let mut say = |ask: &[u8], answer: &[u8]| {
        asked.extend_from_slice(ask);
        answered.extend_from_slice(answer);
    };
    let sizes = [0, 5, 900, 32_768, 32_769, 70_000, 300_000];
    let stored: Vec<(String, usize)> =
        sizes.iter().enumerate().map(|(i, len)| (format!("k{i}"), *len)).collect();
    for (key, len) in &stored {
        say(&set(key, *len), b"STORED\r\n");
        say(format!("get {key}\r\n").as_bytes(), &[hit(key, *len), b"END\r\n".to_vec()].concat());
    }
    say(b"get absent\r\nbogus\r\nversion\r\n", b"END\r\nERROR\r\nVERSION 1.6.45\r\n");
    let long_key = "k".repeat(251);
    say(
        format!("set {long_key} 0 0 3\r\nabc\r\nget absent\r\n").as_bytes(),
        b"CLIENT_ERROR bad command line format\r\nEND\r\n",
    );
    say(
        &[b"set big 0 0 2000000\r\n".to_vec(), value(2_000_000), b"\r\n".to_vec()].concat(),
        b"SERVER_ERROR object too large for cache\r\n",
    );
    say(b"set bad 0 0 3\r\nabcde", b"CLIENT_ERROR bad data chunk\r\n");
    say(b"set k0 7 0 1 noreply\r\nz\r\n", b"");
    say(&set("k0", sizes[0]), b"STORED\r\n");
    let keys: Vec<&str> = stored.iter().map(|(key, _)| key.as_str()).collect();
    let all: Vec<u8> = stored.iter().flat_map(|(key, len)| hit(key, *len)).collect();
    for _ in 0..3 {
        let answer = [all.as_slice(), b"END\r\n"].concat();
        say(format!("get {} none\r\n", keys.join(" none ")).as_bytes(), &answer);
    }
    for _ in 0..600 {
        say(b"get k1\r\n", &[hit("k1", sizes[1]), b"END\r\n".to_vec()].concat());
    }
    (asked, answered)
}

#[test]
fn pieces_of_any_size_give_the_same_answers() {
    let (asked, answered) = conversation();
    for read_max in [1, 13, 997, 4096, 32_767, 32_768, usize::MAX] {
        for mut world in [world(), lone_world()] {
            let got = world.hear(&asked, read_max, usize::MAX);
            assert!(got == answered, "in pieces of {read_max}");
            world.store.assert_valid();
        }
    }
}

#[test]
fn a_reader_of_any_speed_gets_the_same_answers() {
    let (asked, answered) = conversation();
    for room in [53, 1500, 20_000, 32_768, 300_000] {
        for mut world in [world(), lone_world()] {
            let got = world.hear(&asked, usize::MAX, room);
            assert!(got == answered, "taken by {room}");
        }
    }
}

/// A lookup of a key in each dialect that can ask for many at once, quietly.
fn quiet_lookups(key: &str) -> [Vec<u8>; 3] {
    let mut packet = vec![0; 24];
    (packet[0], packet[1]) = (0x80, 0x0d);
    (packet[3], packet[11], packet[15]) = (key.len() as u8, key.len() as u8, key.len() as u8);
    packet.extend(key.as_bytes());
    let text = |verb: &str, flags: &str| format!("{verb} {key}{flags}\r\n").into_bytes();
    [text("get", ""), text("mg", " k v f q"), packet]
}

/// Requests that repeat each other are recognised and run by a shorter way, and pauses, values too
/// long for a buffer and the ends of turns come in the midst of them.
#[test]
fn a_run_of_lookups_is_answered_as_its_requests_one_by_one() {
    let mut world = world();
    let sizes = [("a", 10), ("long", 150_000), ("b", 30_000), ("none", 0), ("c", 32_769)];
    for (key, len) in sizes.into_iter().filter(|(key, _)| *key != "none") {
        assert_eq!(world.hear(&set(key, len), usize::MAX, usize::MAX), b"STORED\r\n");
    }
    world.turn_requests = 7;
    for dialect in 0..3 {
        let (mut run, mut answers) = (Vec::new(), Vec::new());
        for n in 0..60 {
            let (key, _) = sizes[n * n % 11 % sizes.len()];
            let request = &quiet_lookups(key)[dialect];
            answers.extend(world.hear(request, usize::MAX, usize::MAX));
            run.extend(request);
        }
        for (read_max, room) in [(usize::MAX, usize::MAX), (usize::MAX, 40_000), (11, 300_000)] {
            let got = world.hear(&run, read_max, room);
            assert!(got == answers, "dialect {dialect}, pieces of {read_max}, taken by {room}");
        }
    }
    assert_eq!(world.store.stats(62).pins, 0);
    world.store.assert_valid();
}

/// The own buffer of the first set is filled to its last byte, and the rest of what it holds is too
/// short to be moved at once.
/// The run may end where the output is full, and something else follows, or nothing.
#[test]
fn a_run_of_lookups_may_end_where_the_output_is_full() {
    let len = 40_000;
    for behind in ["", "version\r\n"] {
        for gets in 1..=2 * OUTPUT_MARK / len + 2 {
            let mut asked = set("k", len);
            let mut answered = b"STORED\r\n".to_vec();
            for _ in 0..gets {
                asked.extend(b"get k\r\n");
                answered.extend([hit("k", len), b"END\r\n".to_vec()].concat());
            }
            asked.extend(behind.as_bytes());
            if !behind.is_empty() {
                answered.extend(b"VERSION 1.6.45\r\n");
            }
            assert!(world().hear(&asked, usize::MAX, 50_000) == answered, "{gets}, {behind:?}");
        }
    }
}

#[test]
fn a_set_behind_a_set_finds_room_wherever_the_first_one_ends() {
    for len in [20_000, 33_000, 40_000, 60_000] {
        let input = [set("a", len), set("b", len), b"get b\r\n".to_vec()].concat();
        let answers = [&b"STORED\r\nSTORED\r\n"[..], &hit("b", len), b"END\r\n"].concat();
        for first in [100, 2500, 5000] {
            let talk = world().talk(&input, &[first, 1 << 20], usize::MAX, usize::MAX);
            assert!(talk.left == 0 && talk.replies == answers, "{len}, {first} at first");
        }
    }
}

#[test]
fn nothing_stays_in_the_store_when_a_conversation_breaks_off_anywhere() {
    nothing_stays_behind(world());
    nothing_stays_behind(lone_world());
}

fn nothing_stays_behind(mut world: World) {
    let (asked, _) = conversation();
    for cut in (0..asked.len()).step_by(asked.len() / 97) {
        let token = world.connect(&asked[..cut], &[50_000]);
        world.conns[token].stream.room = cut;
        world.wake(token);
        world.settle();
        let mut conn = world.conns.remove(token);
        conn.release(&world.store);
        world.shared.workers[0].buffer_bytes.sub(u64::from(conn.owned));
        let stats = world.store.stats(62);
        assert_eq!((stats.uploads, stats.upload_bytes, stats.pins), (0, 0, 0), "cut at {cut}");
    }
    world.store.assert_valid();
}

/// The first set tells that long values come; of the second one, little is read before its chunks
/// are known. Three reads of doubling length, and one for the end of the second value, with the get
/// behind it.
#[test]
fn a_long_value_is_read_straight_into_its_chunks() {
    let mut world = lone_world();
    let input = [set("a", 70_000), set("a", 800_000), b"get a\r\n".to_vec()].concat();
    let token = world.connect(&input, &[usize::MAX]);
    world.wake(token);
    world.settle();
    let conn = &world.conns[token];
    assert_eq!(conn.stream.at, input.len());
    assert!(conn.stream.reads <= 6, "{} reads", conn.stream.reads);
    let answer = [&b"STORED\r\nSTORED\r\n"[..], &hit("a", 800_000), b"END\r\n"].concat();
    assert!(conn.stream.written == answer);
    assert_eq!((conn.input.capacity(), conn.output.capacity()), (0, 0));
    assert_eq!(world.store.stats(62).pins, 0);
    world.store.assert_valid();
}

/// Chunks are taken before it is known how much came, and at full memory taken from others.
#[test]
fn a_trickling_value_evicts_little_more_than_it_fills() {
    let mut config = config();
    (config.threads, config.store.threads, config.store.limit_bytes) = (1, 1, 4 << 20);
    let mut world = World::new(config);
    for n in 0..200 {
        let stored = world.hear(&set(&format!("k{n}"), 30_000), usize::MAX, usize::MAX);
        assert_eq!(stored, b"STORED\r\n");
    }
    let evictions =
        |world: &World| world.store.stats(62).classes.iter().map(|class| class.evicted).sum();
    let before: u64 = evictions(&world);
    assert!(before > 0, "memory is full");
    let token = world.connect(&set("long", 900_000), &[1400]);
    for _ in 0..100 {
        world.wake(token);
        world.settle();
    }
    assert_eq!(world.conns[token].stream.at, 140_000);
    let more: u64 = evictions(&world) - before;
    // Five chunks are filled; four more may be at hand, and a page for the head.
    assert!(more <= 12, "{more} evictions for 140 KB");
    world.store.assert_valid();
}

/// Long values that come: a short request behind them does not wait for all of them.
#[test]
fn a_stage_moves_so_many_bytes_of_long_values_and_leaves_the_others_in_front() {
    const LEN: usize = 900_000;
    let mut world = lone_world();
    let mut tokens = Vec::new();
    for n in 0..6 {
        let token = world.connect(&set(&format!("k{n}"), LEN), &[1000]);
        world.wake(token);
        world.settle();
        world.conns[token].stream.pieces = vec![usize::MAX];
        tokens.push(token);
    }
    let moved = |world: &World| {
        let streams = tokens.iter().map(|&token| &world.conns[token].stream);
        streams.map(|stream| stream.at).collect::<Vec<_>>()
    };
    let before = moved(&world);
    tokens.iter().for_each(|&token| world.wake(token));
    world.stage();
    let after = moved(&world);
    // Two do not reach the limit, the third passes it.
    assert!((0..3).all(|n| after[n] > before[n]), "{after:?}");
    assert!((3..6).all(|n| after[n] == before[n]), "{after:?}");
    assert_eq!(world.ready.front(), Some(&tokens[3]));
    world.settle();
    assert!(moved(&world).iter().all(|&bytes| bytes > LEN));
    world.store.assert_valid();
}

#[test]
fn a_lone_get_costs_one_read_and_one_write() {
    let mut world = world();
    let token = world.connect(b"get a\r\n", &[usize::MAX]);
    world.wake(token);
    world.settle();
    let conn = &world.conns[token];
    assert_eq!((conn.stream.reads, conn.stream.writes), (1, 1));
    assert_eq!(conn.stream.written, b"END\r\n");
    assert_eq!((conn.input.capacity(), conn.output.capacity()), (0, 0));
    assert!(world.effects.timers.is_empty() && world.effects.interest.is_empty());
}

#[test]
fn what_came_whole_before_the_end_of_the_stream_is_answered() {
    let mut world = world();
    let token = world.connect(b"get a\r\nget b\r\nget c", &[usize::MAX]);
    world.conns[token].stream.ends = true;
    world.conns[token].hangup = true;
    world.wake(token);
    world.settle();
    assert_eq!(world.conns[token].stream.written, b"END\r\nEND\r\n");
    assert_eq!(world.effects.doomed, [token]);
}

#[test]
fn nothing_behind_quit_is_run_and_unread_bytes_are_drained_before_the_close() {
    let mut world = world();
    let mut input = b"get a\r\nquit\r\nget b\r\n".to_vec();
    let token = world.connect(&input, &[usize::MAX]);
    world.wake(token);
    world.settle();
    assert_eq!(world.conns[token].stream.written, b"END\r\n");
    assert_eq!((&world.effects.doomed[..], &world.effects.half_close[..]), (&[token][..], &[][..]));

    input.resize(200_000, b'x');
    let token = world.connect(&input, &[usize::MAX]);
    world.wake(token);
    world.settle();
    assert_eq!(world.conns[token].stream.written, b"END\r\n");
    assert_eq!(world.effects.half_close, [token]);
    assert_eq!(world.conns[token].stream.at, 200_000);
    assert!(!world.effects.doomed.contains(&token));
    world.conns[token].stream.ends = true;
    world.wake(token);
    world.settle();
    assert!(world.effects.doomed.contains(&token));
}

#[test]
fn one_who_does_not_read_is_not_read_either() {
    let mut world = world();
    let small = set("v", 1000);
    assert_eq!(world.hear(&small, usize::MAX, usize::MAX), b"STORED\r\n");
    let token = world.connect(&b"get v\r\n".repeat(20_000), &[usize::MAX]);
    world.conns[token].stream.room = 0;
    world.wake(token);
    world.settle();
    let conn = &world.conns[token];
    assert!(conn.output.len() >= OUTPUT_MARK / 2 && conn.output.len() < OUTPUT_MARK + 2000);
    assert!(conn.stream.at < 140_000, "reading has stopped");
    assert_eq!(world.effects.interest.last(), Some(&token));
    assert_eq!(world.effects.timers.len(), 1);
    world.conns[token].stream.room = usize::MAX;
    world.wake(token);
    world.settle();
    assert!(
        world.conns[token].stream.written
            == [hit("v", 1000), b"END\r\n".to_vec()].concat().repeat(20_000)
    );
}

#[test]
fn a_long_pipeline_takes_turns_with_others() {
    let mut world = world();
    world.turn_requests = 20;
    let greedy = world.connect(&b"get a\r\n".repeat(1000), &[usize::MAX]);
    let modest = world.connect(b"get a\r\n", &[usize::MAX]);
    world.wake(greedy);
    world.wake(modest);
    world.stage();
    assert_eq!(world.conns[greedy].stream.written, b"END\r\n".repeat(20));
    assert_eq!(world.conns[modest].stream.written, b"END\r\n");
    world.settle();
    assert_eq!(world.conns[greedy].stream.written, b"END\r\n".repeat(1000));
    assert_eq!(world.shared.workers[0].conn_yields.get(), 49);
}

/// What others wait for while a dump goes on is work, so work is counted: items listed and bytes
/// made in one turn, even if every key is as long as can be and all of it is escaped.
#[test]
fn a_turn_of_a_dump_is_short_however_many_items_there_are() {
    const ITEMS: usize = 4000;
    const LINE_MAX: usize = 3 * 250 + 200;
    // Steps of 64 items, and a bucket more each.
    const LISTED_MAX: usize = DUMP_PIECES * (64 + 36);
    let mut world = world();
    let sets: String =
        (0..ITEMS).map(|n| format!("set {n:#<250} 0 0 1 noreply\r\nx\r\n")).collect();
    assert_eq!(world.hear(sets.as_bytes(), usize::MAX, usize::MAX), b"");
    let token = world.connect(b"lru_crawler metadump all\r\n", &[usize::MAX]);
    world.wake(token);
    let (mut turns, mut listed) = (0, 0);
    while !world.ready.is_empty() {
        let before = world.conns[token].stream.written.len();
        world.stage();
        let made = &world.conns[token].stream.written[before..];
        let lines = made.iter().filter(|&&byte| byte == b'\n').count();
        assert!(lines <= LISTED_MAX && made.len() <= LISTED_MAX * LINE_MAX, "{lines} lines");
        (turns, listed) = (turns + 1, listed + lines);
    }
    assert_eq!(listed, ITEMS + 2, "OK, every item, END");
    assert!(turns > ITEMS / LISTED_MAX);
}
