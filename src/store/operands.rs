//! What the verbs take, and how they end. Outcomes are not errors: each is something a client is
//! told.

use super::{Deadline, KeyHash};

/// A storage command's operands, less the value.
#[derive(Debug, Clone, Copy)]
pub struct SetArgs<'a> {
    /// 1 to 250 bytes.
    pub key: &'a [u8],
    /// `Store::hash(key)`.
    pub hash: KeyHash,
    /// Opaque client flags.
    pub flags: u32,
    /// When it dies.
    pub deadline: Deadline,
    /// Under what condition.
    pub mode: SetMode,
    /// Only if the present item's CAS is this.
    pub compare: Option<u64>,
    /// What few sets ask.
    pub rare: SetRare,
}

/// Operands of a storage command that are absent from most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetRare {
    /// Store under this CAS instead of a fresh one.
    pub new_cas: Option<u64>,
    /// The item remembers that its key came in base64.
    pub binary_key: bool,
    /// With `compare`: a CAS lower than the item's stores the value all the same, but marked
    /// stale, and with the item's deadline.
    pub invalidate: bool,
    /// Append and prepend: a miss stores the value, to die then.
    pub vivify: Option<Deadline>,
    /// Refused for size or memory, the command removes the old item, whatever its mode.
    pub drop_old: bool,
    /// Refused for size or memory, the command is not counted as such.
    pub uncounted: bool,
}

/// A delete's operands.
#[derive(Debug, Clone, Copy)]
pub struct DeleteArgs<'a> {
    /// 1 to 250 bytes.
    pub key: &'a [u8],
    /// `Store::hash(key)`.
    pub hash: KeyHash,
    /// Only if the item's CAS is this.
    pub compare: Option<u64>,
    /// What few deletes ask: the item stays, in one way or another.
    pub keep: Option<Keep>,
}

/// A delete that keeps the item: marked stale, emptied, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Mark it stale, under a new CAS, for somebody to win.
    pub invalidate: bool,
    /// Empty it; these are its new client flags.
    pub empty: Option<u32>,
    /// Its new deadline. An emptied item without one never dies.
    pub deadline: Option<Deadline>,
    /// Its new CAS, instead of a fresh one (or, emptied only, of the old one).
    pub new_cas: Option<u64>,
}

/// An increment's or decrement's operands.
#[derive(Debug, Clone, Copy)]
pub struct ArithArgs<'a> {
    /// 1 to 250 bytes.
    pub key: &'a [u8],
    /// `Store::hash(key)`.
    pub hash: KeyHash,
    /// How much.
    pub delta: u64,
    /// Down, not up.
    pub decrement: bool,
    /// Only if the item's CAS is this.
    pub compare: Option<u64>,
    /// A miss stores this number, to die then.
    pub vivify: Option<(u64, Deadline)>,
    /// Also move the deadline of an item that was there.
    pub touch: Option<Deadline>,
    /// Store under this CAS instead of a fresh one.
    pub new_cas: Option<u64>,
    /// An item that a miss creates remembers that its key came in base64.
    pub binary_key: bool,
}

impl<'a> DeleteArgs<'a> {
    /// A removal.
    pub fn new(key: &'a [u8], hash: KeyHash, compare: Option<u64>) -> Self {
        DeleteArgs { key, hash, compare, keep: None }
    }
}

impl<'a> ArithArgs<'a> {
    /// Arithmetic and nothing else.
    pub fn new(key: &'a [u8], hash: KeyHash, delta: u64, decrement: bool) -> Self {
        ArithArgs {
            key,
            hash,
            delta,
            decrement,
            compare: None,
            vivify: None,
            touch: None,
            new_cas: None,
            binary_key: false,
        }
    }
}

/// The operands of a lookup that may change what it finds.
#[derive(Debug, Clone, Copy, Default)]
pub struct FetchArgs {
    /// The new deadline of what is found, which then counts as a touch and not as a get.
    pub touch: Option<Deadline>,
    /// Leaves no trace in the queues.
    pub no_bump: bool,
    /// A miss creates an empty item with this deadline, and finds that.
    pub vivify: Option<Deadline>,
    /// Store that under this CAS instead of a fresh one.
    pub new_cas: Option<u64>,
    /// It remembers that its key came in base64.
    pub binary_key: bool,
}

/// The storage modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetMode {
    /// Whatever is there.
    Set,
    /// Only if absent.
    Add,
    /// Only if present.
    Replace,
    /// Behind the present value; keeps its flags and deadline.
    Append,
    /// Before the present value; keeps its flags and deadline.
    Prepend,
}

/// What became of a storage command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Stored, under this CAS.
    Stored(u64),
    /// The condition on presence did not hold (or an append outgrew the limits).
    NotStored,
    /// The CAS differs.
    Exists,
    /// A CAS was given and there is no item.
    NotFound,
    /// Larger than the item size limit. `Set` has removed the old item.
    TooLarge,
    /// No memory. `Set` has removed the old item.
    OutOfMemory,
}

impl Stored {
    /// There was no place for the value, whatever is stored under its key.
    pub(super) fn is_refused(self) -> bool {
        matches!(self, Stored::TooLarge | Stored::OutOfMemory)
    }
}

/// What became of a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// Gone.
    Deleted,
    /// Was not there.
    NotFound,
    /// The CAS differs.
    Exists,
    /// The item was to stay in another shape, for which there is no memory.
    OutOfMemory,
}

/// What became of an increment or decrement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Done.
    Value(Count),
    /// No such item.
    NotFound,
    /// Not a decimal number.
    NonNumeric,
    /// The longer number found no memory.
    OutOfMemory,
    /// The number that a miss was to create found no memory.
    NoMemoryToCreate,
    /// The CAS differs.
    Exists,
}

/// A number after arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Its value.
    pub number: u64,
    /// Its CAS.
    pub cas: u64,
    /// Its deadline before this request touched it.
    pub deadline: Deadline,
    /// It was not there before.
    pub created: bool,
}
