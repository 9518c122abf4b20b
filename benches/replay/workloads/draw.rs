//! Drawing from distributions: which key, and what follows from a key.

use crate::rng::Rng;

/// Draws places of a list in proportion to their weights.
pub struct Weighted {
    cumulative: Vec<f64>,
}

impl Weighted {
    pub fn new(weights: impl Iterator<Item = f64>) -> Weighted {
        let running = |sum: &mut f64, weight: f64| {
            *sum += weight;
            Some(*sum)
        };
        Weighted { cumulative: weights.scan(0.0, running).collect() }
    }

    /// The weight of place n (from 0) is 1 / (n + 1) ^ alpha.
    pub fn zipf(places: u32, alpha: f64) -> Weighted {
        Weighted::new((1..=places).map(|rank| f64::from(rank).powf(-alpha)))
    }

    /// A place, from 0.
    pub fn draw(&self, rng: &mut Rng) -> u64 {
        self.at(unit(rng.next_u64()))
    }

    /// The place below which `part` (0 to 1) of the weight lies.
    pub fn at(&self, part: f64) -> u64 {
        let Some((last, total)) = self.cumulative.len().checked_sub(1).zip(self.cumulative.last())
        else {
            return 0;
        };
        let wanted = part * total;
        self.cumulative.partition_point(|&sum| sum <= wanted).min(last) as u64
    }
}

/// Below 1, in steps of 2^-53.
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number that follows from a key, as if drawn for it; `salt` tells several apart.
pub fn of_key(key: u64, salt: u64) -> u64 {
    Rng::new(key.wrapping_mul(31).wrapping_add(salt)).next_u64()
}

/// A number from `low` to `high` that follows from the key.
pub fn between(key: u64, low: u32, high: u32) -> u32 {
    low + (of_key(key, 0) % u64::from(high - low + 1)) as u32
}
