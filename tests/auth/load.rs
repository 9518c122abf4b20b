//! Guessing costs the one that guesses (FAULTS row 25): those who are in are served meanwhile, and
//! those who know their password still get in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::common::{Server, foreign_server};
use crate::{FAILURE, UserFile, ann, login};

/// Longest that one who is in may wait for an answer on a busy machine. A check takes as long, and
/// a thousand of them wait: were they in the way, this would be exceeded at once.
const ANSWER_MAX: Duration = Duration::from_millis(500);

#[test]
fn guesses_at_a_costly_hash_hold_up_nobody_who_is_in() {
    if foreign_server() {
        eprintln!("skipped: memcached has no hashes");
        return;
    }
    let hash = slabd::ops::users::hash_password(b"hashed").expect("random numbers");
    let file = UserFile::new(&format!("ann:secret\nhash:{hash}\n"));
    let server = Server::with(&["-Y", file.path()]);
    server.client().send(login("hash", "hashed")).expect("STORED\r\n");
    let mut inside = ann(&server);
    let (done, guesses) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for client in 0..20 {
            let (server, done, guesses) = (&server, &done, &guesses);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let user = ["hash", "ann", "nobody"][client % 3];
                    server.client().send(login(user, "guess")).expect(FAILURE);
                    guesses.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let start = Instant::now();
        let mut slowest = Duration::ZERO;
        while guesses.load(Ordering::Relaxed) < 60 && start.elapsed() < Duration::from_secs(20) {
            let asked = Instant::now();
            inside.expect_in_sync();
            slowest = slowest.max(asked.elapsed());
            std::thread::sleep(Duration::from_millis(1)); // the pace of one who looks on
        }
        // A password that was right before is not computed again, only queued.
        server.client().send(login("hash", "hashed")).expect("STORED\r\n");
        done.store(true, Ordering::Relaxed);
        assert!(slowest < ANSWER_MAX, "an answer took {slowest:?}");
    });
    assert!(guesses.load(Ordering::Relaxed) >= 60);
}

#[test]
fn a_stop_does_not_wait_for_checks() {
    if foreign_server() {
        eprintln!("skipped: memcached has no hashes");
        return;
    }
    let hash = slabd::ops::users::hash_password(b"hashed").expect("random numbers");
    let file = UserFile::new(&format!("hash:{hash}\n"));
    let mut server = Server::with(&["-Y", file.path()]);
    let mut guessers: Vec<_> = (0..200).map(|_| server.client()).collect();
    for c in &mut guessers {
        c.send(login("hash", "guess"));
    }
    server.client().send(login("hash", "hashed"));
    server.signal("TERM");
    assert!(server.wait_exit(Duration::from_secs(5)).success());
}
