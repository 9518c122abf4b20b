//! Page memory from the kernel: reserved as address space, committed when touched.
//!
//! Under miri the allocator stands in for the kernel.

use std::io;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Huge pages are this large on x86-64 and (with 4 KiB base pages) on aarch64.
pub const HUGE_PAGE: usize = 2 << 20;

/// Ordinary pages are of this size on x86-64; elsewhere they are of this or a smaller one (aarch64
/// may be built with any from 4 to 64 KiB).
pub const BASE_PAGE: usize = if cfg!(target_arch = "x86_64") { 4 << 10 } else { 64 << 10 };

/// Parts of a region that one call of [`Region::write_parts`] takes at most. With what may stand
/// before and behind them, no system allows fewer than 1024.
pub const PARTS_MAX: usize = 130;

/// How a region is backed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backing {
    /// Ordinary pages, touched as needed; huge ones only where they are asked for.
    Lazy,
    /// The same; for who has it touched in order transparent huge pages are worth asking for
    /// ([`Region::advise_huge`]).
    Huge,
    /// Transparent huge pages asked for, and every page touched at once: the memory is there or
    /// the call fails.
    Preallocated,
}

/// A zeroed range of memory, 2 MiB-aligned, unmapped on drop.
///
/// It hands out only its bounds: who makes references into it vouches for them.
#[derive(Debug)]
pub struct Region {
    base: NonNull<u8>,
    len: usize,
    #[cfg(not(miri))]
    mapping: (usize, usize),
}

// SAFETY: a region is plain memory; it has no affinity to the thread that mapped it.
unsafe impl Send for Region {}
// SAFETY: `&Region` gives only its bounds and advice to the kernel.
unsafe impl Sync for Region {}

#[cfg(not(miri))]
impl Region {
    /// Reserve `len` bytes (rounded up to whole huge pages).
    ///
    /// # Errors
    /// The kernel's, typically `ENOMEM` where overcommit is refused.
    pub fn reserve(len: usize, backing: Backing) -> io::Result<Region> {
        let too_long = io::ErrorKind::OutOfMemory;
        let len = len.max(1).checked_next_multiple_of(HUGE_PAGE).ok_or(too_long)?;
        let mapped = len.checked_add(HUGE_PAGE).ok_or(too_long)?;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), mapped, prot, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let offset = (start as usize).wrapping_neg() % HUGE_PAGE;
        // SAFETY: `offset < HUGE_PAGE`, and the mapping is one huge page longer than `len`.
        let base = unsafe { start.cast::<u8>().add(offset) };
        let base = NonNull::new(base).ok_or_else(io::Error::last_os_error)?;
        let region = Region { base, len, mapping: (start as usize, mapped) };
        match backing {
            Backing::Preallocated => {
                region.advise_huge(0, len);
                region.populate()?;
            }
            // Where the system gives huge pages unasked, the first write to an array that will
            // hardly be filled must not take two megabytes.
            // SAFETY: exactly the mapping, whose contents the advice does not change.
            Backing::Lazy => unsafe { _ = libc::madvise(start, mapped, libc::MADV_NOHUGEPAGE) },
            Backing::Huge => {}
        }
        Ok(region)
    }

    /// Ask for huge pages in part of the region (clipped to it). Advice: a refusal is no error.
    pub fn advise_huge(&self, offset: usize, len: usize) {
        let offset = offset.min(self.len);
        let len = len.min(self.len - offset);
        // SAFETY: the range lies inside the mapping; MADV_HUGEPAGE does not change contents.
        unsafe {
            libc::madvise(self.base.as_ptr().add(offset).cast(), len, libc::MADV_HUGEPAGE);
        }
    }

    /// Touch every page. Asking for more than there is would not fail: it would have the kernel
    /// end some process, this one perhaps. So it is refused beforehand.
    fn populate(&self) -> io::Result<()> {
        if let Some(available) = available_memory().filter(|&available| available < self.len) {
            let (asked, there) = (self.len >> 20, available >> 20);
            let text = format!("-L is to take {asked} MiB at once, {there} MiB are available");
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, text));
        }
        self.populate_part(0, self.len)
    }
    fn populate_part(&self, offset: usize, len: usize) -> io::Result<()> {
        const MADV_POPULATE_WRITE: libc::c_int = 23; // Linux 5.14, absent from older libcs
        assert!(offset <= self.len && len <= self.len - offset, "populate inside the region");
        // SAFETY: the range lies inside the mapping. Populating takes page faults as a write would,
        // but writes nothing: to whoever uses the memory meanwhile, it never happened.
        let done = unsafe {
            let part = self.base.as_ptr().add(offset);
            libc::madvise(part.cast(), len, MADV_POPULATE_WRITE)
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
    /// Touch part of the region (clipped to it) in passing, page by page. Not as `populate` does:
    /// the kernel lets nobody change the map of the process while it populates a huge page, and an
    /// allocation may have to; a page fault is between it and whoever needs that page.
    #[cfg(target_arch = "x86_64")]
    fn touch(&self, offset: usize, len: usize) {
        let end = self.len.min(offset.saturating_add(len));
        for at in (offset..end).step_by(BASE_PAGE) {
            // SAFETY: inside the mapping, which `self` keeps. Others may be writing there.
            unsafe { touch(self.base.as_ptr().add(at)) };
        }
    }
    /// Populate it all the same, where that is known (Linux 5.14). On aarch64 an instruction that
    /// reads and writes faults for the reading first: it is given the huge page of zeros that all
    /// share, and with the write Linux before 6.13 breaks that up into small pages.
    #[cfg(not(target_arch = "x86_64"))]
    fn touch(&self, offset: usize, len: usize) {
        let offset = offset.min(self.len);
        let _ = self.populate_part(offset, len.min(self.len - offset));
    }

    /// Give the memory of part of the region back; it reads as zero afterwards.
    ///
    /// # Safety
    /// The caller has the only access to that part, and expects it zeroed.
    pub unsafe fn release(&self, offset: usize, len: usize) {
        // SAFETY: that nobody else looks is the caller's promise; inside the region, or
        // `give_back` would not have come back.
        unsafe {
            // Locked memory (-k) cannot be given back: it stays, but it must read as zero.
            if !self.give_back(offset, len) {
                self.base.as_ptr().add(offset).write_bytes(0, len);
            }
        }
    }
    /// The same, but nothing is written: `false` if it was not given back, and so is not zero.
    ///
    /// # Safety
    /// No reference into that part takes it for unchanging, and zero is a value of all that is in
    /// it.
    pub unsafe fn give_back(&self, offset: usize, len: usize) -> bool {
        assert!(offset <= self.len && len <= self.len - offset, "release inside the region");
        // SAFETY: inside the mapping; who looks there expects it, as promised.
        unsafe {
            let part = self.base.as_ptr().add(offset);
            libc::madvise(part.cast(), len, libc::MADV_DONTNEED) == 0
        }
    }
}

/// Take a page fault as a write would. To the program nothing happens: a byte is written that was
/// there, in one step with reading it, so that nobody else's write is lost. Therefore not in Rust,
/// where this would be a race with whoever uses the memory.
///
/// # Safety
/// The byte is mapped, and may be written.
#[cfg(all(target_arch = "x86_64", not(miri)))]
unsafe fn touch(byte: *mut u8) {
    // SAFETY: `lock` makes one step of it; the byte is mapped, as promised.
    unsafe {
        std::arch::asm!("lock or byte ptr [{}], 0", in(reg) byte, options(nostack));
    }
}

/// Whether this process, and those it starts from now on, may be given transparent huge pages
/// whatever they ask for: so that a measurement can tell what those bring.
///
/// # Errors
/// The kernel's, where it knows no such switch.
#[cfg(not(miri))]
pub fn allow_huge_pages(allowed: bool) -> io::Result<()> {
    let refuse = libc::c_ulong::from(!allowed);
    // SAFETY: the switch takes one number and three zeros, and touches no memory of ours.
    let done = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, refuse, 0, 0, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Bytes the system could give without swapping, as far as it says.
#[cfg(not(miri))]
fn available_memory() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(not(miri))]
impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: exactly what `reserve` mapped; whoever held references has outlived them.
        unsafe { libc::munmap(self.mapping.0 as *mut libc::c_void, self.mapping.1) };
    }
}

#[cfg(miri)]
impl Region {
    fn layout(len: usize) -> std::alloc::Layout {
        std::alloc::Layout::from_size_align(len, 64 << 10).expect("region layout")
    }

    /// As for the kernel, from the allocator.
    ///
    /// # Errors
    /// None here.
    pub fn reserve(len: usize, _backing: Backing) -> io::Result<Region> {
        let len = len.max(1).checked_next_multiple_of(64 << 10);
        let len = len.ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: the layout's size is not 0.
        let base = unsafe { std::alloc::alloc_zeroed(Self::layout(len)) };
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Region { base, len })
    }

    /// All of it is there.
    fn touch(&self, offset: usize, len: usize) {
        let _ = (offset, len);
    }
    /// No huge pages here.
    pub fn advise_huge(&self, offset: usize, len: usize) {
        let _ = (offset, len);
    }

    /// As for the kernel.
    ///
    /// # Safety
    /// The caller has the only access to that part, and expects it zeroed.
    pub unsafe fn release(&self, offset: usize, len: usize) {
        assert!(offset <= self.len && len <= self.len - offset, "release inside the region");
        // SAFETY: in bounds; exclusive by the caller's promise.
        unsafe { self.base.as_ptr().add(offset).write_bytes(0, len) };
    }
    /// As for the kernel, which here never takes any.
    ///
    /// # Safety
    /// None needed here.
    pub unsafe fn give_back(&self, offset: usize, len: usize) -> bool {
        assert!(offset <= self.len && len <= self.len - offset, "release inside the region");
        false
    }
}

#[cfg(miri)]
impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { std::alloc::dealloc(self.base.as_ptr(), Self::layout(self.len)) };
    }
}

impl Region {
    /// Where it begins.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Never: a region has at least one page.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Write to an open file: `front`, at most [`PARTS_MAX`] parts of the region (offset and
    /// length), `behind`. How many bytes it took.
    ///
    /// Only the system reads the parts: no reference to them is made here, so others may even
    /// write to them meanwhile, and who does only spoils what is sent.
    ///
    /// # Errors
    /// The system's.
    pub fn write_parts(
        &self,
        file: RawFd,
        front: &[u8],
        parts: &[(usize, usize)],
        behind: &[u8],
    ) -> io::Result<usize> {
        let nothing = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        let mut slices = [nothing; PARTS_MAX + 2];
        let of = |bytes: &[u8]| (bytes.as_ptr().cast_mut(), bytes.len());
        let inside = parts.iter().map(|&(offset, len)| {
            assert!(offset <= self.len && len <= self.len - offset, "written from the region");
            (self.base.as_ptr().wrapping_add(offset), len)
        });
        let all = std::iter::once(of(front)).chain(inside).chain(std::iter::once(of(behind)));
        assert!(parts.len() <= PARTS_MAX, "no more parts than a call takes");
        for (slice, (base, len)) in slices.iter_mut().zip(all) {
            *slice = libc::iovec { iov_base: base.cast(), iov_len: len };
        }
        // SAFETY: so many slices are there, each of mapped memory (the region lives as long as
        // `self`), from which the system only reads.
        let written = unsafe { libc::writev(file, slices.as_ptr(), parts.len() as i32 + 2) };
        if written < 0 { Err(io::Error::last_os_error()) } else { Ok(written as usize) }
    }
}

/// Part of a region, for whoever prepares it while others use it, or even give it back: it says
/// where memory is to be, and gives no access to it.
#[derive(Debug, Clone)]
pub struct Part {
    region: Arc<Region>,
    offset: usize,
    len: usize,
    /// Of all clones: [`ASKED`], [`BEGUN`] or [`ENDED`].
    progress: Arc<AtomicU8>,
}

/// A part is to be prepared,
const ASKED: u8 = 0;
/// or is being,
const BEGUN: u8 = 1;
/// or nobody will do more for it.
const ENDED: u8 = 2;

impl Part {
    /// `len` bytes at `offset`, as far as the region has them.
    pub fn new(region: &Arc<Region>, offset: usize, len: usize) -> Part {
        let offset = offset.min(region.len);
        let (region, len) = (Arc::clone(region), len.min(region.len - offset));
        Part { region, offset, len, progress: Arc::default() }
    }
    /// Ask for huge pages. Advice: a refusal is no error.
    pub fn advise_huge(&self) {
        self.region.advise_huge(self.offset, self.len);
    }
    /// Have the system give the memory now, not when it is first used.
    pub fn populate(&self) {
        self.region.touch(self.offset, self.len);
    }

    /// Begin to prepare it. `false`: that was called off.
    pub fn begin(&self) -> bool {
        self.go_on(ASKED, BEGUN)
    }
    /// Nobody is to prepare it any more. `false`: somebody has begun.
    pub fn call_off(&self) -> bool {
        self.go_on(ASKED, ENDED)
    }
    /// It is prepared.
    pub fn end(&self) {
        self.progress.store(ENDED, Ordering::Relaxed);
    }
    /// Whoever uses it now waits for nobody who prepares it.
    pub fn is_through(&self) -> bool {
        self.progress.load(Ordering::Relaxed) == ENDED
    }
    // A hint: what is in the memory does not depend on it.
    fn go_on(&self, from: u8, to: u8) -> bool {
        self.progress.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_where_its_region_does() {
        let region = Arc::new(Region::reserve(4 << 16, Backing::Lazy).unwrap());
        let part = |offset, len| Part::new(&region, offset, len).len;
        assert_eq!((part(1 << 16, 1 << 16), part(region.len - 4, 400)), (1 << 16, 4));
        assert_eq!((part(region.len, 1), part(usize::MAX, usize::MAX)), (0, 0));
    }

    #[test]
    fn released_memory_reads_as_zero() {
        let region = Region::reserve(128 << 10, Backing::Huge).unwrap();
        let second = region.base().as_ptr().wrapping_add(64 << 10);
        // SAFETY: inside the region; nobody else has references.
        unsafe {
            second.write(9);
            region.release(64 << 10, 64 << 10);
            assert_eq!(second.read(), 0);
        }
    }

    #[test]
    #[cfg(not(miri))]
    fn locked_memory_reads_as_zero_when_released() {
        let region = Region::reserve(64 << 10, Backing::Lazy).unwrap();
        let at = region.base().as_ptr();
        // SAFETY: inside the region; nobody else has references. A refused lock only makes the
        // test weaker.
        unsafe {
            libc::mlock(at.cast(), 64 << 10);
            at.write(9);
            region.release(0, 64 << 10);
            assert_eq!(at.read(), 0);
        }
    }

    #[test]
    #[cfg(not(miri))]
    fn more_than_the_machine_has_is_not_taken_at_once() {
        let available = available_memory().expect("Linux says what is available");
        let refused = Region::reserve(available * 4, Backing::Preallocated).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::OutOfMemory);
    }

    #[test]
    #[cfg(not(miri))]
    fn huge_pages_are_refused_until_they_are_allowed_again() {
        // SAFETY: the question takes four zeros, and touches no memory of ours.
        let refused = || unsafe { libc::prctl(libc::PR_GET_THP_DISABLE, 0, 0, 0, 0) };
        if refused() < 0 {
            // No such switch (qemu's user mode has none): that is said, not passed over.
            return assert!(allow_huge_pages(false).is_err());
        }
        allow_huge_pages(false).unwrap();
        assert_eq!(refused(), 1);
        allow_huge_pages(true).unwrap();
        assert_eq!(refused(), 0);
    }

    #[test]
    fn an_impossible_size_is_an_error() {
        #[cfg(not(miri))]
        assert!(Region::reserve(1 << 60, Backing::Lazy).is_err());
        assert!(Region::reserve(usize::MAX, Backing::Lazy).is_err());
    }
}
