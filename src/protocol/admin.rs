//! What operators ask of memory and queues: the `slabs`, `lru` and `lru_crawler` commands, as
//! parsed. Which values are allowed is the command's to say.

/// `slabs …`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slabs {
    /// `reassign <from> <to>`: move a page between classes (from 1), or from and to the pool (0);
    /// from -1: any class. `None`: the words are not numbers, which is told only where pages may
    /// be moved.
    Reassign(Option<(i32, i32)>),
    /// `automove <level>`
    Automove(u32),
    /// `automove ratio <fraction>`
    Ratio(Float),
    /// `automove freeratio <fraction>`: of external storage, which there is none of.
    FreeRatio(Float),
    /// `automove window <seconds>`
    Window(u32),
}

/// `lru …`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lru {
    /// `tune <hot %> <warm %> <hot factor> <warm factor>`
    Tune {
        /// Percent.
        hot_pct: u32,
        /// Percent.
        warm_pct: u32,
        /// Of COLD's age.
        hot_factor: Float,
        /// Of COLD's age.
        warm_factor: Float,
    },
    /// `mode …`
    Mode(LruMode),
    /// `temp_ttl <seconds>`; negative: no such queue.
    TempTtl(i32),
}

/// How a class decides what goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LruMode {
    /// memcached's one queue.
    Flat,
    /// memcached's four queues.
    Segmented,
    /// slabd's own: newcomers are on probation.
    Probation,
}

/// `lru_crawler …`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crawler {
    /// `enable` or `disable`
    Enable(bool),
    /// `sleep <microseconds>`
    Sleep(u32),
    /// `tocrawl <items>`
    ToCrawl(u32),
    /// `crawl <classes>`: look for dead items now.
    Crawl(Classes),
    /// `metadump <classes>` or `mgdump <classes>`
    Dump(Classes, DumpFormat),
}

/// Which items a crawler looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Classes {
    /// Those of the classes whose bits are set; bit 0 never is.
    Listed(u64),
    /// `all`
    All,
    /// `hash`: all, in the order of the index.
    Hash,
    /// Not a list of classes.
    Invalid,
}

/// How a dump shows an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpFormat {
    /// `metadump`: all that is known of it but the value.
    Meta,
    /// `mgdump`: the `mg` line that would fetch it.
    Mg,
}

/// A decimal fraction: finite, and therefore comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Float(u64);

impl Float {
    /// `None`: neither infinity nor "not a number" is one.
    pub fn new(value: f64) -> Option<Float> {
        value.is_finite().then_some(Float(value.to_bits()))
    }
    /// The number.
    pub fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}
