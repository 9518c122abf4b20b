//! Every request, cut at every point: the answer must not depend on how the bytes arrive.

use crate::common::{Client, Server, pattern};

/// Requests whose answers do not depend on what ran before, given one `set k` in front.
const REQUESTS: [(&str, &str); 19] = [
    ("set k 5 0 5\r\nhello\r\n", "STORED\r\n"),
    ("get k\r\n", "VALUE k 5 5\r\nhello\r\nEND\r\n"),
    ("get k none k\n", "VALUE k 5 5\r\nhello\r\nVALUE k 5 5\r\nhello\r\nEND\r\n"),
    ("add k 0 0 7\r\nget k\r\n\r\n", "NOT_STORED\r\n"),
    ("replace none 0 0 2\r\n\r\n\r\n", "NOT_STORED\r\n"),
    ("cas k 0 0 1 0\r\nx\r\n", "EXISTS\r\n"),
    ("append none 0 0 0\r\n\r\n", "NOT_STORED\r\n"),
    ("incr none 10\r\n", "NOT_FOUND\r\n"),
    ("touch none 10\r\n", "NOT_FOUND\r\n"),
    ("gat 0 k\r\n", "VALUE k 5 5\r\nhello\r\nEND\r\n"),
    ("delete none\r\n", "NOT_FOUND\r\n"),
    ("set k x 0 4\r\nabcd\r\n", "CLIENT_ERROR bad command line format\r\n"),
    ("set k 0 0 2\r\nabXX", "CLIENT_ERROR bad data chunk\r\n"),
    ("set none 0 0 3 noreply\r\nabc\r\ndelete none\r\n", "DELETED\r\n"),
    ("bogus words\r\n", "ERROR\r\n"),
    ("verbosity 0\r\n", "OK\r\n"),
    ("incr k 1\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"),
    ("bogus noreply\r\nget none\r\n", "END\r\n"),
    ("touch k x\r\n", "CLIENT_ERROR invalid exptime argument\r\n"),
];

fn client(server: &Server) -> Client {
    let mut c = server.client();
    c.send(REQUESTS[0].0).expect(REQUESTS[0].1);
    c
}

#[test]
fn every_request_in_two_pieces_cut_anywhere() {
    let server = Server::start();
    let mut c = client(&server);
    for (request, reply) in REQUESTS {
        for cut in 1..request.len() {
            c.send_cut(request.as_bytes(), cut).expect(reply);
        }
    }
    c.expect_in_sync();
}

#[test]
fn every_request_byte_by_byte() {
    let server = Server::start();
    let mut c = client(&server);
    for (request, reply) in REQUESTS {
        c.send_in_pieces(request.as_bytes(), 1);
        c.expect(reply);
    }
    c.expect_in_sync();
}

#[test]
fn the_whole_script_in_pieces_of_any_size() {
    let server = Server::start();
    let script: String = REQUESTS.iter().map(|(request, _)| *request).collect();
    let replies: String = REQUESTS.iter().map(|(_, reply)| *reply).collect();
    for size in [2, 3, 5, 7, 11, 16, 17, 31, 64, 100, 1000] {
        let mut c = client(&server);
        c.send_in_pieces(script.as_bytes(), size);
        c.expect(&replies);
        c.expect_in_sync();
    }
}

#[test]
fn the_script_read_through_a_tiny_window() {
    let server = Server::start();
    let mut c = Client::tcp_with_window(server.address(), Some(1));
    c.send(REQUESTS[0].0).expect(REQUESTS[0].1);
    let script: String = REQUESTS.iter().map(|(request, _)| *request).collect();
    let replies: String = REQUESTS.iter().map(|(_, reply)| *reply).collect();
    for _ in 0..20 {
        c.send(&script);
    }
    for _ in 0..20 {
        c.expect(&replies);
    }
    c.expect_in_sync();
}

/// A streamed value, cut around its beginning, its slices and its end.
#[test]
fn a_large_set_in_two_pieces() {
    let server = Server::start();
    let mut c = server.client();
    let value = pattern(1, 150_000);
    let bytes = [b"set k 0 0 150000\r\n", &value[..], b"\r\nget none\r\n"].concat();
    let end = bytes.len();
    let near = |at: usize| at - 3..at + 3;
    let cuts = (1..40).chain(near(16_384)).chain(near(65_536)).chain(near(65_554));
    for cut in cuts.chain(near(131_072)).chain(end - 30..end) {
        c.send_cut(&bytes, cut).expect("STORED\r\nEND\r\n");
    }
    c.send("get k\r\n").expect("VALUE k 0 150000\r\n").expect(&value).expect("\r\nEND\r\n");
}

/// The swallowed data of a refused set, cut likewise.
#[test]
fn a_refused_large_set_in_two_pieces() {
    let server = Server::start();
    let mut c = server.client();
    let body = "get none\r\n".repeat(200_000);
    let bytes = format!("set k 0 0 {}\r\n{body}\r\nget k\r\n", body.len());
    let end = bytes.len();
    for cut in [5, 22, 23, 24, 16_384, 65_536, 1_048_576, end - 10, end - 9, end - 8, end - 7] {
        c.send_cut(bytes.as_bytes(), cut);
        c.expect("SERVER_ERROR object too large for cache\r\nEND\r\n");
    }
    c.expect_in_sync();
}
