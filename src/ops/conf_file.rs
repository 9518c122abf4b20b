//! The configuration file: Debian's memcached.conf, which is the command line one option a line.
//!
//! ```text
//! # A comment. Blank lines mean nothing.
//! -m 64
//! --port=11211        # a comment behind an option
//! listen 127.0.0.1    the long name, without its dashes
//! port = 11211        with an equals sign
//! -P "/a b/pid"       quotes of either kind keep blanks and #
//! ```
//!
//! A `#` begins a comment wherever it stands outside quotes, unless `\#`. `logfile`, which stands
//! in Debian's own file, is skipped: the log goes to standard error. Any bytes are a file: this
//! answers with lines or an error, never a panic.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::config::error::{ConfigError, EXIT_FAILURE, Origin};

/// The arguments on one line.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: usize,
    /// At least one.
    pub words: Vec<OsString>,
}

/// All lines that have an option. `name` is the file's, for errors.
pub fn lines(name: &str, bytes: &[u8]) -> Result<Vec<Line>, ConfigError> {
    let byte_order_mark = b"\xef\xbb\xbf"; // that some editors leave
    let bytes = bytes.strip_prefix(byte_order_mark).unwrap_or(bytes);
    let mut lines = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let words = split(line).map_err(|reason| {
            ConfigError::new(EXIT_FAILURE, reason).at(Origin::File(name.to_owned(), number))
        })?;
        if words.is_empty() || words[0] == b"logfile" {
            continue;
        }
        let words = dashed(words).into_iter().map(OsString::from_vec).collect();
        lines.push(Line { number, words });
    }
    Ok(lines)
}

/// A line's words, without comment and quotes.
fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut rest = line.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match (quote, byte) {
            (_, 0) => return Err("A NUL byte in a configuration file"),
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(byte),
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                word.get_or_insert_default(); // "" is a word too
            }
            (None, b'#') => break,
            (None, b'\\') if rest.peek() == Some(&b'#') => {
                rest.next();
                word.get_or_insert_default().push(b'#');
            }
            (None, _) if byte.is_ascii_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(byte),
        }
    }
    if quote.is_some() {
        return Err("A quotation mark that is not closed");
    }
    words.extend(word);
    Ok(words)
}

/// A long name without its dashes gets them, and an `=` between blanks goes.
fn dashed(mut words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    if !words[0].starts_with(b"-") {
        words[0].splice(0..0, *b"--");
        if words.len() > 2 && words[1] == b"=" {
            words.remove(1);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        let lines = lines("f", text.as_bytes()).unwrap();
        let word = |word: OsString| word.into_string().unwrap();
        lines.into_iter().map(|line| line.words.into_iter().map(word).collect()).collect()
    }

    #[test]
    fn debians_own_file_is_read_unchanged() {
        let text = "# memcached default config file\n\n-d\nlogfile /var/log/memcached.log\n# -v\n\
                    -m 64\n-p 11211\n-u memcache\n-l 127.0.0.1\n\n# -c 1024\n\
                    -P /var/run/memcached/memcached.pid\n";
        assert_eq!(
            words(text),
            [
                vec!["-d"],
                vec!["-m", "64"],
                vec!["-p", "11211"],
                vec!["-u", "memcache"],
                vec!["-l", "127.0.0.1"],
                vec!["-P", "/var/run/memcached/memcached.pid"],
            ]
        );
    }

    #[test]
    fn long_names_stand_with_and_without_dashes() {
        for line in ["--port 1", "port 1", "port = 1", " port\t1 # x", "port '1'\r"] {
            assert_eq!(words(line), [["--port", "1"]], "{line:?}");
        }
        assert_eq!(words("port=1"), [["--port=1"]]);
        assert_eq!(words("daemon"), [["--daemon"]]);
    }

    #[test]
    fn quotes_keep_blanks_and_hashes() {
        assert_eq!(words("-P \"/a b/#1\"\n-s 'x'y"), [["-P", "/a b/#1"], ["-s", "xy"]]);
        assert_eq!(words("-P a\\#b\n-D ''"), [["-P", "a#b"], ["-D", ""]]);
        assert_eq!(words("-s a\\b"), [["-s", "a\\b"]]);
    }

    #[test]
    fn a_byte_order_mark_and_line_numbers() {
        let parsed = lines("f", b"\xef\xbb\xbf# x\r\n\r\n-v\r\n").unwrap();
        assert_eq!(parsed, [Line { number: 3, words: vec!["-v".into()] }]);
    }

    #[test]
    fn errors_name_file_and_line() {
        for (text, reason) in [
            ("-v\n-P \"x", "A quotation mark that is not closed"),
            ("-v\n-P x\0", "A NUL byte in a configuration file"),
        ] {
            let error = lines("the.conf", text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), format!("{reason}\n -- in the.conf, line 2"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_bytes_are_lines_or_an_error(bytes in collection::vec(any::<u8>(), 0..200)) {
            for line in lines("f", &bytes).unwrap_or_default() {
                prop_assert!(!line.words.is_empty());
                prop_assert!(line.words[0].as_encoded_bytes().starts_with(b"-"));
            }
        }
    }
}
