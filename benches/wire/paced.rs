//! Open-loop load: batches fall due at a fixed rate, whatever the server does, and a latency counts
//! from when its batch was due. A server that stands still for a while thus pays for every request
//! that would have come meanwhile, which a closed loop forgives. Time that the generator itself was
//! kept from its core by others is nobody's: the clock stands still for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};
use std::{io, iter};

use crate::load::{self, Load, Sample, WARM_UP};
use crate::script::Script;
use crate::server::Server;

/// A host that gives its cores to others for a millisecond, several times a second, makes the
/// slowest requests of every run; of windows this short most are without, and their median tells
/// of the server.
const WINDOW: Duration = Duration::from_millis(100);

/// Runs `script` for `duration` after a warm-up at so many requests a second: a sample a window.
pub fn run(
    server: &Server,
    script: &Script,
    connections: usize,
    per_second: f64,
    duration: Duration,
) -> io::Result<Vec<Sample>> {
    let mut load = Load::connect(server.address, script, connections)?;
    let mut pace = Pace::new(&load, per_second / load.depth() as f64);
    let windows = (duration.as_millis() / WINDOW.as_millis()).max(1) as usize;
    let warm_ups = iter::once(WARM_UP).chain(iter::repeat(Duration::ZERO));
    let window = |warm_up| {
        load::measure(server, &mut load, (warm_up, WINDOW), |load, end| pace.run_until(load, end))
    };
    warm_ups.take(windows).map(window).collect()
}

/// The same over connections that are there, and stay, in one sample.
pub fn measure(
    server: &Server,
    load: &mut Load,
    per_second: f64,
    duration: Duration,
) -> io::Result<Sample> {
    let mut pace = Pace::new(load, per_second / load.depth() as f64);
    load::measure(server, load, (WARM_UP, duration), |load, end| pace.run_until(load, end))
}

/// A generator that has not looked for so long was kept from its core: it blocks on nothing.
const AWAY_MIN: Duration = Duration::from_millis(1);
/// Unless batches are large: then it may have been reading.
const BATCH_BYTES_MAX: usize = 64 << 10;

/// When batches are due, each over the next connection in turn.
pub struct Pace {
    interval: Duration,
    due: Instant,
    next: usize,
    /// What fell due on connections that still await an answer.
    late: Vec<VecDeque<Instant>>,
    /// When it last looked, if it can tell that it was away.
    looked: Option<Instant>,
}

impl Pace {
    /// Begins now.
    pub fn new(load: &Load, batches_per_second: f64) -> Pace {
        let late = vec![VecDeque::new(); load.len()];
        let interval = Duration::from_secs_f64(1.0 / batches_per_second.max(1.0));
        let now = Instant::now();
        let looked = (load.batch_bytes() <= BATCH_BYTES_MAX).then_some(now);
        Pace { interval, due: now, next: 0, late, looked }
    }

    /// Spins: sleeping would be late by more than a reply takes.
    fn run_until(&mut self, load: &mut Load, end: Instant) -> io::Result<()> {
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            self.step(load, now)?;
        }
    }

    /// Sends what is due by `now` and takes what is there.
    pub fn step(&mut self, load: &mut Load, now: Instant) -> io::Result<()> {
        if let Some(looked) = self.looked.filter(|&looked| now - looked > AWAY_MIN) {
            let away = now - looked;
            load.forgive(away);
            self.due += away;
            self.late.iter_mut().flatten().for_each(|due| *due += away);
        }
        self.looked = self.looked.map(|_| now);
        while self.due <= now {
            if load.is_idle(self.next) {
                load.begin_batch(self.next, self.due)?;
            } else {
                self.late[self.next].push_back(self.due);
            }
            self.due += self.interval;
            self.next = (self.next + 1) % self.late.len();
        }
        load.turn(Duration::ZERO, &mut |load, index, _| match self.late[index].pop_front() {
            Some(due) => load.begin_batch(index, due),
            None => Ok(()),
        })?;
        Ok(())
    }
}
