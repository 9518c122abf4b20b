//! What the machine does to a thread that does nothing but read memory it has: the control of
//! `holds`. A virtual machine's host may take its memory map apart, or the core away, and whoever
//! holds a lock then holds it for as long.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::server;

/// Memory that is read: more than any cache of the processor keeps.
const BYTES: usize = 256 << 20;
/// Reads taken together, at some 100 ns each: as long as a lock is held when much is done.
const READS: usize = 300;
/// Such groups between two rests, and a rest: a thread in real time that never sleeps is stopped
/// for 50 ms each second.
const GROUPS: usize = 30;
const REST: Duration = Duration::from_micros(200);

/// Groups of reads on the server's core, in real time where that is allowed, for so long: p99.9
/// and maximum in microseconds, and whether it was in real time.
pub fn measure(duration: Duration) -> io::Result<(u64, u64, bool)> {
    thread::scope(|scope| {
        let control = scope.spawn(|| {
            let memory = vec![1; BYTES];
            server::pin_load_beside_server()?;
            // PID/task/TID
            let own = fs::read_link("/proc/thread-self")?;
            let in_real_time = own.file_name().is_some_and(set_real_time);
            let mut times = read(&memory, duration);
            times.sort_unstable();
            let p999 = times[(times.len() - 1) * 999 / 1000];
            Ok((p999, times[times.len() - 1], in_real_time))
        });
        control.join().expect("the control does not panic")
    })
}

/// How long each group took, in microseconds; at least one.
fn read(memory: &[u8], duration: Duration) -> Vec<u64> {
    let (mut times, mut at, mut sum) = (Vec::new(), 0usize, 0u8);
    let end = Instant::now() + duration;
    while times.is_empty() || Instant::now() < end {
        for _ in 0..GROUPS {
            let begun = Instant::now();
            for _ in 0..READS {
                // The next place depends on what was read, so that reads wait for one another.
                at = at.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(usize::from(sum) | 1);
                sum = sum.wrapping_add(memory[(at >> 20) % BYTES]);
            }
            times.push(begun.elapsed().as_micros() as u64);
        }
        thread::sleep(REST);
    }
    std::hint::black_box(sum);
    times
}

/// Let nothing take a core from the thread of this number, if we may; whether that is so.
pub fn set_real_time(thread: &OsStr) -> bool {
    let mut chrt = Command::new("chrt");
    chrt.args(["--fifo", "--pid", "50"]).arg(thread).stderr(Stdio::null());
    chrt.status().is_ok_and(|status| status.success())
}
