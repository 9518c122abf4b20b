//! (to come)

/// CPU time this process has used so far, in microseconds: (user, system).
pub fn rusage() -> (u64, u64) {
    // SAFETY: rusage is plain integers, for which zero is a value; the call fills it in whole, and
    // with RUSAGE_SELF and a valid address it cannot fail.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let us = |t: libc::timeval| t.tv_sec as u64 * 1_000_000 + t.tv_usec as u64;
    (us(usage.ru_utime), us(usage.ru_stime))
}
