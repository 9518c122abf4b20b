//! The process: background, user, limits, locked memory, times, pid file.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// This process runs as root.
pub fn is_root() -> bool {
    // SAFETY: no preconditions.
    unsafe { libc::geteuid() == 0 }
}

/// A user of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: CString,
    uid: libc::uid_t,
    gid: libc::gid_t,
}

impl User {
    /// The user of this name; `None`: there is none.
    pub fn find(name: &str) -> Option<User> {
        let name = CString::new(name).ok()?;
        // SAFETY: all-zero is a valid passwd: null pointers and zero numbers.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // The texts of one entry of /etc/passwd, far more than a sane one has.
        let mut fields = vec![0; 16 << 10];
        // SAFETY: the name ends with NUL; entry, fields (with its length) and found are writable
        // for the call. The entry points into fields, which outlives its use below.
        let status = unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                &mut entry,
                fields.as_mut_ptr(),
                fields.len(),
                &mut found,
            )
        };
        if status != 0 || found.is_null() {
            return None;
        }
        Some(User { name, uid: entry.pw_uid, gid: entry.pw_gid })
    }

    /// Root, whatever it is called.
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Become this user for good: its groups, then its group, then itself.
    pub fn become_it(&self) -> io::Result<()> {
        let name: &CStr = &self.name;
        // SAFETY: the name ends with NUL.
        check(unsafe { libc::initgroups(name.as_ptr(), self.gid) })?;
        // SAFETY: no preconditions.
        check(unsafe { libc::setgid(self.gid) })?;
        // SAFETY: no preconditions.
        check(unsafe { libc::setuid(self.uid) })
    }
}

/// Raise the limit on open files to at least `files`, the hard one too if we may, else as far as
/// the hard one allows. What it is now.
pub fn raise_file_limit(files: u64) -> io::Result<u64> {
    let present = get_limit(libc::RLIMIT_NOFILE)?;
    if present.rlim_cur >= files {
        return Ok(present.rlim_cur);
    }
    let hard = present.rlim_max.max(files);
    if set_limit(libc::RLIMIT_NOFILE, &libc::rlimit { rlim_cur: files, rlim_max: hard }).is_ok() {
        return Ok(files);
    }
    let limit = libc::rlimit { rlim_cur: present.rlim_max, rlim_max: present.rlim_max };
    set_limit(libc::RLIMIT_NOFILE, &limit)?;
    Ok(limit.rlim_cur)
}

/// Raise the limit on core files: without limit if we may, else to the hard limit.
/// An error: no core file could be written at all.
pub fn raise_core_limit() -> io::Result<()> {
    let unlimited = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    if set_limit(libc::RLIMIT_CORE, &unlimited).is_ok() {
        return Ok(());
    }
    let mut limit = get_limit(libc::RLIMIT_CORE)?;
    limit.rlim_cur = limit.rlim_max;
    set_limit(libc::RLIMIT_CORE, &limit)?;
    if limit.rlim_cur == 0 {
        return Err(io::Error::from_raw_os_error(libc::EPERM));
    }
    Ok(())
}

/// Let a crash write a core file although the process has changed its user, which forbids it.
pub fn allow_core_dumps() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    // SAFETY: no pointers are passed.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) })?;
    Ok(())
}

/// Keep all memory, present and future, from being swapped out. Pages are locked as they are
/// first used (MCL_ONFAULT): address space that is only reserved costs nothing.
///
/// Needs an unlimited RLIMIT_MEMLOCK, which root may set for itself here: it counts address space,
/// so that under any other a later reservation would fail. Whoever `stays_root` may be exempt.
pub fn lock_memory(stays_root: bool) -> io::Result<()> {
    let unlimited = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    let raised = set_limit(libc::RLIMIT_MEMLOCK, &unlimited);
    if !stays_root {
        raised?;
    }
    #[cfg(target_os = "linux")]
    let flags = libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT;
    #[cfg(not(target_os = "linux"))]
    let flags = libc::MCL_CURRENT | libc::MCL_FUTURE;
    // SAFETY: no preconditions.
    check(unsafe { libc::mlockall(flags) })
}

/// Bytes of memory that the process occupies, if the system says.
pub fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: sysconf takes a number and touches no memory of ours.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.checked_mul(u64::try_from(page).ok()?)
}

/// The processor time this process has used so far, in microseconds: (user, system).
pub fn rusage() -> (u64, u64) {
    // SAFETY: all-zero is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: usage is writable for the call. It cannot fail with these arguments; if it did, the
    // times are 0.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let micros = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    (micros(usage.ru_utime), micros(usage.ru_stime))
}

/// The background half of a daemon whose parent still waits for it.
#[derive(Debug)]
pub struct Daemon {
    /// A byte in it lets the parent end well; its end without one, badly.
    parent: OwnedFd,
}

/// Go on in the background: in a session of its own, in `/` unless `stay`, without a terminal.
///
/// Returns in the child. The parent waits until [`Daemon::ready`], then ends with 0; so whoever
/// started the daemon sees the errors of its start and its exit code, and finds it listening and
/// its pid file written when the command returns.
///
/// To be called before any thread is started.
pub fn daemonize(stay: bool) -> io::Result<Daemon> {
    let mut ends = [0; 2];
    // SAFETY: ends has room for two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: both descriptors are open and owned by nobody else.
    let (ours, childs) = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
    // SAFETY: the process has one thread (REQUIRES above), so the child may do anything.
    match unsafe { libc::fork() } {
        -1 => return Err(io::Error::last_os_error()),
        0 => drop(ours),
        child => {
            drop(childs);
            wait_for_start(File::from(ours), child);
        }
    }
    // SAFETY: no preconditions.
    check(unsafe { libc::setsid() })?;
    if !stay {
        std::env::set_current_dir("/")?;
    }
    Ok(Daemon { parent: childs })
}

/// The parent's end: with the child's start, one way or the other.
fn wait_for_start(mut pipe: File, child: libc::pid_t) -> ! {
    let mut byte = [0];
    if matches!(pipe.read(&mut byte), Ok(1)) {
        std::process::exit(0);
    }
    let mut status = 0;
    // SAFETY: status is writable for the call.
    let ended = unsafe { libc::waitpid(child, &mut status, 0) };
    let code =
        if ended == child && libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 1 };
    std::process::exit(code);
}

impl Daemon {
    /// The daemon serves: the parent may end. Standard input, output and error become /dev/null,
    /// unless `keep_output`.
    pub fn ready(self, keep_output: bool) -> io::Result<()> {
        if !keep_output {
            let null = File::options().read(true).write(true).open("/dev/null")?;
            for standard in 0..=2 {
                // SAFETY: both are open descriptors; the standard ones are owned by nobody.
                check(unsafe { libc::dup2(null.as_raw_fd(), standard) })?;
            }
        }
        File::from(self.parent).write_all(b"!")
    }
}

/// The file that tells our process id; it goes when this is dropped, if so asked.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    remove: bool,
}

impl PidFile {
    /// Write it: first under another name, so that nobody reads half of it.
    /// `remove`: remove it when dropped.
    pub fn create(path: &Path, remove: bool) -> io::Result<PidFile> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        fs::write(&temporary, format!("{}\n", std::process::id()))?;
        fs::rename(&temporary, path)?;
        Ok(PidFile { path: path.to_owned(), remove })
    }

    /// The process an existing file names, if it is running and is not this one.
    pub fn running(path: &Path) -> Option<i32> {
        let pid: i32 = fs::read_to_string(path).ok()?.trim().parse().ok()?;
        let other = pid > 0 && pid.unsigned_abs() != std::process::id();
        // SAFETY: signal 0 only asks whether the process exists.
        let status = unsafe { libc::kill(pid, 0) };
        let alive = status == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
        (other && alive).then_some(pid)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if self.remove {
            let _ = fs::remove_file(&self.path); // it may be gone already
        }
    }
}

fn get_limit(resource: libc::__rlimit_resource_t) -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: limit is writable for the call.
    check(unsafe { libc::getrlimit(resource, &mut limit) })?;
    Ok(limit)
}

/// The calling thread yields to all others from now on. Best effort.
pub fn lower_priority() {
    // Linux counts it by thread, and 0 is the calling one.
    // SAFETY: no preconditions.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) };
}

fn set_limit(resource: libc::__rlimit_resource_t, limit: &libc::rlimit) -> io::Result<()> {
    // SAFETY: limit is readable for the call.
    check(unsafe { libc::setrlimit(resource, limit) })
}

fn check(status: libc::c_int) -> io::Result<()> {
    if status == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_a_user_and_nonsense_is_not() {
        assert!(User::find("root").is_some_and(|user| user.is_root()));
        assert_eq!(User::find("no such user"), None);
        assert_eq!(User::find("a\0b"), None);
        assert_eq!(User::find(""), None);
    }

    #[test]
    fn the_file_limit_never_falls() {
        let before = get_limit(libc::RLIMIT_NOFILE).unwrap().rlim_cur;
        assert_eq!(raise_file_limit(1).unwrap(), before);
        assert_eq!(raise_file_limit(before).unwrap(), before);
        assert_eq!(get_limit(libc::RLIMIT_NOFILE).unwrap().rlim_cur, before);
    }

    #[test]
    fn time_passes_only_forward() {
        let (user, system) = rusage();
        let work: u64 = (0..1_000_000_u64).map(std::hint::black_box).sum();
        assert!(work > 0);
        let later = rusage();
        assert!(later.0 >= user && later.1 >= system && later.0 + later.1 > 0);
    }

    #[test]
    fn a_pid_file_names_this_process_and_goes_if_asked() {
        let directory = std::env::temp_dir().join(format!("slabd-pid-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("pid");
        assert_eq!(PidFile::running(&path), None);

        drop(PidFile::create(&path, false).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        assert_eq!(PidFile::running(&path), None, "it is ours");
        assert!(!directory.join("pid.tmp").exists());

        drop(PidFile::create(&path, true).unwrap());
        assert!(!path.exists());

        fs::write(&path, "1\n").unwrap();
        assert_eq!(PidFile::running(&path), Some(1));
        for nonsense in ["", "0", "-1", "x", "99999999999"] {
            fs::write(&path, nonsense).unwrap();
            assert_eq!(PidFile::running(&path), None, "{nonsense:?}");
        }
        fs::remove_dir_all(&directory).unwrap();
    }
}
