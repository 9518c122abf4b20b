//! The terminal: a line that is typed without being seen.

use std::io::{self, BufRead};
use std::mem::MaybeUninit;

/// What Ctrl-C sends.
const CTRL_C: u8 = 3;

/// The next line of standard input, which is a terminal, without its end and without echo. Ctrl-C
/// is `ErrorKind::Interrupted`: were it a signal, the terminal would stay mute.
pub fn read_hidden() -> io::Result<Vec<u8>> {
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
    let mut line = Vec::new();
    let read = io::stdin().lock().read_until(b'\n', &mut line);
    set(&before)?;
    read?;
    if line.contains(&CTRL_C) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    while line.pop_if(|byte| matches!(byte, b'\n' | b'\r')).is_some() {}
    Ok(line)
}

fn set(settings: &libc::termios) -> io::Result<()> {
    // SAFETY: `settings` is a whole termios, and is only read.
    match unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, settings) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
