//! Options of sockets that std and socket2 do not offer.

use std::io;
use std::os::fd::RawFd;

/// Let a poll name this stream socket readable only once so many bytes wait in it, or its peer has
/// shut its side. Bytes that wait already are told by another event if they are enough. Reads give
/// what there is, as ever. TCP heeds it; other sockets take it and do as before.
///
/// # Errors
/// The system's.
pub fn set_low_water(socket: RawFd, bytes: u32) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    let len = size_of_val(&bytes) as libc::socklen_t;
    // SAFETY: `bytes` is `len` long, and is only read.
    let done = unsafe {
        libc::setsockopt(
            socket,
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const bytes).cast(),
            len,
        )
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
