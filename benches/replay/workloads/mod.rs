//! What is replayed: requests made from a seed, or read from a trace.
//!
//! A workload is the same sequence of requests whenever it is asked for with the same seed. It
//! knows the memory sizes at which it says something, and by what its time is divided when it is
//! paced; a workload that is not paced is played as fast as it goes.

mod clusters;
mod draw;
mod files;
mod made;
pub mod workload;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::rng::Rng;

pub use workload::{REQUESTS_PER_MS, Request, Requests, Workload};

/// All that can be made from a seed.
pub fn made() -> Vec<Workload> {
    let mut all = made::all();
    all.extend(clusters::all());
    all
}

/// Keys below `keys`, drawn by Zipf's law, without end.
pub fn drawn(keys: u32, alpha: f64, seed: u64) -> impl Iterator<Item = u64> {
    let (mut rng, popular) = (Rng::new(seed), draw::Weighted::zipf(keys, alpha));
    std::iter::repeat_with(move || popular.draw(&mut rng))
}

/// A trace: `*.bin` is oracleGeneral, `*.csv` Twitter's open format, a folder with `pop.json` and
/// `sizes.json` the histograms of a CacheLib cachebench test. Played at `sizes_mb`.
pub fn from_file(path: &Path, sizes_mb: Vec<u32>, divisor: Option<u32>) -> Workload {
    let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let name = name.split('.').next().unwrap_or_default().to_string();
    let path = PathBuf::from(path);
    let source = Rc::new(move |seed| files::open(&path, seed));
    Workload { name, about: "a trace", sizes_mb, divisor, source }
}
