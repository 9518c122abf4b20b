//! What std and socket2 do not offer of sockets: an option, and calls without cancellation points.

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

/// Read what has come, as much as there is room for; 0: the peer has shut its side.
///
/// Straight to the kernel: in the C library a thread could be cancelled here, which takes two
/// locked operations a call as soon as there are several threads. (A hundredth of a lone request;
/// calls for long values do not notice.)
///
/// # Errors
/// The system's.
#[inline]
pub fn receive(socket: RawFd, bytes: &mut [u8]) -> io::Result<usize> {
    let nobody = std::ptr::null::<libc::sockaddr>();
    let (at, len) = (bytes.as_mut_ptr(), bytes.len());
    // SAFETY: `bytes` is `len` long and may be written; nobody asks who sent them.
    counted(unsafe { libc::syscall(libc::SYS_recvfrom, socket, at, len, 0, nobody, nobody) })
}

/// Send what the socket takes of `bytes`, as [`receive`] reads; no signal tells of a peer that is
/// gone.
///
/// # Errors
/// The system's.
#[inline]
pub fn send(socket: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let nobody = std::ptr::null::<libc::sockaddr>();
    let (at, len, flags) = (bytes.as_ptr(), bytes.len(), libc::MSG_NOSIGNAL);
    // SAFETY: `bytes` is `len` long and only read; a connected socket needs no address.
    counted(unsafe { libc::syscall(libc::SYS_sendto, socket, at, len, flags, nobody, 0) })
}

#[inline]
fn counted(n: libc::c_long) -> io::Result<usize> {
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(n as usize) }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::io::ErrorKind;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn bytes_go_through_and_what_goes_wrong_is_told() {
        let (here, there) = UnixStream::pair().unwrap();
        there.set_nonblocking(true).unwrap();
        let (from, to, mut bytes) = (here.as_raw_fd(), there.as_raw_fd(), [0; 8]);
        assert_eq!(receive(to, &mut bytes).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(send(from, b"0123456789").unwrap(), 10);
        assert_eq!((receive(to, &mut bytes).unwrap(), &bytes), (8, b"01234567"));
        assert_eq!((receive(to, &mut bytes).unwrap(), &bytes[..2]), (2, &b"89"[..]));
        drop(here);
        assert_eq!(receive(to, &mut bytes).unwrap(), 0, "the end");
        assert_eq!(send(to, b"?").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(receive(-1, &mut bytes).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}
