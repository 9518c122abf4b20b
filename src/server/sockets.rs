//! Listening sockets: resolving, binding, and saying what went wrong in memcached's words.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, Socket, TcpKeepalive, Type};

use super::limits::DATAGRAM_REPLY_MAX;
use super::stream::{tcp_text, unix_text};
use crate::ops::config::{Config, Dialect, ListenAddress};

/// A bound socket that listens.
#[derive(Debug)]
pub(super) enum Bound {
    /// TCP, v4 or v6.
    Tcp(TcpListener),
    /// A unix socket.
    Unix(UnixListener),
}

/// A listening socket, as `stats conns` shows it.
#[derive(Debug, Clone)]
pub(super) struct Described {
    /// Its number.
    pub(super) descriptor: RawFd,
    /// `tcp:127.0.0.1:11211`
    pub(super) address: String,
    /// Of datagrams.
    pub(super) udp: bool,
}

impl Bound {
    /// For `stats conns`.
    pub(super) fn describe(&self) -> Described {
        let (descriptor, address) = match self {
            Bound::Tcp(listener) => (listener.as_raw_fd(), tcp_text(listener.local_addr())),
            Bound::Unix(listener) => (listener.as_raw_fd(), unix_text(listener.local_addr().ok())),
        };
        Described { descriptor, address, udp: false }
    }
}

impl Described {
    /// A socket of datagrams.
    pub(super) fn of_udp(socket: &UdpSocket) -> Self {
        let address = match socket.local_addr() {
            Ok(address @ SocketAddr::V4(_)) => format!("udp:{address}"),
            Ok(address @ SocketAddr::V6(_)) => format!("udp6:{address}"),
            Err(_) => "?:<AF 0>".to_owned(),
        };
        Described { descriptor: socket.as_raw_fd(), address, udp: true }
    }
}

/// Bind what the settings name for UDP, as [`bind`] does.
pub(super) fn bind_udp(config: &Config) -> Result<Vec<UdpSocket>, String> {
    let mut bound = Vec::new();
    let mut absent = None;
    let mut chosen = 0;
    for address in &config.listen_udp {
        let ListenAddress::Tcp { host, port } = address else { continue };
        let refused = |error: &io::Error| {
            let why = reason(error);
            match &config.listen_text {
                Some(list) => format!("failed to listen on one of interface(s) {list}: {why}"),
                None => format!("failed to listen on UDP port {port}: {why}"),
            }
        };
        for address in resolve(config, host, *port)? {
            if !config.udp_public && !address.ip().is_loopback() {
                return Err(config.udp_is_public(&address.ip().to_string()));
            }
            match bind_any_udp(address, &mut chosen) {
                Ok(socket) => bound.push(socket),
                Err(error) if is_absent(&error) => absent = Some(refused(&error)),
                Err(error) => return Err(refused(&error)),
            }
        }
    }
    match absent {
        Some(message) if bound.is_empty() => Err(message),
        _ => Ok(bound),
    }
}

fn bind_any_udp(mut address: SocketAddr, chosen: &mut u16) -> io::Result<UdpSocket> {
    if address.port() == 0 && *chosen != 0 {
        address.set_port(*chosen);
        if let Ok(socket) = bind_one_udp(address) {
            return Ok(socket);
        }
        address.set_port(0);
    }
    let socket = bind_one_udp(address)?;
    *chosen = socket.local_addr()?.port();
    Ok(socket)
}

fn bind_one_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.cloexec(), None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // An answer is sent at once; the kernel cuts this to what it allows.
    socket.set_send_buffer_size(DATAGRAM_REPLY_MAX)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Bind everything the settings name. All or nothing, save that a host without IPv6 (or IPv4) is
/// no error while another address works.
pub(super) fn bind(config: &Config) -> Result<Vec<(Bound, Dialect)>, String> {
    let mut bound = Vec::new();
    let mut absent = None;
    // With port 0 all addresses get the port that the system gave the first, if they can.
    let mut chosen = 0;
    for (address, dialect) in &config.listen {
        match address {
            ListenAddress::Unix { path, mode } => {
                let listener = bind_unix(path, *mode, config.backlog).map_err(|error| {
                    let why = reason(&error);
                    format!("failed to listen on UNIX socket: {}: {why}", path.display())
                })?;
                bound.push((Bound::Unix(listener), *dialect));
            }
            ListenAddress::Tcp { host, port } => {
                for address in resolve(config, host, *port)? {
                    match bind_any(config, address, &mut chosen) {
                        Ok(listener) => bound.push((Bound::Tcp(listener), *dialect)),
                        Err(error) if is_absent(&error) => absent = Some((error, *port)),
                        Err(error) => return Err(refused(config, *port, &error)),
                    }
                }
            }
        }
    }
    match absent {
        Some((error, port)) if bound.is_empty() => Err(refused(config, port, &error)),
        _ => Ok(bound),
    }
}

/// The host has no such address family, or no such address.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported)
        || reason(error).starts_with("Address family not supported")
}

/// What the system says, without Rust's number behind it.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

fn refused(config: &Config, port: u16, error: &io::Error) -> String {
    let why = reason(error);
    match &config.listen_text {
        Some(list) => format!("failed to listen on one of interface(s) {list}: {why}"),
        None => format!("failed to listen on TCP port {port}: {why}"),
    }
}

fn resolve(config: &Config, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if host.is_empty() || host == "*" {
        return Ok(vec![([0u8; 4], port).into(), ([0u16; 8], port).into()]);
    }
    let resolved = (host, port).to_socket_addrs().map_err(|error| refused(config, port, &error))?;
    let mut addresses = Vec::new();
    for address in resolved {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn bind_any(config: &Config, mut address: SocketAddr, chosen: &mut u16) -> io::Result<TcpListener> {
    if address.port() != 0 {
        return bind_tcp(config, address);
    }
    if *chosen != 0 {
        address.set_port(*chosen);
        if let Ok(listener) = bind_tcp(config, address) {
            return Ok(listener);
        }
        address.set_port(0);
    }
    let listener = bind_tcp(config, address)?;
    *chosen = listener.local_addr()?.port();
    Ok(listener)
}

/// Options set here are inherited by every accepted socket, which so needs no call of its own.
fn bind_tcp(config: &Config, address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_keepalive(true)?;
    if config.tcp_user_timeout_s > 0 {
        let timeout = Duration::from_secs(u64::from(config.tcp_user_timeout_s));
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(timeout))?;
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    socket.bind(&address.into())?;
    listen(&socket, config.backlog)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn listen(socket: &Socket, backlog: u32) -> io::Result<()> {
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)
}

/// As memcached: a socket file that is there already is replaced, any other file is an error, and
/// ours stays behind at the end.
fn bind_unix(path: &Path, mode: u32, backlog: u32) -> io::Result<UnixListener> {
    if let Ok(existing) = std::fs::symlink_metadata(path)
        && existing.file_type().is_socket()
    {
        std::fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM.cloexec(), None)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    // Nobody can connect before it listens, so that the mode is never wider than asked.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    listen(&socket, backlog)?;
    Ok(UnixListener::from_std(socket.into()))
}

fn family(address: SocketAddr) -> &'static str {
    if address.is_ipv4() { "INET" } else { "INET6" }
}

/// MEMCACHED_PORT_FILENAME: tell the world which ports were given, complete or not at all.
pub(super) fn write_port_file(
    name: &Path,
    bound: &[(Bound, Dialect)],
    datagrams: &[UdpSocket],
) -> io::Result<()> {
    let mut text = String::new();
    for (listener, _) in bound {
        if let Bound::Tcp(listener) = listener {
            let address = listener.local_addr()?;
            text.push_str(&format!("TCP {}: {}\n", family(address), address.port()));
        }
    }
    for socket in datagrams {
        let address = socket.local_addr()?;
        text.push_str(&format!("UDP {}: {}\n", family(address), address.port()));
    }
    let mut unfinished = name.as_os_str().to_owned();
    unfinished.push(".lck");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(&unfinished, name)
}
