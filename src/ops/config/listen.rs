//! `-l`: what to listen on, as typed and as meant.

use std::path::PathBuf;

use super::error::{ConfigError, EXIT_OS, EXIT_USAGE};
use super::{Dialect, ListenAddress, number};

/// The longest unix socket path, in bytes: `sockaddr_un` has 108 with the closing NUL.
pub const UNIX_PATH_MAX: usize = 107;
/// A listener's tag, in bytes; memcached's limit.
const TAG_MAX: usize = 8;

/// One element of a list: `[notls:][proto[P]:][tag[T]:]host[:port]` or `unix:/path[:mode]`; and its
/// protocol, if it names one.
/// `default_port` is for those that name none; `unix_mode` likewise.
pub fn parse_element(
    element: &str,
    default_port: u16,
    unix_mode: u32,
) -> Result<(ListenAddress, Option<Dialect>), ConfigError> {
    let (rest, dialect) = strip_prefixes(element)?;
    if let Some(socket) = rest.strip_prefix("unix:") {
        return Ok((unix(element, socket, unix_mode)?, dialect));
    }
    let (host, port) = split_port(element, rest)?;
    let port = match port {
        None => default_port,
        Some(text) => {
            let port = number::digits(text).and_then(|port| u16::try_from(port).ok());
            port.ok_or_else(|| refuse(element, format!("Invalid port number: \"{text}\"")))?
        }
    };
    if host.contains(['[', ']', '/', ' ']) {
        return Err(refuse(element, format!("Invalid address: \"{host}\"")));
    }
    Ok((ListenAddress::Tcp { host: host.to_owned(), port }, dialect))
}

/// A unix socket's path, from `-s` or `-l unix:`.
pub fn unix_path(option: &str, path: PathBuf) -> Result<PathBuf, ConfigError> {
    let len = path.as_os_str().len();
    if (1..=UNIX_PATH_MAX).contains(&len) {
        return Ok(path);
    }
    let message = format!("failed to listen on UNIX socket: {}: bad length", path.display());
    let allowed = format!("a path of 1 to {UNIX_PATH_MAX} bytes");
    Err(ConfigError::new(EXIT_OS, message).about(option, &path.to_string_lossy(), &allowed))
}

/// Takes `notls:`, `proto[..]:` and `tag[..]:` (also written `tag_.._:`) off the front.
fn strip_prefixes(element: &str) -> Result<(&str, Option<Dialect>), ConfigError> {
    let mut rest = element;
    let mut dialect = None;
    loop {
        if let Some(tls) = ["notls", "btls", "mtls"]
            .into_iter()
            .find(|tls| rest.strip_prefix(tls).is_some_and(|rest| rest.starts_with(':')))
        {
            let message = format!("'{tls}' option is valid only when SSL is enabled");
            return Err(refuse(element, message));
        }
        if let Some(spec) = rest.strip_prefix("proto[") {
            let Some((protocol, after)) = spec.split_once("]:") else {
                return Err(refuse(element, format!("Invalid protocol spec: \"{rest}\"")));
            };
            dialect = match protocol {
                "ascii" => Some(Dialect::Text),
                "negotiating" => Some(Dialect::Auto),
                "binary" => Some(Dialect::Binary),
                "proxy" => {
                    return Err(refuse(
                        element,
                        format!("Server not built with proxy: \"{rest}\""),
                    ));
                }
                _ => return Err(refuse(element, format!("Invalid protocol spec: \"{rest}\""))),
            };
            rest = after;
            continue;
        }
        let (tag, end) = if let Some(tag) = rest.strip_prefix("tag[") {
            (tag, "]:")
        } else if let Some(tag) = rest.strip_prefix("tag_") {
            (tag, "_:")
        } else {
            return Ok((rest, dialect));
        };
        let Some((tag, after)) = tag.split_once(end) else {
            return Err(refuse(element, format!("Invalid tag in socket config: \"{rest}\"")));
        };
        if !(1..=TAG_MAX).contains(&tag.len()) {
            let message =
                format!("Listener tags must be between 1 and {TAG_MAX} characters: \"{tag}\"");
            return Err(refuse(element, message));
        }
        rest = after;
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`, or a bare v6 address, which has more than one colon.
fn split_port<'a>(
    element: &str,
    address: &'a str,
) -> Result<(&'a str, Option<&'a str>), ConfigError> {
    if let Some(bracketed) = address.strip_prefix('[') {
        let Some((host, after)) = bracketed.split_once(']') else {
            return Err(refuse(element, format!("Invalid address: \"{address}\"")));
        };
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(refuse(element, format!("Invalid address: \"{address}\""))),
        };
    }
    match address.split_once(':') {
        Some((host, port)) if !port.contains(':') => Ok((host, Some(port))),
        _ => Ok((address, None)),
    }
}

fn unix(element: &str, socket: &str, default_mode: u32) -> Result<ListenAddress, ConfigError> {
    let (path, mode) = match socket.rsplit_once(':') {
        None => (socket, default_mode),
        Some((path, text)) => {
            let Some(mode) = number::mode(text) else {
                let message = format!("Invalid mode of a unix socket: \"{text}\"");
                return Err(ConfigError::new(EXIT_USAGE, message).about(
                    "-l",
                    element,
                    "unix:/PATH[:MODE], the mode in octal, at most 777",
                ));
            };
            (path, mode)
        }
    };
    let path = unix_path("-l", PathBuf::from(path))?;
    Ok(ListenAddress::Unix { path, mode })
}

/// What is wrong with one element, in memcached's two lines.
pub fn refuse(element: &str, message: String) -> ConfigError {
    let allowed = "HOST[:PORT], [IPv6][:PORT], * or unix:/PATH[:MODE]";
    let message =
        format!("{message}\nfailed to listen on one of interface(s) {element}: Invalid argument");
    ConfigError::new(EXIT_OS, message).about("-l", element, allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> ListenAddress {
        ListenAddress::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn addresses_are_read_as_memcached_reads_them() {
        for (text, address) in [
            ("127.0.0.1", tcp("127.0.0.1", 11211)),
            ("127.0.0.1:1", tcp("127.0.0.1", 1)),
            ("localhost:65535", tcp("localhost", 65535)),
            ("*", tcp("*", 11211)),
            ("*:0", tcp("*", 0)),
            (":7", tcp("", 7)),
            ("::1", tcp("::1", 11211)),
            ("[::1]", tcp("::1", 11211)),
            ("[::1]:99", tcp("::1", 99)),
            ("proto[ascii]:tag[web]:h:5", tcp("h", 5)),
            ("tag[web]:proto[binary]:h:5", tcp("h", 5)),
            ("tag_abcdefgh_:h", tcp("h", 11211)),
            ("proto[negotiating]:[fe80::1]:5", tcp("fe80::1", 5)),
        ] {
            let (parsed, dialect) = parse_element(text, 11211, 0o700).unwrap();
            assert_eq!(parsed, address, "{text}");
            let named = text.split("proto[").nth(1).and_then(|rest| rest.split(']').next());
            assert_eq!(
                dialect.map(|dialect| dialect.name().chars().next()),
                named.map(|name| name.replace("nego", "auto").chars().next()),
                "{text}"
            );
        }
    }

    #[test]
    fn unix_sockets_take_a_mode() {
        for (text, path, mode) in [
            ("unix:/run/a.sock", "/run/a.sock", 0o700),
            ("unix:/run/a.sock:666", "/run/a.sock", 0o666),
            ("unix:rel:0600", "rel", 0o600),
        ] {
            let address = ListenAddress::Unix { path: PathBuf::from(path), mode };
            assert_eq!(parse_element(text, 1, 0o700), Ok((address, None)), "{text}");
        }
        for text in ["unix:", "unix:/a:", "unix:/a:888", "unix:/a:rw", "unix::700"] {
            assert!(parse_element(text, 1, 0o700).is_err(), "{text}");
        }
        let longest = format!("unix:/{}", "x".repeat(UNIX_PATH_MAX - 1));
        assert!(parse_element(&longest, 1, 0o700).is_ok());
        assert!(parse_element(&format!("{longest}x"), 1, 0o700).is_err());
    }

    #[test]
    fn errors_are_memcacheds_and_name_the_element() {
        for (text, message) in [
            ("127.0.0.1:x", "Invalid port number: \"x\""),
            ("127.0.0.1:65536", "Invalid port number: \"65536\""),
            ("127.0.0.1:-1", "Invalid port number: \"-1\""),
            ("127.0.0.1:", "Invalid port number: \"\""),
            ("proto[foo]:h", "Invalid protocol spec: \"proto[foo]:h\""),
            ("proto[ascii:h", "Invalid protocol spec: \"proto[ascii:h\""),
            ("proto[proxy]:h", "Server not built with proxy: \"proto[proxy]:h\""),
            ("tag[a:h", "Invalid tag in socket config: \"tag[a:h\""),
            ("tag[]:h", "Listener tags must be between 1 and 8 characters: \"\""),
            ("tag[123456789]:h", "Listener tags must be between 1 and 8 characters: \"123456789\""),
            ("notls:h", "'notls' option is valid only when SSL is enabled"),
            ("btls:h", "'btls' option is valid only when SSL is enabled"),
            ("mtls:h", "'mtls' option is valid only when SSL is enabled"),
            ("[::1", "Invalid address: \"[::1\""),
            ("[::1]x", "Invalid address: \"[::1]x\""),
            ("/run/a", "Invalid address: \"/run/a\""),
        ] {
            let error = parse_element(text, 1, 0o700).unwrap_err();
            assert_eq!(error.code, EXIT_OS, "{text}");
            let lines: Vec<&str> = error.message.lines().collect();
            assert_eq!(lines[0], message, "{text}");
            let second = format!("failed to listen on one of interface(s) {text}: ");
            assert!(lines[1].starts_with(&second), "{text}");
        }
    }
}
