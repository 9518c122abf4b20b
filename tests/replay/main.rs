//! The replay bench's own parts: its workloads are what they say, the same every time; its
//! readers read; its yardstick measures right.

#[path = "../../benches/replay/clock.rs"]
mod clock;
#[path = "../../benches/replay/ideal.rs"]
mod ideal;
#[path = "../../benches/replay/in_process.rs"]
mod in_process;
#[path = "../common/rng.rs"]
#[allow(dead_code, reason = "tests draw in more ways")]
mod rng;
#[path = "../../benches/replay/score.rs"]
#[allow(dead_code, reason = "the bench reads the rest")]
mod score;
#[path = "../../benches/replay/windows.rs"]
mod windows;
#[path = "../../benches/replay/workloads/mod.rs"]
#[allow(dead_code, reason = "the bench reads the rest")]
mod workloads;

mod made;
mod players;
mod traces;
