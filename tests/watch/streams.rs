//! What each stream says, and when.

use super::common::{Server, pattern, skip_without_clock};
use super::{expect_lines, line, watcher};

#[test]
fn every_lookup_is_a_fetchers_line() {
    let server = Server::start();
    let mut watcher = watcher(&server, "");
    let mut c = server.client();
    c.says(&[
        ("get k\r\n", "END\r\n"),
        ("set k 0 0 5\r\nhello\r\n", "STORED\r\n"),
        ("get k nope\r\n", "VALUE k 0 5\r\nhello\r\nEND\r\n"),
        ("touch k 100\r\n", "TOUCHED\r\n"),
        ("incr nope 1\r\n", "NOT_FOUND\r\n"),
        ("append k 0 0 1\r\n!\r\n", "STORED\r\n"),
        ("delete k\r\n", "DELETED\r\n"),
    ]);
    let nothing = "status=not_found clsid=0 size=0";
    expect_lines(
        &mut watcher,
        &[
            &format!("type=item_get key=k {nothing}"),
            &format!("type=item_get key=k {nothing}"),
            "type=item_get key=k status=found clsid=1 size=5",
            &format!("type=item_get key=nope {nothing}"),
            "type=item_get key=k status=found clsid=1 size=5",
            &format!("type=item_get key=nope {nothing}"),
            "type=item_get key=k status=found clsid=1 size=5",
            "type=item_get key=k status=found clsid=1 size=6",
        ],
    );
}

#[test]
fn lines_name_the_connection_of_the_request() {
    let server = Server::start();
    let mut watcher = watcher(&server, "fetchers");
    let (mut a, mut b) = (server.client(), server.client());
    let mut descriptor = |client: &mut super::Client| {
        client.send("get k\r\n").expect("END\r\n");
        let line = watcher.read_until("\n");
        let cfd = line.split(' ').find_map(|word| word.strip_prefix("cfd=")).unwrap();
        cfd.parse::<u32>().unwrap()
    };
    let (of_a, of_b) = (descriptor(&mut a), descriptor(&mut b));
    assert_ne!(of_a, of_b);
    assert_eq!((descriptor(&mut b), descriptor(&mut a)), (of_b, of_a));
}

#[test]
fn the_dead_are_flushed_or_expired() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock();
    c.says(&[
        ("set old 0 10 1\r\nx\r\n", "STORED\r\n"),
        ("set flushed 0 0 1\r\nx\r\n", "STORED\r\n"),
    ]);
    let mut watcher = watcher(&server, "fetchers");
    c.send("flush_all\r\n").expect("OK\r\n");
    c.send("set old 0 10 1\r\nx\r\n").expect("STORED\r\n");
    line(&mut watcher); // its own lookup
    c.advance(20).send("get flushed old\r\n").expect("END\r\n");
    // The crawler may have come by first.
    let line = line(&mut watcher);
    assert!(
        line == "type=item_get key=flushed status=flushed clsid=0 size=0"
            || line == "type=item_get key=flushed status=not_found clsid=0 size=0",
        "{line}"
    );
}

#[test]
fn every_store_is_a_mutations_line_behind_its_lookup() {
    let server = Server::start();
    let mut watcher = watcher(&server, "mutations fetchers");
    let mut c = server.client();
    for (request, reply, found, line) in [
        ("set k 0 0 1\r\na\r\n", "STORED", 0, "stored cmd=set ttl=0 clsid=1 size=1"),
        ("add k 0 0 3\r\nabc\r\n", "NOT_STORED", 1, "not_stored cmd=add ttl=0 clsid=1 size=3"),
        ("replace k 0 90 2\r\nab\r\n", "STORED", 1, "stored cmd=replace ttl=90 clsid=1 size=2"),
        ("append k 0 0 2\r\ncd\r\n", "STORED", 2, "stored cmd=append ttl=90 clsid=1 size=4"),
        ("prepend k 0 0 1\r\n_\r\n", "STORED", 4, "stored cmd=prepend ttl=90 clsid=1 size=5"),
        ("cas k 0 0 1 1\r\nx\r\n", "EXISTS", 5, "exists cmd=cas ttl=0 clsid=1 size=1"),
    ] {
        c.send(request).expect(format!("{reply}\r\n"));
        let looked = match found {
            0 => "type=item_get key=k status=not_found clsid=0 size=0".to_owned(),
            size => format!("type=item_get key=k status=found clsid=1 size={size}"),
        };
        expect_lines(&mut watcher, &[&looked, &format!("type=item_store key=k status={line}")]);
    }
    c.send("cas no 0 0 1 1\r\nx\r\n").expect("NOT_FOUND\r\n");
    expect_lines(
        &mut watcher,
        &[
            "type=item_get key=no status=not_found clsid=0 size=0",
            "type=item_store key=no status=not_found cmd=cas ttl=0 clsid=1 size=1",
        ],
    );
}

#[test]
fn what_is_too_large_has_sane_numbers() {
    let server = Server::with(&["-I", "200k", "-o", "slab_chunk_max=1"]);
    let mut watcher = watcher(&server, "mutations");
    let mut c = server.client();
    let large = "SERVER_ERROR object too large for cache\r\n";
    c.send("set k 0 0 300000\r\n").send(pattern(1, 300_000)).send("\r\n").expect(large);
    expect_lines(
        &mut watcher,
        &["type=item_store key=k status=too_large cmd=set ttl=0 clsid=0 size=300000"],
    );
}

#[test]
fn a_long_value_is_a_line_when_it_is_whole() {
    let server = Server::start();
    let mut watcher = watcher(&server, "mutations fetchers");
    let mut c = server.client();
    c.send("set big 0 0 300000\r\n").send(pattern(1, 300_000));
    c.send("\r\n").expect("STORED\r\n");
    assert_eq!(line(&mut watcher), "type=item_get key=big status=not_found clsid=0 size=0");
    let stored = line(&mut watcher);
    let front = "type=item_store key=big status=stored cmd=set ttl=0 clsid=";
    assert!(stored.starts_with(front) && stored.ends_with(" size=300000"), "{stored}");
}

#[test]
fn a_delete_that_succeeds_is_a_deletions_line() {
    let server = Server::start();
    let mut watcher = watcher(&server, "deletions");
    let mut c = server.client();
    c.says(&[
        ("delete k\r\n", "NOT_FOUND\r\n"),
        ("set k 0 0 5\r\nhello\r\n", "STORED\r\n"),
        ("delete k\r\n", "DELETED\r\n"),
        ("set l 0 0 3\r\nabc\r\n", "STORED\r\n"),
        ("delete l noreply\r\nget l\r\n", "END\r\n"),
        // Emptied is deleted, marked stale is not (PROTOCOL 2.4).
        ("set m 0 0 4\r\nabcd\r\n", "STORED\r\n"),
        ("md m I\r\n", "HD\r\n"),
        ("md m I x\r\n", "HD\r\n"),
        ("set m 0 0 4\r\nabcd\r\n", "STORED\r\n"),
        ("md m x\r\n", "HD\r\n"),
    ]);
    expect_lines(
        &mut watcher,
        &[
            "type=deleted key=k cmd=delete clsid=1 size=5",
            "type=deleted key=l cmd=delete clsid=1 size=3",
            "type=deleted key=m cmd=md clsid=1 size=4",
        ],
    );
}

#[test]
fn what_makes_room_is_an_evictions_line() {
    let server = Server::with(&["-m", "2", "-t", "1"]);
    let mut watcher = watcher(&server, "evictions");
    let mut c = server.client();
    let value = pattern(3, 1000);
    let before = server.stat("evictions");
    let mut n = 0;
    while server.stat("evictions") == before {
        for _ in 0..100 {
            c.send(format!("set key_{n} 0 0 1000\r\n")).send(&value);
            c.send("\r\n").expect("STORED\r\n");
            n += 1;
        }
    }
    let line = line(&mut watcher);
    assert!(line.starts_with("type=eviction key=key_"), "{line}");
    assert!(line.contains(" fetch=no ttl=-1 la="), "{line}");
    assert!(line.ends_with(" size=1000"), "{line}");
}

#[test]
fn connections_come_and_go() {
    let server = Server::with(&["-o", "idle_timeout=10"]);
    let mut watcher = watcher(&server, "connevents");
    let mut c = server.client();
    c.send("version\r\n").read_until("\n");
    let opened = line(&mut watcher);
    assert!(opened.starts_with("type=conn_new rip=127.0.0.1 rport="), "{opened}");
    assert!(opened.ends_with(" transport=tcp"), "{opened}");
    let end = opened.strip_prefix("type=conn_new ").unwrap().to_owned();
    c.send("quit\r\n").expect_closed();
    drop(c);
    assert_eq!(line(&mut watcher), format!("type=conn_close {end} reason=normal"));

    server.client().send("GET / HTTP/1.1\r\n").expect_dropped();
    assert!(line(&mut watcher).starts_with("type=conn_new "));
    assert!(line(&mut watcher).ends_with(" reason=error"));
    if skip_without_clock() {
        return;
    }
    let mut clock = server.client();
    clock.stop_clock();
    let mut idle = server.client();
    idle.expect_in_sync();
    clock.advance(100);
    idle.expect_dropped();
    assert!(line(&mut watcher).starts_with("type=conn_new "));
    assert!(line(&mut watcher).starts_with("type=conn_new "));
    assert!(line(&mut watcher).ends_with(" reason=idle_timeout"));
}

#[test]
fn unix_clients_are_local() {
    let server = Server::on_unix_socket(&[]);
    let mut watcher = watcher(&server, "connevents");
    server.client().send("quit\r\n").expect_closed();
    expect_lines(
        &mut watcher,
        &[
            "type=conn_new rip=unix rport=0 transport=local",
            "type=conn_close rip=unix rport=0 transport=local reason=normal",
        ],
    );
}

#[test]
fn keys_are_one_printable_word() {
    let server = Server::start();
    let mut watcher = watcher(&server, "fetchers");
    let mut c = server.client();
    c.send(b"get a/b#\x01\xff%\r\n").expect("END\r\n");
    let rest = "status=not_found clsid=0 size=0";
    assert_eq!(line(&mut watcher), format!("type=item_get key=a%2Fb%23%01%FF%25 {rest}"));
    c.send(format!("get {}\r\n", "#".repeat(250))).expect("END\r\n");
    let key = "%23".repeat(250);
    assert_eq!(line(&mut watcher), format!("type=item_get key={key} {rest}"));
}

#[test]
fn silent_streams_are_accepted() {
    let server = Server::start();
    for stream in ["rawcmds", "raw", "proxyreqs", "proxyevents", "proxyuser", "p sys"] {
        let mut watcher = watcher(&server, stream);
        server.client().send("get k\r\n").expect("END\r\n");
        watcher.expect_silence(std::time::Duration::from_millis(30));
    }
}

#[test]
fn numbers_rise_over_all_workers() {
    let server = Server::start();
    let mut watcher = watcher(&server, "fetchers");
    let mut numbers = Vec::new();
    for _ in 0..6 {
        server.client().send("get k\r\n").expect("END\r\n");
        let line = watcher.read_until("\n");
        let gid = line.split(' ').nth(1).unwrap().strip_prefix("gid=").unwrap();
        numbers.push(gid.parse::<u64>().unwrap());
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

#[test]
fn what_the_store_does_by_itself_is_a_sysevents_line() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock();
    let value = "x".repeat(1000);
    for n in 0..200 {
        c.send(format!("set k{n} 0 0 1000 noreply\r\n{value}\r\n"));
    }
    for n in 0..5 {
        c.send(format!("set short{n} 0 30 1 noreply\r\nx\r\n"));
    }
    c.expect_in_sync();
    let mut watcher = watcher(&server, "sysevents");
    let items = c.stats("items");
    let class = |key: &str| key.split(':').nth(1).and_then(|n| n.parse::<u32>().ok());
    let from = items.keys().filter_map(|key| class(key)).max().expect("a class");
    c.send(format!("slabs reassign {from} 0\r\n")).expect("OK\r\n");
    expect_lines(&mut watcher, &[&format!("type=slab_move src={from} dst=0 state=ok")]);
    c.advance(40);
    // A line for each shard and queue.
    let mut reclaimed = 0;
    while reclaimed < 5 {
        let line = line(&mut watcher);
        let rest = line.strip_prefix("type=lru_crawler crawler=1 lru=").expect("a crawl");
        let (queue, rest) = rest.split_once(' ').expect("words");
        assert!(["hot", "warm", "cold"].contains(&queue), "{line}");
        let rest = rest.strip_prefix("low_mark=0 next_reclaims=0 since_run=0 next_run=0 elapsed=0");
        let (examined, freed) = rest
            .and_then(|rest| rest.strip_prefix(" examined=")?.split_once(" reclaimed="))
            .expect("the fields in order");
        assert_eq!(examined, freed, "{line}");
        reclaimed += freed.parse::<u32>().expect("a number");
    }
    assert_eq!(reclaimed, 5);
}
