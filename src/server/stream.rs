//! What a client is connected by. A closed set: a new transport is a variant here and a listener
//! kind.

use std::fmt;
use std::io::{self, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use crate::sys::socket;

/// A connected, non-blocking socket.
#[derive(Debug)]
pub(super) enum Stream {
    /// TCP, v4 or v6.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
}

impl Stream {
    /// Tell the peer that nothing more will come.
    pub(super) fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// The idle timeout concerns TCP only.
    pub(super) fn is_tcp(&self) -> bool {
        matches!(self, Stream::Tcp(_))
    }

    /// The peer's address: TCP, and only while it is connected.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Stream::Tcp(stream) => stream.peer_addr().ok(),
            Stream::Unix(_) => None,
        }
    }

    /// The peer, as `stats conns` shows it.
    pub(super) fn peer_text(&self) -> String {
        match self {
            Stream::Tcp(stream) => tcp_text(stream.peer_addr()),
            Stream::Unix(_) => "?:<AF 0>".to_owned(),
        }
    }

    /// Our own end, as `stats conns` shows it.
    pub(super) fn local_text(&self) -> String {
        match self {
            Stream::Tcp(stream) => tcp_text(stream.local_addr()),
            Stream::Unix(stream) => unix_text(stream.local_addr().ok()),
        }
    }
}

/// `tcp:1.2.3.4:5` or `tcp6:[::1]:5`.
pub(super) fn tcp_text(address: io::Result<SocketAddr>) -> String {
    match address {
        Ok(address @ SocketAddr::V4(_)) => format!("tcp:{address}"),
        Ok(address @ SocketAddr::V6(_)) => format!("tcp6:{address}"),
        Err(_) => "?:<AF 0>".to_owned(),
    }
}

/// `unix:/path`. The path is a file name: control characters in it must not end a line.
pub(super) fn unix_text(address: Option<std::os::unix::net::SocketAddr>) -> String {
    let path = address.as_ref().and_then(|address| address.as_pathname());
    let path = path.map(|path| path.to_string_lossy().replace(char::is_control, "?"));
    format!("unix:{}", path.unwrap_or_default())
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.peer_text())
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        socket::receive(self.as_raw_fd(), bytes)
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read_vectored(slices),
            Stream::Unix(stream) => stream.read_vectored(slices),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        socket::send(self.as_raw_fd(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Stream {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.register(to, token, interest),
            Stream::Unix(stream) => stream.register(to, token, interest),
        }
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.reregister(to, token, interest),
            Stream::Unix(stream) => stream.reregister(to, token, interest),
        }
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.deregister(from),
            Stream::Unix(stream) => stream.deregister(from),
        }
    }
}
