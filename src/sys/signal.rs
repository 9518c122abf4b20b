//! A signal becomes a byte in a pipe, read by the main thread. Nothing happens in the handler but
//! one write.
//!
//! SIGPIPE needs no care here: Rust's runtime ignores it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// What the daemon is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, SIGINT: stop.
    Stop,
    /// SIGUSR1: stop gracefully.
    Graceful,
    /// SIGHUP: read files again.
    Reload,
}

const CAUGHT: [(i32, Signal); 4] = [
    (libc::SIGTERM, Signal::Stop),
    (libc::SIGINT, Signal::Stop),
    (libc::SIGUSR1, Signal::Graceful),
    (libc::SIGHUP, Signal::Reload),
];

/// Where the handler writes to. Set before the handler is installed, and never closed after.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// The reading end.
#[derive(Debug)]
pub struct Signals {
    reader: File,
    notifier: Notifier,
}

/// Makes a signal from within, for the `shutdown` command. The writing end.
#[derive(Debug)]
pub struct Notifier {
    writer: File,
}

impl Notifier {
    /// As if the process had received it.
    pub fn raise(&self, signal: Signal) {
        let byte = CAUGHT.iter().find(|(_, caught)| *caught == signal).map_or(0, |(n, _)| *n as u8);
        // A full pipe holds signals enough.
        let _ = (&self.writer).write(&[byte]);
    }
}

impl Signals {
    /// Catch SIGTERM, SIGINT, SIGUSR1 and SIGHUP from now on. Once a process.
    pub fn catch() -> io::Result<Signals> {
        let mut ends = [0; 2];
        // SAFETY: `ends` is an array of two, as pipe2 wants.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: both descriptors were made above and belong to nobody else.
        let (reader, writer) = unsafe { (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1])) };
        // A handler must never wait.
        // SAFETY: the descriptor is open; F_SETFL takes an int.
        if unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // The handler's own descriptor, so that no drop can close it under the handler.
        let own = writer.try_clone()?;
        PIPE.store(std::os::fd::IntoRawFd::into_raw_fd(own), Relaxed);
        for (number, _) in CAUGHT {
            install(number)?;
        }
        Ok(Signals { reader, notifier: Notifier { writer } })
    }

    /// One that raises signals from within.
    pub fn notifier(&self) -> io::Result<Notifier> {
        Ok(Notifier { writer: self.notifier.writer.try_clone()? })
    }

    /// Wait for the next one.
    pub fn wait(&self) -> io::Result<Signal> {
        loop {
            let mut byte = [0];
            (&self.reader).read_exact(&mut byte)?;
            let number = i32::from(byte[0]);
            if let Some((_, signal)) = CAUGHT.iter().find(|(caught, _)| *caught == number) {
                return Ok(*signal);
            }
        }
    }
}

fn install(number: i32) -> io::Result<()> {
    let handler: extern "C" fn(i32) = on_signal;
    // SAFETY: all-zero is a valid sigaction (no flags, empty mask); the handler has the type that
    // goes without SA_SIGINFO, and calls only async-signal-safe functions.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(number, &action, std::ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

extern "C" fn on_signal(number: i32) {
    let byte = number as u8;
    // SAFETY: write and the errno location are async-signal-safe; the descriptor is never closed.
    unsafe {
        let errno = *libc::__errno_location();
        libc::write(PIPE.load(Relaxed), std::ptr::from_ref(&byte).cast(), 1);
        *libc::__errno_location() = errno;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "installs signal handlers")]
    fn a_signal_sent_to_the_process_and_one_raised_within_are_read_in_order() {
        let signals = Signals::catch().unwrap();
        // SAFETY: sends a signal that is caught to this very process.
        assert_eq!(unsafe { libc::kill(libc::getpid(), libc::SIGHUP) }, 0);
        assert_eq!(signals.wait().unwrap(), Signal::Reload);
        signals.notifier().unwrap().raise(Signal::Graceful);
        signals.notifier().unwrap().raise(Signal::Stop);
        assert_eq!(signals.wait().unwrap(), Signal::Graceful);
        assert_eq!(signals.wait().unwrap(), Signal::Stop);
    }
}
