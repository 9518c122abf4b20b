//! Prefetch, a comparison of many bytes at once, pinning, counts of cores and of cycles.

/// Ask the CPU to bring the cache line at `address` closer. Any address is allowed: a prefetch
/// never faults.
#[inline(always)]
pub fn prefetch(address: usize) {
    prefetch_to::<false>(address);
}

/// The same, no closer than the core's large cache: for what is not wanted at once, or is much.
#[inline(always)]
pub fn prefetch_far(address: usize) {
    prefetch_to::<true>(address);
}

#[inline(always)]
fn prefetch_to<const FAR: bool>(address: usize) {
    if cfg!(feature = "no-prefetch") {
        return;
    }
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch is a hint; it neither faults nor changes architectural state.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        match FAR {
            false => _mm_prefetch::<_MM_HINT_T0>(address as *const i8),
            true => _mm_prefetch::<_MM_HINT_T1>(address as *const i8),
        }
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as above; PRFM is a hint.
    unsafe {
        match FAR {
            false => std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address,
                options(nostack, preserves_flags, readonly)),
            true => std::arch::asm!("prfm pldl2keep, [{0}]", in(reg) address,
                options(nostack, preserves_flags, readonly)),
        }
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}

/// Which of sixteen bytes equal `byte`: bit `i` for the `i`th, counted from the lowest of the first
/// word.
#[inline(always)]
pub fn equal_bytes(words: [u64; 2], byte: u8) -> u32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of the architecture; nothing but registers is touched.
    unsafe {
        use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
        let [low, high] = words.map(u64::cast_signed);
        let same = _mm_cmpeq_epi8(_mm_set_epi64x(high, low), _mm_set1_epi8(byte.cast_signed()));
        _mm_movemask_epi8(same).cast_unsigned()
    }
    #[cfg(not(target_arch = "x86_64"))]
    equal_bytes_portable(words, byte)
}

/// The same in ordinary registers.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline]
fn equal_bytes_portable([low, high]: [u64; 2], byte: u8) -> u32 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let eight = |word: u64| {
        let x = word ^ (u64::from(byte) * (u64::MAX / 0xff));
        let top_bits = !(((x & LOW) + LOW) | x | LOW);
        // The product gathers them in its highest byte, in order.
        (top_bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    };
    (eight(low) | eight(high) << 8) as u32
}

/// A count that rises evenly, some ten processor cycles to read; only differences mean something,
/// and what one is worth is to be measured. Elsewhere than on these processors it stands still.
#[inline(always)]
pub fn ticks() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: every x86-64 has the instruction, and it touches no memory.
    unsafe {
        std::arch::x86_64::_rdtsc()
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: the counter is readable from user space on Linux, and it touches no memory.
    unsafe {
        let count: u64;
        std::arch::asm!("mrs {0}, cntvct_el0", out(reg) count,
            options(nomem, nostack, preserves_flags));
        count
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    0
}

/// Cores that can be named: those of the kernel's set.
pub const CORES_MAX: usize = libc::CPU_SETSIZE as usize;

/// From now on the calling thread has its share of the cores as ever, but takes none from whoever
/// is running when it wakes up: that may be in the midst of something for which others wait.
///
/// # Errors
/// The kernel's, where a sandbox forbids it.
pub fn wait_for_turn() -> std::io::Result<()> {
    // SAFETY: a sched_param is integers, for which all zeroes is a value.
    let none: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to `none`, which is only read; 0 is this thread.
    let done = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const none) };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// How many cores are online, at least 1; not narrowed by the caller's affinity.
pub fn core_count() -> usize {
    // SAFETY: sysconf takes a number and touches no memory of ours.
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(count).unwrap_or(1).max(1)
}

/// The cores that the calling thread may run on, counted from 0, rising.
///
/// # Errors
/// The kernel's, which has none for a machine of up to 1024 cores.
pub fn allowed_cores() -> std::io::Result<Vec<usize>> {
    // SAFETY: a cpu_set_t is an array of integers, for which all zeroes is a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer and size describe `set`, to which the kernel writes; 0 is this thread.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    if result != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: `core` is below the size of the set.
    let is_set = |&core: &usize| unsafe { libc::CPU_ISSET(core, &set) };
    Ok((0..CORES_MAX).filter(is_set).collect())
}

/// Lets the calling thread run on `core` (counted from 0) only. What it spawns afterwards, threads
/// and processes, inherits that. Fails if there is no such core, or it is not ours to use.
pub fn pin_current_thread(core: usize) -> std::io::Result<()> {
    // `CPU_SET` would index out of its array.
    if core >= CORES_MAX {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: a cpu_set_t is an array of integers, for which all zeroes is a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `core` is below the size of the set, checked above.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the pointer and size describe `set`, which the kernel only reads; 0 is this thread.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_is_exact() {
        for byte in (0..=255u8).step_by(if cfg!(miri) { 16 } else { 1 }) {
            for other in 0..=255u8 {
                let [low, high] = [byte ^ 1, byte ^ 0x80];
                let bytes =
                    [other, byte, low, high, 0, 255, byte, 1, byte, other, 2, 0, 9, 8, byte, low];
                let naive = (0..16).filter(|&i| bytes[i] == byte).fold(0, |mask, i| mask | 1 << i);
                let word = |n: usize| u64::from_le_bytes(*bytes[8 * n..].first_chunk().unwrap());
                let words = [word(0), word(1)];
                assert_eq!(equal_bytes(words, byte), naive, "{byte} in {bytes:?}");
                assert_eq!(equal_bytes_portable(words, byte), naive, "{byte} in {bytes:?}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "time stands still")]
    fn ticks_rise() {
        let before = ticks();
        (0..1000).for_each(|n| {
            std::hint::black_box(n);
        });
        assert!(ticks() > before || !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")));
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks the system")]
    fn a_thread_that_waits_for_its_turn_interrupts_nobody() {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                wait_for_turn().unwrap();
                // SAFETY: the call takes a number and touches no memory of ours; 0 is this thread.
                assert_eq!(unsafe { libc::sched_getscheduler(0) }, libc::SCHED_BATCH);
            });
        });
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks the system")]
    fn a_pinned_thread_stays_on_its_core_and_absurd_cores_are_refused() {
        // In a thread of its own: the other tests keep their cores.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // A container may own only some of the cores.
                let ours = allowed_cores().unwrap();
                ours.iter().for_each(|&core| pin_current_thread(core).unwrap());
                assert_eq!(std::thread::available_parallelism().unwrap().get(), 1);
                assert_eq!(allowed_cores().unwrap().len(), 1);
                assert!(pin_current_thread(libc::CPU_SETSIZE as usize).is_err());
                assert!(pin_current_thread(usize::MAX).is_err());
            });
        });
    }
}
