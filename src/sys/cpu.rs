//! Prefetch, pinning and counts of cores.

/// Ask the CPU to bring the cache line at `address` closer. Any address is allowed: a prefetch
/// never faults.
#[inline(always)]
pub fn prefetch(address: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch is a hint; it neither faults nor changes architectural state.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address as *const i8);
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as above; PRFM is a hint.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address,
            options(nostack, preserves_flags, readonly));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}

/// How many cores are online, at least 1; not narrowed by the caller's affinity.
pub fn core_count() -> usize {
    // SAFETY: sysconf takes a number and touches no memory of ours.
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(count).unwrap_or(1).max(1)
}

/// Lets the calling thread run on `core` (counted from 0) only. What it spawns afterwards, threads
/// and processes, inherits that. Fails if there is no such core, or it is not ours to use.
pub fn pin_current_thread(core: usize) -> std::io::Result<()> {
    // `CPU_SET` would index out of its array.
    if core >= libc::CPU_SETSIZE as usize {
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

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_stays_on_its_core_and_absurd_cores_are_refused() {
        // In a thread of its own: the other tests keep their cores.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // A container may own only some of the cores.
                (0..core_count()).find(|&core| pin_current_thread(core).is_ok()).unwrap();
                assert_eq!(std::thread::available_parallelism().unwrap().get(), 1);
                assert!(pin_current_thread(libc::CPU_SETSIZE as usize).is_err());
                assert!(pin_current_thread(usize::MAX).is_err());
            });
        });
    }
}
