//! get, gets, gat, gats, touch, delete, incr, decr, and expiry.

use super::*;

#[test]
fn a_get_answers_every_key_that_is_there_in_order() {
    let mut cache = Cache::new();
    cache.ask("set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\n");
    let answer = cache.ask("get b none a  b \r\n");
    assert_eq!(answer, "VALUE b 0 1\r\n2\r\nVALUE a 0 1\r\n1\r\nVALUE b 0 1\r\n2\r\nEND\r\n");
}

/// A get of `count` keys, every third of which is missing, and its answer.
fn long_get(cache: &mut Cache, count: usize) -> (String, String) {
    let (mut line, mut answer) = (String::from("get"), String::new());
    for n in 0..count {
        line += &format!(" key{n}");
        if n % 3 != 0 {
            cache.ask(set(&format!("set key{n} {n} 0"), &format!("value{n}")));
            answer += &format!("VALUE key{n} {n} {}\r\nvalue{n}\r\n", format!("value{n}").len());
        }
    }
    (line + "\r\n", answer + "END\r\n")
}

#[test]
fn keys_beyond_the_hashes_that_were_made_are_answered_too() {
    let mut cache = Cache::new();
    for count in [1, 3, 4, 5, 6, 11, 12, 13, 19, 20, 21, 40, 100] {
        let (line, answer) = long_get(&mut cache, count);
        let hits = (0..count).filter(|n| n % 3 != 0).count() as i64;
        let before = cache.stats();
        assert_eq!(cache.ask(line), answer, "{count} keys");
        let after = cache.stats();
        assert_eq!(after["get_hits"] - before["get_hits"], hits, "{count} keys");
        assert_eq!(after["cmd_get"] - before["cmd_get"], count as i64, "{count} keys");
    }
    assert_eq!(cache.pauses, 0);
}

#[test]
fn a_resumed_get_answers_and_counts_no_key_twice() {
    let mut cache = Cache::new();
    let (line, answer) = long_get(&mut cache, 60);
    for output_max in [1, 10, 30, 60, 100, 1000] {
        cache.output_max = output_max;
        cache.pauses = 0;
        let before = cache.stats();
        assert_eq!(cache.ask(&line), answer, "{output_max} bytes at once");
        let after = cache.stats();
        assert!(cache.pauses > 0);
        assert_eq!(after["cmd_get"] - before["cmd_get"], 60, "{output_max} bytes at once");
        assert_eq!(after["get_hits"] - before["get_hits"], 40, "{output_max} bytes at once");
        assert_eq!(cache.client.resume_at, 0);
    }
}

#[test]
fn long_values_interrupt_a_get_but_not_its_order() {
    let mut cache = Cache::new();
    let long = "z".repeat(70_000);
    cache.ask(set("set big 0 0", &long));
    cache.ask("set small 0 0 1\r\ns\r\n");
    let mut line = String::from("gets");
    for _ in 0..10 {
        line += " big small none";
    }
    let answer = cache.ask(line + "\r\n");
    let lines: Vec<_> = answer.lines().map(|l| if l.len() > 100 { "long" } else { l }).collect();
    assert_eq!(lines.len(), 41);
    assert!(lines[0].starts_with("VALUE big 0 70000 "), "{}", lines[0]);
    assert_eq!((lines[1], lines[3], lines[40]), ("long", "s", "END"));
    assert_eq!(cache.pauses, 10);
    assert_eq!(cache.stats()["pins"], 0);
    assert_eq!(cache.stats()["cmd_get"], 30);
}

#[test]
fn gat_returns_the_value_and_moves_the_expiry() {
    let mut cache = Cache::new();
    cache.ask("set k 1 10 1\r\na\r\n");
    assert_eq!(cache.ask("gat 100 k none\r\n"), "VALUE k 1 1\r\na\r\nEND\r\n");
    cache.pass(50);
    assert!(cache.ask("gats 0 k\r\n").starts_with("VALUE k 1 1 "));
    cache.pass(1_000_000);
    assert_eq!(cache.ask("gat -1 k\r\n"), "VALUE k 1 1\r\na\r\nEND\r\n");
    assert_eq!(cache.ask("get k\r\n"), "END\r\n");
}

#[test]
fn touch_moves_the_expiry() {
    let mut cache = Cache::new();
    assert_eq!(cache.ask("touch k 10\r\n"), "NOT_FOUND\r\n");
    cache.ask("set k 0 0 1\r\na\r\n");
    assert_eq!(cache.ask("touch k 10\r\n"), "TOUCHED\r\n");
    cache.pass(9);
    assert_eq!(cache.ask("get k\r\n"), "VALUE k 0 1\r\na\r\nEND\r\n");
    cache.pass(1);
    assert_eq!(cache.ask("get k\r\n"), "END\r\n");
}

#[test]
fn items_die_when_they_should() {
    let mut cache = Cache::new();
    let unix = START_UNIX + 30;
    for (exptime, lives_s) in
        [("1".into(), 1), ("30".into(), 30), ("2592000".into(), 2_592_000), (unix.to_string(), 30)]
    {
        let mut cache = Cache::new();
        assert_eq!(cache.ask(format!("set k 0 {exptime} 1\r\na\r\n")), "STORED\r\n");
        cache.pass(lives_s - 1);
        assert_eq!(cache.ask("get k\r\n"), "VALUE k 0 1\r\na\r\nEND\r\n", "{exptime}");
        cache.pass(1);
        cache.moves("get k\r\n", "END\r\n", "cmd_get get_misses get_expired curr_items+-1");
    }
    for past in ["-1", "2592001", "1000000000", "99999999999"] {
        assert_eq!(cache.ask(format!("set k 0 {past} 1\r\na\r\n")), "STORED\r\n");
        assert_eq!(cache.ask("get k\r\n"), "END\r\n", "{past}");
    }
}

#[test]
fn delete_removes_a_key_once() {
    let mut cache = Cache::new();
    cache.ask("set k 0 0 1\r\na\r\n");
    assert_eq!(cache.ask("delete k\r\n"), "DELETED\r\n");
    assert_eq!(cache.ask("delete k\r\n"), "NOT_FOUND\r\n");
    assert_eq!(cache.ask("get k\r\n"), "END\r\n");
    cache.ask("set noreply 0 0 1\r\na\r\n");
    assert_eq!(cache.ask("delete noreply\r\nget noreply\r\n"), "END\r\n");
}

#[test]
fn incr_and_decr_count() {
    let mut cache = Cache::new();
    assert_eq!(cache.ask("incr n 1\r\ndecr n 1\r\n"), "NOT_FOUND\r\nNOT_FOUND\r\n");
    cache.ask("set n 5 0 2\r\n10\r\n");
    assert_eq!(cache.ask("decr n 1\r\n"), "9\r\n");
    assert_eq!(cache.ask("get n\r\n"), "VALUE n 5 2\r\n9 \r\nEND\r\n");
    assert_eq!(cache.ask("incr n 991\r\n"), "1000\r\n");
    assert_eq!(cache.ask("get n\r\n"), "VALUE n 5 4\r\n1000\r\nEND\r\n");
    assert_eq!(cache.ask("decr n 5000\r\n"), "0\r\n");
    assert_eq!(cache.ask("incr n 18446744073709551615\r\n"), "18446744073709551615\r\n");
    assert_eq!(cache.ask("incr n 2\r\n"), "1\r\n");
}

#[test]
fn what_is_not_a_number_is_not_counted() {
    let mut cache = Cache::new();
    let told = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
    let long = "1".repeat(100_000);
    for value in ["a", "", "-1", "18446744073709551616", "1a", &long] {
        cache.ask(set("set n 0 0", value));
        assert_eq!(cache.ask("incr n 1\r\n"), told, "{value}");
        assert_eq!(cache.ask("decr n 1\r\n"), told, "{value}");
    }
    let bad_delta = "CLIENT_ERROR invalid numeric delta argument\r\n";
    assert_eq!(cache.ask("incr n a\r\n"), bad_delta);
    assert_eq!(cache.ask("decr n -1\r\n"), bad_delta);
}

#[test]
fn lines_that_cannot_be_requests_are_told_so() {
    let mut cache = Cache::new();
    let bad_format = "CLIENT_ERROR bad command line format\r\n";
    let bad_exptime = "CLIENT_ERROR invalid exptime argument\r\n";
    for (line, told) in [
        ("get\r\n", bad_format),
        ("gat 0\r\n", bad_format),
        ("gat x k\r\n", bad_exptime),
        ("touch k x\r\n", bad_exptime),
        ("touch k\r\n", bad_format),
        ("delete\r\n", bad_format),
        ("incr k\r\n", bad_format),
        ("set k 0 0\r\n", bad_format),
        ("set k x 0 2\r\nab\r\n", bad_format),
        ("cas k 0 0 2 x\r\nab\r\n", bad_format),
        ("bogus\r\n", "ERROR\r\n"),
        ("stats bogus\r\n", "ERROR\r\n"),
    ] {
        assert_eq!(cache.ask(line), told, "{line:?}");
    }
}
