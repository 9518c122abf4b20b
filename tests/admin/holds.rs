//! Items that an operator holds: `debugitem`.

use crate::common::{Server, foreign_server};

/// Whoever locks an item holds up nobody, not even by going away.
#[test]
fn a_lock_holds_the_item_and_no_client() {
    if foreign_server() {
        eprintln!("skipped: only ours has the command");
        return;
    }
    let server = Server::with(&["-m", "2"]);
    let mut c = server.client();
    let value = "x".repeat(1000);
    c.send(format!("set locked 0 0 1000\r\n{value}\r\nset lost 0 0 1000\r\n{value}\r\n"));
    c.expect("STORED\r\nSTORED\r\n");
    server.client().send("debugitem lock locked\r\n").expect("OK\r\n");
    for n in 0..10_000 {
        c.send(format!("set k{n} 0 0 1000 noreply\r\n{value}\r\n"));
    }
    c.expect_in_sync();
    assert!(server.stat("evictions") > 1000);
    c.send("get lost\r\n").expect("END\r\n");
    let found = format!("VALUE locked 0 1000\r\n{value}\r\nEND\r\n");
    c.send("get locked\r\n").expect(found);
    c.send("set locked 0 0 1\r\n1\r\nincr locked 1\r\ndelete locked\r\n");
    c.expect("STORED\r\n2\r\nDELETED\r\n");
    c.send("debugitem unlock locked\r\ndebugitem lock none\r\n").expect("OK\r\nOK\r\n");
    c.send("debugcheck\r\n").expect("OK\r\n");
}

#[test]
fn a_reference_is_taken_of_what_is_there_and_dropped_once() {
    if foreign_server() {
        eprintln!("skipped: only ours has the command");
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.send("debugitem ref k\r\ndebugitem unref k\r\n").expect("MISS\r\nMISS\r\n");
    c.send("set k 0 0 1\r\nv\r\ndebugitem ref k\r\n").expect("STORED\r\nOK\r\n");
    c.send("delete k\r\n").expect("DELETED\r\n");
    c.send("debugitem unref k\r\ndebugitem unref k\r\n").expect("OK\r\nMISS\r\n");
    c.send("debugitem\r\ndebugitem ref\r\ndebugitem hold k\r\n").expect("ERROR\r\n".repeat(3));
    c.send("debugcheck\r\n").expect("OK\r\n");
}
