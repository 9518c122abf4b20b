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
    c.send("cache_memlimit 100\r\n").expect("OK\r\n");
    fill(&mut c, 90_000);
    let more = server.client().stats("slabs")["total_malloced"].parse::<u64>().expect("bytes");
    assert!(more > 80 << 20, "{more}");
}

#[test]
fn all_memory_taken_at_start_cannot_change() {
    let server = Server::with(&["-L", "-m", "16"]);
    let told = "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n";
    server.client().send("cache_memlimit 32\r\n").expect(told);
}
