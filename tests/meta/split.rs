//! Every request, cut at every point: the answer must not depend on how the bytes arrive.

use crate::common::{Client, Server};

/// Requests whose answers do not depend on what ran before, given `ms k` in front.
const REQUESTS: [(&str, &str); 14] = [
    ("ms k 5 T0\r\nhello\r\n", "HD\r\n"),
    ("mg k s v\r\n", "VA 5 s5\r\nhello\r\n"),
    ("mg none k O1\r\n", "EN knone O1\r\n"),
    ("mg none q\r\nmn\r\n", "MN\r\n"),
    ("ms k 4 ME s\r\nab\r\n\r\n", "NS s4\r\n"),
    ("ms k 2 C1 q\r\nab\r\nmg k v q\r\n", "EX\r\nVA 5\r\nhello\r\n"),
    ("ms none 2 z\r\nab\r\n", "CLIENT_ERROR invalid flag\r\n"),
    ("ms k 2 q\r\nabXX", "CLIENT_ERROR bad data chunk\r\n"),
    ("md none q\r\n", "NF\r\n"),
    ("md k C1 k\r\n", "EX kk\r\n"),
    ("ma none v k\r\n", "NF knone\r\n"),
    ("ma k s s\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n"),
    ("me none\r\n", "EN\r\n"),
    ("mg Zm9v b k\n", "EN kZm9v b\r\n"),
];

fn client(server: &Server) -> Client {
    let mut c = server.client();
    c.send(REQUESTS[0].0).expect(REQUESTS[0].1);
    c
}

#[test]
fn every_request_in_two_pieces_cut_anywhere() {
    if crate::newer_than_reference() {
        return;
    }
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
fn the_whole_script_in_pieces_of_any_size() {
    if crate::newer_than_reference() {
        return;
    }
    let server = Server::start();
    let script: String = REQUESTS.iter().map(|(request, _)| *request).collect();
    let replies: String = REQUESTS.iter().map(|(_, reply)| *reply).collect();
    for size in [1, 2, 3, 5, 7, 11, 16, 17, 31, 64, 100, 1000] {
        let mut c = client(&server);
        c.send_in_pieces(script.as_bytes(), size);
        c.expect(&replies);
        c.expect_in_sync();
    }
}
