//! What kind of request line it was: the predicates that `differences.txt` names. A step may hold
//! several lines (a mutation can cut one in two); a predicate is true if any line is of its kind.

const STORAGE: [&[u8]; 6] = [b"set", b"add", b"replace", b"append", b"prepend", b"cas"];

/// Values that are surely in one chunk of slabd's.
const PLAIN_MAX: u64 = 32_000;

/// Whether a step is of some kind.
pub type Predicate = fn(&[u8]) -> bool;

/// A predicate by the name that `differences.txt` uses.
pub fn predicate(name: &str) -> Option<Predicate> {
    let known: [(&str, Predicate); 44] = [
        ("too-few-words", |step| any(step, too_few_words)),
        ("short-line", |step| step.split_inclusive(|&b| b == b'\n').any(|line| line.len() < 4)),
        ("leading-space", |step| any(step, |line| line.starts_with(b" "))),
        ("bad-storage-number", |step| any(step, bad_storage_number)),
        ("bad-length", |step| any(step, bad_length)),
        ("long-storage-key", |step| any(step, |line| storage(line) && long_key(line))),
        ("extra-storage-words", |step| any(step, |line| storage(line) && count(line) > 5)),
        ("delete-words", |step| any(step, |line| is(line, &[b"delete"]) && count(line) > 2)),
        ("delete-noreply", |step| any(step, |line| words(line) == [&b"delete"[..], b"noreply"])),
        ("verbosity", |step| any(step, |line| is(line, &[b"verbosity"]))),
        ("arith-delta", |step| any(step, |line| is(line, &[b"incr", b"decr"]))),
        ("huge-number", |step| step.split(|b| !b.is_ascii_digit()).any(|word| word.len() >= 19)),
        ("touch-number", |step| any(step, |line| is(line, &[b"touch", b"gat", b"gats"]))),
        ("unknown-noreply", |step| any(step, |line| words(line).last() == Some(&&b"noreply"[..]))),
        ("http", |step| any(step, |line| line.windows(5).any(|part| part == b"HTTP/"))),
        ("long-get-key", |step| {
            any(step, |line| {
                is(line, &[b"get", b"gets", b"gat", b"gats"])
                    && words(line).iter().any(|w| w.len() > 250)
            })
        }),
        ("too-large", |step| any(step, |line| storage(line) && length(line) > 1 << 20)),
        ("extra-words", |step| any(step, extra_words)),
        ("nul-byte", |step| step.contains(&0)),
        ("inner-cr", |step| any(step, |line| line.contains(&b'\r'))),
        ("flush-words", |step| any(step, |line| is(line, &[b"flush_all"]) && count(line) > 1)),
        ("delayed-flush", |step| {
            any(step, |line| is(line, &[b"flush_all"]) && number_at(line, 1) > 0)
        }),
        ("bget", |step| any(step, |line| is(line, &[b"bget"]))),
        ("storage", |step| any(step, storage)),
        // Before it on its line may stand the end of a value.
        ("shutdown", |step| step.windows(8).any(|part| part == b"shutdown")),
        ("stats", |step| any(step, |line| is(line, &[b"stats"]))),
        ("long-value", |step| {
            any(step, |line| {
                storage(line) && length(line) > PLAIN_MAX
                    || is(line, &[b"ms"]) && number_at(line, 2) > PLAIN_MAX
            })
        }),
        ("meta-past-ttl", |step| any(step, |line| flag(line, past_ttl))),
        ("meta-too-large", |step| {
            any(step, |line| is(line, &[b"ms"]) && number_at(line, 2) > 1 << 20)
        }),
        ("meta-storage", |step| any(step, |line| is(line, &[b"ms"]))),
        ("meta-words", |step| any(step, |line| meta(line) && count(line) < meta_front(line))),
        ("meta-shape", |step| any(step, |line| flag(line, |f| !shapely(f)))),
        ("meta-length", |step| any(step, |line| is(line, &[b"ms"]) && !plain_length(line))),
        ("meta-long-key", |step| any(step, |line| meta(line) && long_key(line))),
        ("meta-number", |step| any(step, |line| flag(line, odd_number))),
        ("meta-new", |step| any(step, newer_flag)),
        ("meta-mode", |step| any(step, |line| flag(line, |f| f[0] == b'M'))),
        ("meta-opaque", |step| any(step, |line| flag(line, |f| f[0] == b'O' && f.len() > 32))),
        ("meta-base64", |step| any(step, |line| flag(line, |f| f[0] == b'b'))),
        ("meta-delete", |step| any(step, |line| is(line, &[b"md"]))),
        ("meta-quiet-arith", |step| {
            any(step, |line| is(line, &[b"ma"]) && flag(line, |f| f[0] == b'q'))
        }),
        ("meta-arith", |step| any(step, |line| is(line, &[b"ma"]))),
        ("meta-arith-ttl", |step| {
            any(step, |line| is(line, &[b"ma"]) && flag(line, |f| f[0] == b'T'))
        }),
        ("meta-stale-arith", |step| {
            any(step, |line| is(line, &[b"ma"])) && any(step, |line| flag(line, |f| f[0] == b'I'))
        }),
    ];
    known.into_iter().find(|(known, _)| *known == name).map(|(_, predicate)| predicate)
}

fn any(step: &[u8], is_kind: impl Fn(&[u8]) -> bool) -> bool {
    step.split(|&b| b == b'\n').any(|line| is_kind(line.strip_suffix(b"\r").unwrap_or(line)))
}

fn words(line: &[u8]) -> Vec<&[u8]> {
    line.split(|&b| b == b' ').filter(|word| !word.is_empty()).collect()
}

fn count(line: &[u8]) -> usize {
    words(line).len()
}

fn is(line: &[u8], verbs: &[&[u8]]) -> bool {
    words(line).first().is_some_and(|word| verbs.contains(word))
}

fn storage(line: &[u8]) -> bool {
    is(line, &STORAGE)
}

fn long_key(line: &[u8]) -> bool {
    words(line).get(1).is_some_and(|key| key.len() > 250)
}

fn too_few_words(line: &[u8]) -> bool {
    let wanted = match words(line).first().copied() {
        Some(b"get" | b"gets" | b"delete" | b"verbosity") => 2,
        Some(b"incr" | b"decr" | b"touch" | b"gat" | b"gats") => 3,
        Some(verb) if STORAGE.contains(&verb) => {
            if verb == b"cas" {
                6
            } else {
                5
            }
        }
        _ => 0,
    };
    count(line) < wanted
}

fn extra_words(line: &[u8]) -> bool {
    is(line, &[b"touch", b"incr", b"decr"]) && count(line) > 3
}

fn meta(line: &[u8]) -> bool {
    is(line, &[b"mg", b"ms", b"md", b"ma", b"me"])
}

/// Words of a meta line that are no flags.
fn meta_front(line: &[u8]) -> usize {
    if is(line, &[b"ms"]) { 3 } else { 2 }
}

/// Some flag of a meta line is of this kind.
fn flag(line: &[u8], kind: impl Fn(&[u8]) -> bool) -> bool {
    meta(line) && words(line).iter().skip(meta_front(line)).any(|word| kind(word))
}

fn shapely(flag: &[u8]) -> bool {
    flag[0].is_ascii_digit() || (b'A'..=b'z').contains(&flag[0])
}

/// A number that not every parser takes, or takes for the same.
fn odd_number(flag: &[u8]) -> bool {
    b"TNRCFJD".contains(&flag[0])
        && (!digits(&flag[1..]) || flag.len() > 10 && flag != b"D18446744073709551615")
}

/// A time to live that is a point of time, long ago.
fn past_ttl(flag: &[u8]) -> bool {
    let seconds = std::str::from_utf8(&flag[1..]).ok().and_then(|word| word.parse::<i64>().ok());
    b"TN".contains(&flag[0]) && seconds.is_some_and(|seconds| !(0..=2_592_000).contains(&seconds))
}

fn plain_length(line: &[u8]) -> bool {
    words(line).get(2).is_some_and(|len| digits(len) && len.len() <= 7)
}

/// Flags that mean something only since.
fn newer_flag(line: &[u8]) -> bool {
    let since = |letters: &'static [u8]| flag(line, |f| letters.contains(&f[0]));
    since(b"Ex") || is(line, &[b"ms"]) && since(b"sN") || is(line, &[b"mg"]) && since(b"C")
}

fn digits(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

/// Flags, expiry or CAS are not plain numbers of a size that both parsers take.
fn bad_storage_number(line: &[u8]) -> bool {
    let words = words(line);
    let plain = |word: &[u8]| {
        let unsigned = word.strip_prefix(b"-").unwrap_or(word);
        digits(unsigned) && word.len() <= 10
    };
    storage(line)
        && words.get(2..4).is_some_and(|numbers| {
            let flags: Option<u64> =
                std::str::from_utf8(numbers[0]).ok().and_then(|w| w.parse().ok());
            let expiry: Option<i32> =
                std::str::from_utf8(numbers[1]).ok().and_then(|w| w.parse().ok());
            let cas = words[0] == b"cas" && !words.get(5).is_some_and(|cas| digits(cas));
            !numbers.iter().all(|word| plain(word))
                || flags.is_none_or(|flags| flags > u64::from(u32::MAX))
                || expiry.is_none()
                || cas
        })
}

fn length(line: &[u8]) -> u64 {
    number_at(line, 4)
}

fn number_at(line: &[u8], place: usize) -> u64 {
    let word = words(line).get(place).copied().unwrap_or_default();
    std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn bad_length(line: &[u8]) -> bool {
    let words = words(line);
    storage(line) && words.get(4).is_some_and(|len| !digits(len) || len.len() > 7)
}
