//! The part of the twin that concerns values on their way: uploads, sent piece by piece, and
//! pins, read slice by slice.

use slabd::store::{PinId, PinRead, Received, SetArgs, SetMode, SetRare, Stored, UploadId};

use crate::store_ops::{Content, Terms};
use crate::store_twin::{World, key_bytes};

/// Most uploads, and most pins, at a time.
const OPEN_MAX: usize = 6;

/// A value being sent.
pub struct Upload {
    id: UploadId,
    set: LargeSet,
    /// Bytes of it the store has.
    pub sent: usize,
    /// When the last came, and how many uploads began before: who gives way first.
    rank: (u32, u64),
    /// The store took its memory; its sender has not been told.
    pub given_up: bool,
}

/// The storage command a value is sent for.
#[derive(Clone)]
struct LargeSet {
    key: Vec<u8>,
    flags: u32,
    deadline: u32,
    mode: SetMode,
    compare: Option<u64>,
    rare: SetRare,
    value: Vec<u8>,
}

/// A value being read.
pub struct Pin {
    id: PinId,
    pub key: Vec<u8>,
    /// The entry's version when it was pinned.
    pub version: u64,
    pub value: Vec<u8>,
    read: usize,
}

impl LargeSet {
    fn args(&self, world: &World) -> SetArgs<'_> {
        SetArgs {
            key: &self.key,
            hash: world.store.hash(&self.key),
            flags: self.flags,
            deadline: self.deadline,
            mode: self.mode,
            compare: self.compare,
            rare: self.rare,
        }
    }
}

impl World {
    pub(crate) fn begin_upload(&mut self, terms: Terms, content: Content) {
        if self.uploads.len() == OPEN_MAX {
            return;
        }
        let key = key_bytes(terms.key);
        let value = self.bytes_of(content);
        let args = self.args(&key, terms);
        let begun = self.store.begin_upload(&args, value.len() as u32, self.now);
        self.absorb(None);
        let too_large = self.is_too_large(&args, value.len(), args.flags);
        match begun {
            Ok(id) => {
                assert!(!too_large);
                let SetArgs { flags, deadline, mode, compare, rare, .. } = args;
                let set = LargeSet { key, flags, deadline, mode, compare, rare, value };
                let rank = (self.now, self.begun);
                self.begun += 1;
                self.uploads.push(Upload { id, set, sent: 0, rank, given_up: false });
            }
            Err(Stored::TooLarge) => {
                assert!(too_large);
                self.forget_replaced(&args);
            }
            Err(refused) => {
                assert_eq!(refused, Stored::OutOfMemory);
                self.allow_no_memory(0);
                self.forget_replaced(&args);
            }
        }
    }

    pub(crate) fn append_upload(&mut self, nth: usize, len: usize) {
        if self.uploads.is_empty() {
            return;
        }
        let nth = nth % self.uploads.len();
        let upload = &mut self.uploads[nth];
        let piece = &upload.set.value[upload.sent..];
        let piece = &piece[..piece.len().min(len)];
        let (len, received) = (piece.len(), self.store.append_upload(&upload.id, piece, self.now));
        upload.sent += len;
        if len > 0 {
            upload.rank.0 = self.now;
        }
        self.absorb(None);
        let dropped = received == Received::Dropped;
        let mut upload = self.uploads.swap_remove(nth);
        let expected = upload.given_up && len > 0;
        if !upload.given_up {
            self.give_way(&upload, dropped);
        }
        if dropped {
            if !expected {
                self.allow_no_memory(upload.sent);
                self.forget_replaced(&upload.set.args(self));
            }
            self.tally.uploads_dropped += 1;
        } else {
            assert!(!expected, "bytes of an upload that was given up were taken");
            upload.sent = if upload.given_up { 0 } else { upload.sent };
            self.uploads.push(upload);
        }
    }

    /// After bytes for `asking`: of the others, those that were idle longest may have lost their
    /// memory to it, and their old values.
    fn give_way(&mut self, asking: &Upload, dropped: bool) {
        let open = self.uploads.iter().filter(|upload| !upload.given_up);
        let (mut open, sent) = open.fold((0, 0), |(n, sent), up| (n + 1, sent + up.sent));
        let left = self.store.stats(self.now).uploads + u64::from(dropped) - 1;
        let cap = (self.config.limit_bytes / 4).max(self.config.item_size_max);
        assert!(open == left || (sent + asking.sent) as u64 > cap, "given up below the cap");
        while open > left {
            let others = self.uploads.iter_mut().filter(|up| !up.given_up && up.sent > 0);
            let stalest = others.min_by_key(|upload| upload.rank).expect("one that gave way");
            (stalest.given_up, stalest.sent) = (true, 0);
            let set = stalest.set.clone();
            self.forget_replaced(&set.args(self));
            open -= 1;
        }
    }

    pub(crate) fn commit_upload(&mut self, nth: usize) {
        if self.uploads.is_empty() {
            return;
        }
        let nth = nth % self.uploads.len();
        let left = self.uploads[nth].set.value.len();
        let open = self.uploads.len();
        self.append_upload(nth, left);
        if self.uploads.len() < open {
            return;
        }
        let Upload { id, mut set, given_up, .. } = self.uploads.pop().expect("put there last");
        let stored = self.store.commit_upload(id, self.now);
        self.absorb(Some(&set.key));
        if given_up {
            return assert_eq!(stored, Stored::OutOfMemory);
        }
        let value = std::mem::take(&mut set.value);
        self.judge_stored(&set.args(self), value, stored);
        self.tally.committed += u64::from(matches!(stored, Stored::Stored(_)));
    }

    pub(crate) fn drop_upload(&mut self, nth: usize, spoiled: bool) {
        if self.uploads.is_empty() {
            return;
        }
        let Upload { id, .. } = self.uploads.swap_remove(nth % self.uploads.len());
        match spoiled {
            true => self.store.spoil_upload(id),
            false => self.store.drop_upload(id),
        }
        self.absorb(None);
    }

    pub(crate) fn pin(&mut self, nth: usize) {
        let Some(key) = self.long.get(nth % self.long.len().max(1)).cloned() else { return };
        let hash = self.store.hash(&key);
        let room = self.pins.len() < OPEN_MAX;
        let pinned = self.session().get(&key, hash, None, self.now, |mut hit| {
            // Only what does not stand in one piece can be pinned.
            (room && hit.value().is_none()).then(|| hit.pin())
        });
        self.absorb(None);
        let entry = self.find(&key);
        assert_eq!(pinned.is_some(), entry.is_some(), "a get finds what lives");
        if let (Some(Some(id)), Some(entry)) = (pinned, entry) {
            let (version, value) = (entry.version, entry.value.clone());
            self.pins.push(Pin { id, key: key.clone(), version, value, read: 0 });
        }
        self.note_fetch(&key);
    }

    pub(crate) fn read_pin(&mut self, nth: usize, max: usize) {
        if self.pins.is_empty() {
            return;
        }
        let nth = nth % self.pins.len();
        let pin = &mut self.pins[nth];
        let mut out = Vec::new();
        let read = self.store.read_pin(&pin.id, max, &mut out);
        if read == PinRead::Revoked {
            assert!(out.is_empty(), "a revoked pin gives nothing");
            let entry = self.twin.get(&pin.key);
            let untouched = entry.is_some_and(|entry| entry.version == pin.version);
            assert!(!untouched, "a pin on a live item was revoked");
            self.tally.pins_revoked += 1;
            return self.unpin(nth);
        }
        let want = &pin.value[pin.read..];
        let want = &want[..want.len().min(max)];
        assert!(out == want, "a pinned value is what it was");
        pin.read += want.len();
        let all = pin.read == pin.value.len();
        assert_eq!(read, if all { PinRead::Done } else { PinRead::More });
        if all {
            self.tally.pins_done += 1;
            self.unpin(nth);
        }
    }

    pub(crate) fn unpin(&mut self, nth: usize) {
        if !self.pins.is_empty() {
            let pin = self.pins.swap_remove(nth % self.pins.len());
            self.store.unpin(pin.id);
        }
    }
}
