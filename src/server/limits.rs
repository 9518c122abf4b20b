//! How the loop behaves: every bound of the server, with its reason. Sizes are in bytes.

use crate::protocol::limits::{LOGIN_MAX, VALUE_IN_BUFFER_MAX};

/// Events taken from one poll. More than one stage serves, so that a poll is shared.
pub(super) const EVENTS_MAX: usize = 256;

/// Connections a stage serves: bounds how long the first reply waits for the last request.
pub(super) const STAGE_CONNECTIONS_MAX: usize = 64;

/// A stage begins no connection's turn once those before it have so many bytes to work on: some two
/// thousand short requests, which are answered before others are read, within two milliseconds. A
/// quarter of it was measured to cost up to a tenth more processor, for readers that fall asleep
/// between stages must be woken more often.
pub(super) const STAGE_BYTES_MAX: usize = 128 << 10;

/// Replies are sent as soon as a stage has collected this many bytes, so that they are still in
/// the cache when the kernel copies them.
pub(super) const STAGE_OUTPUT_MAX: usize = 256 << 10;

/// And as soon as one connection's are so many: its reader may begin while others are served, and
/// what was copied to the output is still in the cache nearest to a core.
pub(super) const SENT_ALONE: usize = 32 << 10;
const _: () = assert!(SENT_ALONE <= STAGE_OUTPUT_MAX);

/// The worker's read area: four full reads, or some sixty ordinary ones.
pub(super) const READ_AREA: usize = 4 * READ_MAX;

/// One read asks for at most this much: a turn's share. Sixteen values of 4 KiB come in one, with
/// their lines; and so does the longest that is not streamed.
pub(super) const READ_MAX: usize = 68 << 10;
const _: () = assert!(READ_MAX >= VALUE_IN_BUFFER_MAX + (4 << 10));

/// Bytes of a long value that one system call sends from its chunks, if its socket takes as much
/// (net.ipv4.tcp_wmem): a turn's share, less than a millisecond. A value of 10 MiB sent by calls of
/// 256 KiB takes 1.5 times as much processor as by one that sends what the socket takes, by calls
/// of 512 KiB 1.4 times, of 1 MiB 1.2 times: every call wakes the reader.
pub(super) const GATHER_MAX: usize = 4 << 20;

/// Bytes of a long value that one system call reads into its chunks, under the lock of the only
/// shard: some 70 microseconds.
pub(super) const DIRECT_MAX: usize = 512 << 10;

/// The same for the first call of a value, and for one after a call that came short: one of 100 KiB
/// comes in a single call. A value that trickles in fills little of the chunks that were taken for
/// it, and at full memory those were somebody's; a call that fills them all is followed by one for
/// twice as much.
pub(super) const DIRECT_MIN: usize = 128 << 10;
const _: () = assert!(DIRECT_MIN <= DIRECT_MAX && DIRECT_MAX <= DIRECT_TURN_MAX);

/// The same in one turn, in several such calls.
pub(super) const DIRECT_TURN_MAX: usize = 1 << 20;

/// While a long value comes quickly, its connection waits until an eighth of it is there, or all of
/// the rest, but for no more than this: a turn's share. To be woken for every 100 KiB, as a sender
/// brings them, is a third of what 10 MiB cost; and a large part of a short one would have left the
/// processor's caches before it is read. They wait in the kernel, whose memory for sockets has
/// bounds of its own (net.ipv4.tcp_rmem, tcp_mem).
pub(super) const LOW_WATER: u32 = DIRECT_TURN_MAX as u32;

/// See there.
pub(super) const LOW_WATER_PARTS: u32 = 8;

/// Nothing waits below the mark for longer than so many seconds: a sender that stalls there would
/// have a megabyte of the kernel's memory, in which no bound of ours counts it.
pub(super) const LOW_WATER_S: u32 = 2;

/// The least that is waited for, and what is at first, when nobody knows how quickly it comes: what
/// comes slower than this in a second is read as it comes, so that its progress is seen
/// (`drop_stalest`).
pub(super) const LOW_WATER_MIN: u32 = 128 << 10;
const _: () = assert!(LOW_WATER_MIN <= LOW_WATER);

/// The first read of a connection that stored a long value last: its next request is probably
/// another one, of which what comes with its line is copied, and the rest is not. Of 100 KiB, 16
/// more are 3 % of what they cost. A short request fits.
pub(super) const BULKY_READ: usize = 2 << 10;

/// What is read behind a long value by the call that reads its end: its terminator, and short
/// requests. A long value among them would have to be copied.
pub(super) const DIRECT_BEHIND: usize = 4 << 10;
const _: () = assert!(DIRECT_BEHIND <= READ_ROOM_MIN);

/// A stage begins no connection's turn once its reads, and what was sent before its visit, have
/// moved this many bytes: some half a millisecond. Behind its visit it begins to send no long value
/// once as much is sent. Long values take none of the read area, and dozens of them, a megabyte
/// each, would hold up the short requests behind.
pub(super) const STAGE_MOVED_MAX: u64 = 2 << 20;
const _: () = assert!(STAGE_MOVED_MAX >= (READ_AREA + DIRECT_TURN_MAX) as u64);

/// A connection's kept bytes are copied to the read area, in front of what is read, up to this
/// many: cheaper than a second read when the request's rest and the next one arrive together.
pub(super) const CARRY_MAX: usize = 8 << 10;

/// Room in a connection's own buffer beyond what its request wants: a read that comes short of it
/// needs no second one to say that the socket is empty.
pub(super) const OWN_SLACK: usize = 512;

/// A stage begins no read with less room than this.
pub(super) const READ_ROOM_MIN: usize = CARRY_MAX + (8 << 10);
const _: () = assert!(READ_AREA >= 4 * READ_MAX && READ_MAX >= READ_ROOM_MIN);

/// Requests of one connection in one turn, if -R does not say less: a tenth of a millisecond.
pub(super) const TURN_REQUESTS_MAX: usize = 128;

/// Requests in one visit to the store, of several connections, before which its lock is let go for
/// a moment: another connection's turn may follow under it if they were fewer.
pub(super) const VISIT_REQUESTS_MAX: usize = 128;
const _: () = assert!(VISIT_REQUESTS_MAX <= TURN_REQUESTS_MAX);

/// Bytes of requests of one connection in one turn; one value at least must fit.
pub(super) const TURN_BYTES_MAX: usize = 64 << 10;

/// Replies a connection may owe its reader: above, it is not read nor executed.
pub(super) const OUTPUT_MARK: usize = 256 << 10;

/// The same while the buffers of all connections together are above half of [`BUFFERS_SOFT_MAX`].
pub(super) const OUTPUT_MARK_TIGHT: usize = 32 << 10;

/// A paused connection goes on when it owes no more than this.
pub(super) const OUTPUT_LOW: usize = 16 << 10;

/// A long answer is made ahead of its socket by at most this much, and the piece that passes it:
/// what a slow reader of one costs. A long value for a socket is not made ahead of it at all: see
/// `direct::send`.
pub(super) const STREAM_AHEAD: usize = 128 << 10;
const _: () = assert!(OUTPUT_MARK >= STREAM_AHEAD + (64 << 10));

/// Pieces of a long value in one turn, of 64 KiB each.
pub(super) const STREAM_PIECES: usize = 2;

/// Pieces of a dump in one turn: some 10 microseconds each, and others wait meanwhile.
pub(super) const DUMP_PIECES: usize = 8;

/// A dump has a turn this often, however fast it is read: half a million items a second, in less
/// than a tenth of a worker's time. Without a pause, it and its reader would have two cores busy
/// as long as it takes, and everybody else would wait for one.
pub(super) const DUMP_PERIOD_MS: u64 = 1;
const _: () = assert!(TURN_BYTES_MAX >= VALUE_IN_BUFFER_MAX);

/// Bytes that all connections together may own (partial requests, unread replies) before those
/// that stand still are closed. Without it 10 000 connections with 32 KiB each are 320 MiB; with
/// it, item memory of 64 MiB and a quarter stays the larger part of a small daemon.
pub(super) const BUFFERS_SOFT_MAX: u64 = 16 << 20;

/// Above this, requests longer than [`READ_SHORT`] are left in the sockets until others are done.
pub(super) const BUFFERS_HARD_MAX: u64 = 20 << 20;

/// What is read of a connection while buffers are that short: an ordinary request.
pub(super) const READ_SHORT: usize = 2 << 10;
const _: () = assert!(BUFFERS_SOFT_MAX < BUFFERS_HARD_MAX);

/// A connection stands still when nothing moved, or its request is not whole, for this many
/// seconds: longer than a lost packet takes. Whom it meets is decided once a second.
pub(super) const STALLED_S: u32 = 2;

/// A body must arrive at this many bytes a second on the whole (beyond one body timeout), so that
/// a byte now and then cannot hold memory for ever. A modem's speed.
pub(super) const UPLOAD_RATE_MIN: u32 = 4 << 10;

/// After the last reply, what a client still sends is read and dropped for this many seconds, so
/// that it finds our FIN and the reply, not a reset.
pub(super) const DRAIN_S: u32 = 1;

/// As above: at most this many bytes.
pub(super) const DRAIN_BYTES_MAX: u32 = 4 << 20;

/// Bytes of a request that a log line shows at most: of a text line its words, of a packet its
/// header and key.
pub(super) const LOG_LINE_MAX: usize = 512;

/// At a stop, how long replies may take to be read.
pub(super) const STOP_FLUSH_MS: u64 = 3000;

/// At a stop, how long busy clients get to see the end of the stream.
pub(super) const STOP_DRAIN_MS: u64 = 150;

/// Logins that may wait for the errand thread; a client beyond is disconnected. Each connection has
/// at most one, and each holds at most a login's bytes: 32 MiB if all are as long as can be.
pub(super) const LOGINS_MAX: usize = 2048;
const _: () = assert!(LOGINS_MAX * LOGIN_MAX <= 32 << 20);

/// A client learns only after this time that its password was wrong: one that guesses on one
/// connection gets ten tries a second, and the time of a check says even less.
pub(super) const LOGIN_DELAY_MS: u64 = 100;

/// The longest UDP datagram there is, and so the longest request in one.
pub(super) const DATAGRAM_REQUEST_MAX: usize = 64 << 10;
const _: () = assert!(DATAGRAM_REQUEST_MAX <= READ_MAX);

/// Datagrams of one socket in one turn of the loop.
pub(super) const DATAGRAMS_MAX: usize = 16;
const _: () = assert!(DATAGRAMS_MAX <= STAGE_CONNECTIONS_MAX);

/// The longest answer by UDP: a value of the default limit fits, and some more. The answers of one
/// turn are held together, 32 MiB at most.
pub(super) const DATAGRAM_REPLY_MAX: usize = 2 << 20;
const _: () = assert!(DATAGRAM_REPLY_MAX * DATAGRAMS_MAX <= 32 << 20);

/// Addresses whose share of answers by UDP is kept apart: 256 KiB of table.
pub(super) const BUDGET_PLACES: usize = 8192;

/// Watchers are sent their lines this often: soon enough for a reader, and rarely enough that the
/// worker hardly notices.
pub(super) const WATCH_PERIOD_MS: u64 = 10;

/// Connections accepted in a row from one listener before the others get their turn.
pub(super) const ACCEPT_BURST: usize = 64;

/// While the accepting thread may not accept, it looks again after this time, as memcached does.
pub(super) const ACCEPT_RETRY_MS: u64 = 10;

/// The accepting thread backs off up to this when the system has no descriptors or memory.
pub(super) const ACCEPT_RETRY_MAX_MS: u64 = 100;
