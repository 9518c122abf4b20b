//! The clients that behave badly: they break off in the middle, say half of it, never read, or
//! talk nonsense. Whatever they do store is right, so a half of it would be seen.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::load::{COMMON, COMMON_KEYS, key_id, key_name};
use super::value::block;
use super::{Phase, Shared};
use crate::common::{Client, Rng};

/// Connections one of them keeps open in a bad state.
const KEPT: usize = 40;
/// Between two deeds: without it connections are opened faster than two busy workers close them,
/// and the limit on connections is all that is tested.
const PAUSE: Duration = Duration::from_millis(2);

pub fn run(seed: u64, address: SocketAddr, shared: &Shared) {
    let mut rng = Rng::new(seed);
    let mut kept: Vec<Client> = Vec::new();
    let mut seq = 0;
    while !shared.stop.load(Relaxed) {
        std::thread::sleep(PAUSE);
        seq += 1;
        let client = Client::tcp_with_window(address, rng.one_in(2).then_some(4096));
        let (client, keep) = misbehave(client, &mut rng, seed << 32 | seq);
        shared.vandals.fetch_add(1, Relaxed);
        if keep {
            kept.push(client);
        } else if rng.one_in(2) {
            client.reset();
        }
        if kept.len() >= KEPT {
            let ended = kept.swap_remove(rng.below(KEPT));
            if rng.one_in(2) {
                ended.reset();
            }
        }
    }
}

/// One deed; whether to stay connected afterwards.
fn misbehave(mut client: Client, rng: &mut Rng, seq: u64) -> (Client, bool) {
    let n = rng.below(COMMON_KEYS);
    let name = key_name(COMMON, n);
    match rng.below(6) {
        // A value that ends too soon.
        0 | 1 => {
            let len =
                if rng.one_in(2) { Phase::Mixed.size(rng) } else { 100_000 + rng.below(800_000) };
            let value = block(key_id(COMMON, n), seq, len);
            let head = format!("set {name} 7 0 {len}\r\n");
            let cut = rng.below(len + 2);
            client.send_lossy(head).send_lossy(&value[..cut.min(len)]);
        }
        // Half a command, perhaps behind whole ones.
        2 => {
            client.send_lossy(format!("get {name}\r\n").repeat(rng.below(20)));
            client.send_lossy(&"set half-a-command 0 0 1000\r\nab"[..1 + rng.below(30)]);
        }
        // Much is asked and nothing read.
        3 => {
            let keys: Vec<String> =
                (0..20).map(|_| key_name(COMMON, rng.below(COMMON_KEYS))).collect();
            client.send_lossy(format!("get {}\r\n", keys.join(" ")).repeat(1 + rng.below(20)));
        }
        // Nonsense.
        4 => {
            let soup: Vec<u8> = (0..rng.below(400)).map(|_| rng.below(256) as u8).collect();
            client.send_lossy(&soup).send_lossy(b"\r\n\xff\x80 -1 -1 -1\r\n");
        }
        // A value that is gone while it is sent to someone.
        _ => {
            client.send_lossy(format!("get {name} {name}\r\ndelete {name}\r\n"));
        }
    }
    let keep = rng.one_in(3);
    (client, keep)
}
