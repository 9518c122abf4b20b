//! The terminal: a line that is typed without being seen.

use std::io::{self, BufRead};
use std::mem::MaybeUninit;

/// What Ctrl-C sends.
const CTRL_C: u8 = 3;

/// The next line of standard input, which is a terminal, without its end and without echo. The
/// prompt goes to standard error. Ctrl-C is `ErrorKind::Interrupted`: were it a signal, the
/// terminal would stay mute.
pub fn read_hidden(prompt: &str) -> io::Result<Vec<u8>> {
    let mut settings = MaybeUninit::<libc::termios>::uninit();
    // SAFETY: `settings` has room for what tcgetattr writes.
    if unsafe { libc::tcgetattr(libc::STDIN_FILENO, settings.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: tcgetattr succeeded, so it is filled.
    let before = unsafe { settings.assume_init() };
    let mut mute = before;
    mute.c_lflag &= !(libc::ECHO | libc::ISIG);
    mute.c_lflag |= libc::ICANON;
    mute.c_cc[libc::VEOL] = CTRL_C;
    set(&mute)?;
    // Not before: what is typed until the terminal is mute is dropped, and would be seen.
    eprint!("{prompt}");
    let line = read_line(&mut io::stdin().lock());
    set(&before)?;
    line
}

/// Up to a line's end, which is dropped, or to Ctrl-C, which ends it.
fn read_line(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let bytes = input.fill_buf()?;
        let end = bytes.iter().position(|byte| matches!(*byte, b'\n' | CTRL_C));
        line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
        let (last, len) = (end.map(|at| bytes[at]), bytes.len());
        input.consume(end.map_or(len, |at| at + 1));
        match last {
            Some(CTRL_C) => return Err(io::ErrorKind::Interrupted.into()),
            Some(_) => return Ok(line),
            None if len == 0 => return Ok(line),
            None => {}
        }
    }
}

fn set(settings: &libc::termios) -> io::Result<()> {
    // SAFETY: `settings` is a whole termios, and is only read.
    match unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, settings) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_at_its_end_and_not_before() {
        let mut input = &b"pass word\nnext"[..];
        assert_eq!(read_line(&mut input).unwrap(), b"pass word");
        assert_eq!(read_line(&mut input).unwrap(), b"next");
        assert_eq!(read_line(&mut input).unwrap(), b"");
        let mut input = &b"half\x03rest\n"[..];
        assert_eq!(read_line(&mut input).unwrap_err().kind(), io::ErrorKind::Interrupted);
        assert_eq!(read_line(&mut input).unwrap(), b"rest");
    }
}
