//! Latencies counted in buckets about 3 % wide: log-linear, 32 to each power of two.

const SUB_BITS: u32 = 5;
const SUB: usize = 1 << SUB_BITS;
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) * SUB;

/// Counts of values by size.
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: vec![0; BUCKETS], total: 0, max: 0 }
    }
}

impl Histogram {
    pub fn add(&mut self, value: u64) {
        self.counts[bucket(value)] += 1;
        self.total += 1;
        self.max = self.max.max(value);
    }

    /// The largest value; 0 of none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The least value of the bucket below which `part` (0 to 1) of the values lie; 0 if none are.
    pub fn quantile(&self, part: f64) -> u64 {
        let rank = (self.total as f64 * part) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen > rank {
                return least(bucket);
            }
        }
        0
    }
}

/// Values below `SUB` have a bucket each; above, the highest bit and the `SUB_BITS` after it say.
fn bucket(value: u64) -> usize {
    if value < SUB as u64 {
        return value as usize;
    }
    let shift = value.ilog2() - SUB_BITS;
    (shift as usize + 1) * SUB + ((value >> shift) as usize & (SUB - 1))
}

fn least(bucket: usize) -> u64 {
    if bucket < SUB {
        return bucket as u64;
    }
    let shift = bucket / SUB - 1;
    ((SUB + bucket % SUB) as u64) << shift
}
