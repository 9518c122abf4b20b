//! Pages that move, and the memory limit, while clients go on.

use crate::common::{Client, Server, foreign_server};

/// Items of some 1000 bytes.
fn fill(c: &mut Client, count: usize) {
    let value = "x".repeat(1000);
    for chunk in (0..count).collect::<Vec<_>>().chunks(100) {
        let sets = chunk.iter().map(|n| format!("set k{n} 0 0 1000 noreply\r\n{value}\r\n"));
        c.send(sets.collect::<String>());
    }
    c.expect_in_sync();
}

/// Builds for tests recount everything that must add up.
fn recount(c: &mut Client) {
    if cfg!(feature = "debug-commands") && !foreign_server() {
        c.send("debugcheck\r\n").expect("OK\r\n");
    }
}

/// The class in which [`fill`]'s items stand, and its pages.
fn class_and_pages(server: &Server) -> (u64, u64) {
    let items = server.client().stats("items");
    let class = items.keys().next().expect("items").split(':').nth(1).expect("a class");
    let pages = server.client().stats("slabs")[&format!("{class}:total_pages")].clone();
    (class.parse().expect("a number"), pages.parse().expect("a number"))
}

#[test]
fn a_page_moves_to_another_class_and_no_item_is_lost() {
    let server = Server::start();
    let mut c = server.client();
    fill(&mut c, 3000);
    let (class, pages) = class_and_pages(&server);
    // Room for what must move, wherever it does.
    for n in (0..3000).step_by(2) {
        c.send(format!("delete k{n} noreply\r\n"));
    }
    c.expect_in_sync();
    c.send(format!("slabs reassign {class} 1\r\n")).expect("OK\r\n");
    server.eventually("the page has moved", |s| s.stat("slabs_moved") == 1);
    let slabs = c.stats("slabs");
    if !foreign_server() {
        assert_eq!(slabs["1:total_pages"], "1");
        assert_eq!(slabs[&format!("{class}:total_pages")], (pages - 1).to_string());
    }
    assert_eq!((server.stat("curr_items"), server.stat("evictions")), (1500, 0));
    c.send("get k1\r\n").expect(format!("VALUE k1 0 1000\r\n{}\r\nEND\r\n", "x".repeat(1000)));
    c.send(format!("slabs reassign {class} 0\r\n")).expect("OK\r\n");
    server.eventually("another one", |s| s.stat("slabs_moved") == 2);
    assert_eq!(server.stat("slab_reassign_running"), 0);
    recount(&mut c);
}

#[test]
fn page_moves_can_be_forbidden() {
    let server = Server::with(&["-o", "no_slab_reassign"]);
    let told = "CLIENT_ERROR slab reassignment disabled\r\n";
    server.client().send("slabs reassign 1 2\r\n").expect(told);
}

#[test]
fn a_lowered_limit_gives_memory_back_while_clients_go_on() {
    let server = Server::with(&["-m", "64"]);
    let mut c = server.client();
    fill(&mut c, 60_000);
    let full = server.client().stats("slabs")["total_malloced"].parse::<u64>().expect("bytes");
    assert!(full > 60 << 20, "{full}");
    c.send("cache_memlimit 32\r\n").expect("OK\r\n");
    assert_eq!(server.stat("limit_maxbytes"), 32 << 20);
    let mut n = 0;
    server.eventually("half of the pages are gone", |s| {
        n += 1;
        c.send(format!("set new{n} 0 0 1\r\nx\r\nget new{n}\r\n"));
        c.expect(format!("STORED\r\nVALUE new{n} 0 1\r\nx\r\nEND\r\n"));
        let bytes = s.client().stats("slabs")["total_malloced"].parse::<u64>().expect("bytes");
        bytes <= 32 << 20
    });
    recount(&mut c);
    c.send("cache_memlimit 100\r\n").expect("OK\r\n");
    fill(&mut c, 90_000);
    let more = server.client().stats("slabs")["total_malloced"].parse::<u64>().expect("bytes");
    assert!(more > 80 << 20, "{more}");
    recount(&mut c);
}

#[test]
fn all_memory_taken_at_start_cannot_change() {
    let server = Server::with(&["-L", "-m", "16"]);
    let told = "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n";
    server.client().send("cache_memlimit 32\r\n").expect(told);
}

/// Clients that store, fetch and delete at full memory while pages move without end: nobody is
/// told a wrong value, and nothing is lost but by eviction.
#[test]
fn pages_move_under_load() {
    if foreign_server() {
        eprintln!("skipped: moves of this many pages take too long there");
        return;
    }
    let server = Server::with(&["-m", "16"]);
    fill(&mut server.client(), 20_000);
    let (class, _) = class_and_pages(&server);
    let address = server.address();
    let clients: Vec<_> = (0..4)
        .map(|who| {
            std::thread::spawn(move || {
                let (mut c, mut hits) = (Client::tcp(address), 0);
                for n in 0..2000 {
                    let (key, len) = (format!("w{who}-{}", n % 300), 50 + n * 37 % 3000);
                    let value = format!("{n}-").repeat(len / 5);
                    let len = value.len();
                    c.send(format!("set {key} 0 0 {len}\r\n{value}\r\nget {key}\r\n"));
                    c.expect("STORED\r\n");
                    // At full memory any item may go at any time; what is there is right.
                    let line = c.line();
                    if line != "END" {
                        assert_eq!(line, format!("VALUE {key} 0 {len}"));
                        c.expect(format!("{value}\r\nEND\r\n"));
                        hits += 1;
                    }
                    if n % 3 == 0 {
                        c.send(format!("delete {key} noreply\r\n"));
                    }
                }
                hits
            })
        })
        .collect();
    let mut c = server.client();
    let mut to = 0;
    while !clients.iter().all(std::thread::JoinHandle::is_finished) {
        to = (to + 1) % class;
        c.send(format!("slabs reassign {class} {to}\r\n")).line();
        c.send("slabs reassign -1 3\r\n").line();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let hits = clients.into_iter().map(|client| client.join().expect("the truth was told"));
    assert!(hits.sum::<usize>() > 7000, "nearly all that is stored is there right after");
    assert!(server.stat("slabs_moved") > 0);
    recount(&mut c);
}

/// What stands in `stats memory`, by name.
fn spent(c: &mut Client) -> impl Fn(&str) -> u64 + use<> {
    let table = c.stats("memory");
    move |name| table[name].parse().unwrap_or_else(|_| panic!("{name}: {}", table[name]))
}

#[test]
fn every_byte_of_the_limit_is_accounted_for() {
    if foreign_server() {
        eprintln!("skipped: the list is of our statistics");
        return;
    }
    let server = Server::with(&["-m", "32"]);
    let mut c = server.client();
    let assert_sum = |c: &mut Client, payload: u64| {
        let of = spent(c);
        let inside = "payload_bytes header_bytes waste_bytes long_waste_bytes unlinked_bytes \
            free_chunk_bytes page_tail_bytes table_bytes unassigned_bytes";
        let sum: u64 = inside.split_whitespace().map(&of).sum();
        assert_eq!((sum, of("beyond_limit_bytes")), (32 << 20, 0));
        assert_eq!((of("limit_bytes"), of("payload_bytes")), (32 << 20, payload));
    };
    assert_sum(&mut c, 0);
    fill(&mut c, 1000);
    let keys: u64 = (0..1000).map(|n: u64| format!("k{n}").len() as u64).sum();
    // Each has a place for a deadline, for which its chunk has room.
    let deadlines = |count: u64| 4 * count;
    assert_sum(&mut c, 1_000_000 + keys + deadlines(1000));
    // A long one, and one with flags.
    let value = "y".repeat(300_000);
    c.send(format!("set long 0 0 300000\r\n{value}\r\n")).expect("STORED\r\n");
    c.send("set flags 7 0 1\r\nx\r\n").expect("STORED\r\n");
    let more = 4 + 300_000 + 5 + 4 + 1;
    assert_sum(&mut c, 1_000_000 + keys + more + deadlines(1002));
    let of = spent(&mut c);
    let slabs = c.stats("slabs");
    for (name, pages) in slabs.iter().filter(|(name, _)| name.ends_with(":total_pages")) {
        let class = name.split(':').next().expect("a class");
        let parts = ["item", "waste", "long", "free_chunk", "page_tail"];
        let sum: u64 = parts.iter().map(|part| of(&format!("{class}:{part}_bytes"))).sum();
        assert_eq!(sum, pages.parse::<u64>().expect("a number") << 16, "class {class}");
    }
    assert!(of("resident_bytes") > 1_300_000 && of("index_bytes") > 0 && of("expiry_bytes") > 0);
}

#[test]
fn memory_goes_back_to_the_system_when_the_limit_falls() {
    if foreign_server() {
        eprintln!("skipped: the process is not ours");
        return;
    }
    let server = Server::with(&["-m", "64"]);
    let mut c = server.client();
    fill(&mut c, 60_000);
    let full = spent(&mut c)("resident_bytes");
    assert!(full > 60 << 20, "{full}");
    c.send("cache_memlimit 16\r\n").expect("OK\r\n");
    server.eventually("the system has it back", |s| {
        spent(&mut s.client())("resident_bytes") < full - (40 << 20)
    });
    assert_eq!(spent(&mut c)("limit_bytes"), 16 << 20);
    recount(&mut c);
}

#[test]
fn under_memory_total_all_memory_stays_below_one_number() {
    if foreign_server() {
        eprintln!("skipped: the option is ours");
        return;
    }
    let server = Server::with(&["-o", "memory_total=64", "-I", "512k"]);
    let mut c = server.client();
    fill(&mut c, 60_000);
    // Small ones next, which need more index.
    for round in 0..40 {
        let sets = (0..5_000).map(|n| format!("set s{round}-{n} 0 0 1 noreply\r\nx\r\n"));
        c.send(sets.collect::<String>());
        c.expect_in_sync();
    }
    let of = spent(&mut c);
    assert!(of("limit_bytes") < 58 << 20, "{}", of("limit_bytes"));
    server.eventually("all fits", |s| {
        let of = spent(&mut s.client());
        of("resident_bytes") < 64 << 20 && of("unassigned_bytes") < 8 << 20
    });
    assert!(server.stat("evictions") > 0);
    recount(&mut c);
}
