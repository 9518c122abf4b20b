//! slabd: a cache daemon that speaks memcached's protocol.
//!
//! # The map
//!
//! Bytes become a [`Request`](protocol::Request) in a pure function; a request meets the
//! [`Store`](store::Store) in one dispatch, [`commands::execute`]; the answer is appended to a byte
//! vector by a [`Reply`](protocol::Reply) that knows the asker's dialect. The server moves bytes
//! and owns every thread; `ops` is everything the operator sees.
//!
//! ```text
//! socket ─▶ stream ─▶ buffer ─▶ protocol::parse ─▶ Request ─▶ commands::execute ─▶ Store ─▶ shard
//! socket ◀─ stream ◀─ output bytes ◀── protocol::Reply ◀───────────┘ item view, still locked
//! ```
//!
//! | folder | is | may name |
//! |---|---|---|
//! | `sync` | std's or loom's locks | nothing of ours |
//! | [`sys`] | libc, memory, a lock for many readers | `sync` |
//! | [`store`] | the engine: shards over pages of memory | `sync`, `sys` |
//! | [`protocol`] | bytes to requests, answers to bytes | nothing of ours |
//! | [`ops`] | options, counts, statistics, the log | `store`, `sync`, `sys` |
//! | [`commands`] | every verb there is | `protocol`, `store`, `ops` |
//! | [`server`] | every socket and every thread | all of the above |
//!
//! `tests/tidy.rs` holds the source to this table, and lets no files import each other in a circle.
//!
//! # Where to begin
//!
//! `server/stage.rs` shows the whole flow of data on a few screens; [`commands`] lists every verb;
//! then `store/arena.rs` and `store/geometry.rs` (their head comments), `store/shard.rs`, and
//! `protocol/text.rs`. A test is a conversation: see `tests/text/get_set.rs`, and write one.
//!
//! # What is always true
//!
//! - Only `server` knows sockets and starts threads. Only `sys` calls libc.
//! - The store has never heard of a protocol, the protocol never of the store.
//! - Nothing below `server` reads a clock: `now` is an argument, so expiry is an ordinary test.
//! - No reference into a shard outlives its lock. Outside a shard an item is named only by a
//!   [`PinId`](store::PinId) or an [`UploadId`](store::UploadId), places in a table its shard owns.
//! - A lock is never taken while another is held.
//! - Unsafe code is in `store/arena.rs` and `sys`; the first is sound for any argument.
//! - Memory for items is obtained through one `PagePool`, and running out is a normal outcome.
//! - A request is executed whole or not at all; a malformed one costs its sender, nobody else.
//! - Every queue, buffer and loop has a limit, and the line that meets it says what happens there.
//! - Counters have one writer each.
//! - Background work is done in bounded steps, under the same lock as everyone else.
//!
//! # Decisions, and what was weighed
//!
//! **Shards.** The store is a power-of-two number of shards, each behind one lock; a shard is plain
//! `&mut self` code. How many follows from memory and workers (`store/geometry.rs`): one at `-t 1`,
//! since a batch of 32 keys should not take 32 locks; with several workers as many as have 32 MiB
//! each, up to 16 a worker and 64 in all, since who waits for a lock waits for its cache line as
//! well, and that may come from far. Weighed: memcached's item, LRU and slab locks (an order to
//! keep), and messages between cores (a wake-up a hop).
//!
//! **Many readers of one shard.** Most gets have nothing to write: their item is marked as used
//! already. So a shard that saw only such gets for a while is opened to readers (`sys/biased.rs`,
//! `store/readers.rs`): each of several workers says on a cache line of its own that it is reading,
//! and takes none from the others, so that two do twice as much of one hot key as one does. Any
//! other verb shuts the shard: it looks at each worker's line, and waits for who is reading.
//! Weighed: a reader-writer lock, whose count of readers is a line that all of them write; and
//! reads that are repeated if somebody wrote meanwhile, for which every byte of an item would have
//! to be read and written as an atomic.
//!
//! **What cores share.** A request reads the clock, the switches, the settings and the tables of
//! shards and workers, which are written once a second at most; it reads the shape and the buckets
//! of the index, and writes its shard (a get of an open one does not) and its worker's counters.
//! What is written stands 128 bytes apart, as asserted where it is declared; what is counted across
//! shards (pages, uploads, pins) is touched only when a chunk cannot be had from the shard's own.
//! Who asks for it has each worker on a core of its own (`-o worker_cpus`).
//!
//! **Ids, not pointers.** An item is named by 32 bits: page and offset in units of 8 bytes. Links
//! cost half, items can move (page moves, later a warm restart), and a wrong id is a wrong answer,
//! never a wild pointer.
//!
//! **Headers of 20 bytes, no terminators.** A 44-bit store count serves two ends: the CAS a client
//! sees (count × shards + shard), and the mark of a flush: everything stored under an earlier count
//! is dead, so `flush_all` costs nothing and needs no time of storage in the header. The last
//! access has 16 bits, exact for nine hours and then to 64 s. What not every item has follows the
//! header where it is needed: client flags, a CAS that a client chose, and the deadline, whose
//! place is left out where an item without one fits a smaller chunk so (one of 16 + 100 bytes takes
//! 136 instead of 144). Given a deadline later, it moves to where there is a place; without
//! eviction (`-M`), where there might be no memory for that, every item has it from the start.
//!
//! **Index.** Buckets of one cache line with one-byte tags; linear hashing adds a bucket at a time,
//! so growth is never felt; at less than four items a bucket it takes them away likewise, and what
//! that frees is pages again.
//!
//! **What `-m` holds.** Pages of items; and index, deadlines and ghosts as far as they take more
//! than a 128th of it. memcached's hash table lies outside its limit and an item's link in that
//! table inside; ours is both. Were it all outside, a process full of small items would be larger
//! than memcached at the same `-m`, by a tenth with values of 10 bytes; were it all inside, large
//! values, which hardly need it, would find less room. So tables that grow take the place of pages
//! (`store/pages.rs`); connection buffers and the program lie outside.
//!
//! **Batches.** All requests that arrived are parsed, their index buckets prefetched, then their
//! items, then they run; all connections ready in one poll share the stage. Two system calls serve
//! a lone request: one read, one write; a short read means that the socket is empty.
//! To look ahead takes no lock: the words of the index are atomics, and so is a table of pages
//! beside it (`store/foresight.rs`). What is read there may be out of date by the time it is used,
//! and nothing but a prefetch depends on it. Weighed: to look under the lock, which brings its line
//! early, but passes it from core to core twice a key instead of once.
//! Four keys are looked ahead for together, four to sixteen keys before they are answered: where
//! huge pages are none to the TLB, as on a virtual machine whose host has small ones, a key is two
//! page walks, which should overlap. Weighed: one at a time (a tenth dearer there), eight (late).
//! A pipeline of lookups that are alike but for the key, as clients send for a quiet multi-get, is
//! recognised by its bytes (`protocol/repeat.rs`): one of them is parsed and goes through the
//! dispatch, the others follow it at the price of a key in a list.
//!
//! **Copies.** A value up to 32 KiB, which is a chunk, is copied once in and once out under its
//! shard's lock. A longer one is received into an unlinked chain of chunks as it arrives, and sent
//! from a *pinned* chain: replaced or deleted meanwhile, it stays until its reader is done. The
//! kernel copies from the chunks, with no lock held, as much as the socket takes by one call
//! (`store/direct.rs`); a lone worker, whose locks nobody waits for, has it copy to them as well.
//! While a long value comes quickly, the kernel wakes its reader for an eighth of it at a time.
//! Chunks name not only the next one but one eight further as well, and the head the first eight,
//! so that whoever goes along a chain does not wait for one cache miss after the other.
//!
//! **Expiry.** A dead item goes when it is met, or in its second, by a timing wheel whose slots
//! name pages and whose places in a page are found by a byte for each chunk: what it costs follows
//! what expires, an overwrite leaves nothing behind, an item without a TTL pays nothing. Background
//! work and every store that needs memory do a bounded part of what is due, so nothing
//! alive is evicted while there is something dead, but for a burst. Weighed in `store/expiry.rs`.
//!
//! **Memory is there before it is needed.** The system gives memory when it is first touched, a
//! huge page at a time, which takes 150 microseconds at best and milliseconds now and then. So a
//! thread of its own touches the next huge page of items, or of the index, while the last one is
//! being filled (`store/pages.rs`), and no request waits for it under a lock: where it is late,
//! items go to ordinary pages elsewhere, and the index grows a little later.
//!
//! **Memory between classes.** A class that needs a chunk takes, in this order: its own free ones,
//! a page of the pool, what is dead, an empty page of another class, its own next in line. Every
//! few evictions its claim is weighed against the class that keeps its pages longest for what they
//! hold (`store/claims.rs`), and a page moves, a few items with each eviction; no clock drives it.
//! A class that owns no page gets another's, cleared in short steps between which others have the
//! lock, and the store that needed it is run again (`store/clearing.rs`).
//!
//! **Who goes.** A newcomer is on probation in HOT, a tenth of its class: used there, it goes on to
//! WARM, where a use since the last turn means another turn; unused, it goes, and leaves a ghost of
//! two bytes: who comes back to its ghost goes straight to WARM. So what is asked for once pushes
//! nothing out. After S3-FIFO; HOT/WARM/COLD and the flat LRU are there for who asks for them.
//!
//! **A panic ends the process** (`panic = "abort"`): a half-changed shard is a cache that lies.
//!
//! **No traits of our own** until something outside this repository needs one, but for a closure
//! that has to be inlined (`commands::NextKey`). Closed sets are enums, so that the compiler lists
//! what a change touches.

pub mod commands;
pub mod ops;
pub mod protocol;
pub mod server;
pub mod store;
mod sync;
pub mod sys;
