//! The admin lines: slabs, lru, lru_crawler, cache_memlimit (PROTOCOL 7).
//!
//! A sub-command may be cut short to any beginning of its name; the first that fits in the order
//! of the tests here is meant. Words behind those a command takes are ignored, save by `slabs
//! reassign`.

use crate::protocol::frame::Frame;
use crate::protocol::token::{self, Words};
use crate::protocol::{Admin, ClientError, Command, Parsed};
use crate::protocol::{Classes, Crawler, DumpFormat, Float, Lru, LruMode, Slabs};

/// Words behind the command word that any of these commands looks at, one more than it takes.
const WORDS_MAX: usize = 6;

/// Classes are 1 to 63 to memcached, whatever there are.
const CLASS_MAX: u32 = 63;

type Answer = Result<Admin<'static>, ClientError>;

/// Parse the line that begins with `word`.
pub(super) fn parse<'a>(frame: Frame<'a>, word: &[u8], words: Words<'a>) -> Parsed<'a> {
    let noreply = words.end_in_noreply();
    let mut list = [&b""[..]; WORDS_MAX];
    let mut count = 0;
    for (place, word) in list.iter_mut().zip(words) {
        *place = word;
        count += 1;
    }
    let silenced = noreply && list[..count].last() == Some(&&b"noreply"[..]);
    let args = &list[..count - usize::from(silenced)];
    let answer = match word {
        b"slabs" => slabs(args),
        b"lru" => lru(args),
        b"lru_crawler" => lru_crawler(args),
        _ => cache_memlimit(args),
    };
    match answer {
        Ok(admin) => frame.complete(Command::Admin(admin), noreply),
        Err(error) => frame.refuse(error, noreply),
    }
}

/// Whether `word` is `name` or a beginning of it. No word is empty.
fn means(word: &[u8], name: &str) -> bool {
    name.as_bytes().starts_with(word)
}

fn slabs(args: &[&[u8]]) -> Answer {
    let slabs = match *args {
        [sub, from, to] if means(sub, "reassign") => {
            Slabs::Reassign(token::i32(from).zip(token::i32(to)))
        }
        [sub, what, value, ..] if means(sub, "automove") && means(what, "ratio") => {
            Slabs::Ratio(float(value)?)
        }
        [sub, what, value, ..] if means(sub, "automove") && means(what, "freeratio") => {
            Slabs::FreeRatio(float(value)?)
        }
        [sub, what, value, ..] if means(sub, "automove") && means(what, "window") => {
            Slabs::Window(number(value)?)
        }
        [sub, what]
            if means(sub, "automove")
                && ["ratio", "freeratio", "window"].iter().any(|name| means(what, name)) =>
        {
            return Err(ClientError::UnknownCommand);
        }
        [sub, level, ..] if means(sub, "automove") => Slabs::Automove(number(level)?),
        _ => return Err(ClientError::UnknownCommand),
    };
    Ok(Admin::Slabs(slabs))
}

fn lru(args: &[&[u8]]) -> Answer {
    let unknown = ClientError::UnknownCommand;
    let whole = |word| token::u32(word).ok_or(unknown);
    let lru = match *args {
        [sub, hot, warm, hot_factor, warm_factor, ..] if means(sub, "tune") => Lru::Tune {
            hot_pct: whole(hot)?,
            warm_pct: whole(warm)?,
            hot_factor: float(hot_factor)?,
            warm_factor: float(warm_factor)?,
        },
        [sub, mode, ..] if means(sub, "mode") => {
            let modes = [
                ("flat", LruMode::Flat),
                ("segmented", LruMode::Segmented),
                ("probation", LruMode::Probation),
            ];
            let known = modes.into_iter().find(|(name, _)| means(mode, name));
            Lru::Mode(known.ok_or(unknown)?.1)
        }
        [sub, ttl, ..] if !means(sub, "tune") && means(sub, "temp_ttl") => {
            Lru::TempTtl(token::i32(ttl).ok_or(unknown)?)
        }
        _ => return Err(unknown),
    };
    Ok(Admin::Lru(lru))
}

fn lru_crawler(args: &[&[u8]]) -> Answer {
    let crawler = match *args {
        [sub, list] if means(sub, "crawl") => Crawler::Crawl(classes(list)),
        [sub, list] if means(sub, "metadump") => Crawler::Dump(classes(list), DumpFormat::Meta),
        [sub, list] if means(sub, "mgdump") => Crawler::Dump(classes(list), DumpFormat::Mg),
        [sub, items] if means(sub, "tocrawl") => Crawler::ToCrawl(number(items)?),
        [sub, pause] if means(sub, "sleep") => Crawler::Sleep(number(pause)?),
        [sub] if means(sub, "enable") => Crawler::Enable(true),
        [sub] if means(sub, "disable") => Crawler::Enable(false),
        _ => return Err(ClientError::UnknownCommand),
    };
    Ok(Admin::Crawler(crawler))
}

fn cache_memlimit(args: &[&[u8]]) -> Answer {
    match args.first().and_then(|word| token::u32(word)) {
        Some(mebibytes) => Ok(Admin::MemoryLimit(mebibytes)),
        None => Err(ClientError::UnknownCommand),
    }
}

/// `all`, `hash`, or numbers joined by commas.
fn classes(list: &[u8]) -> Classes {
    match list {
        b"all" => return Classes::All,
        b"hash" => return Classes::Hash,
        _ => {}
    }
    let mut bits = 0;
    for word in list.split(|&byte| byte == b',').filter(|word| !word.is_empty()) {
        match token::u32(word) {
            Some(class @ 1..=CLASS_MAX) => bits |= 1 << class,
            _ => return Classes::Invalid,
        }
    }
    Classes::Listed(bits)
}

fn number(word: &[u8]) -> Result<u32, ClientError> {
    token::u32(word).ok_or(ClientError::BadFormat)
}

fn float(word: &[u8]) -> Result<Float, ClientError> {
    let text = std::str::from_utf8(word).ok();
    let value = text.and_then(|text| text.parse().ok()).and_then(Float::new);
    value.ok_or(ClientError::UnknownCommand)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Request, Style};

    #[track_caller]
    fn accepts(line: &str, admin: Admin<'_>) {
        for (end, noreply) in [("\r\n", false), (" noreply\r\n", true)] {
            let input = format!("{line}{end}");
            let style = Style::Text { noreply, with_cas: false };
            let request = Request { command: Command::Admin(admin), style };
            let expected = Parsed::Complete { request, len: input.len() };
            assert_eq!(super::super::parse(input.as_bytes(), 0), expected, "{input:?}");
        }
    }
    #[track_caller]
    fn refuses(line: &str, error: ClientError) {
        for (end, error) in [("\r\n", Some(error)), (" noreply\r\n", None)] {
            let input = format!("{line}{end}");
            let len = input.len();
            let expected = Parsed::Malformed { error, len, swallow: 0, framing_lost: false };
            assert_eq!(super::super::parse(input.as_bytes(), 0), expected, "{input:?}");
        }
    }
    fn real(value: f64) -> Float {
        Float::new(value).unwrap()
    }

    #[test]
    fn slabs_lines() {
        accepts("slabs reassign 1 -2", Admin::Slabs(Slabs::Reassign(Some((1, -2)))));
        accepts("slabs r x 1", Admin::Slabs(Slabs::Reassign(None)));
        accepts("slabs automove 7", Admin::Slabs(Slabs::Automove(7)));
        accepts("slabs a 1 2", Admin::Slabs(Slabs::Automove(1)));
        accepts("slabs automove ratio 0.5", Admin::Slabs(Slabs::Ratio(real(0.5))));
        accepts("slabs automove freeratio 0.05", Admin::Slabs(Slabs::FreeRatio(real(0.05))));
        accepts("slabs automove window 67108864", Admin::Slabs(Slabs::Window(67_108_864)));
        refuses("slabs automove x", ClientError::BadFormat);
        refuses("slabs automove -1", ClientError::BadFormat);
        refuses("slabs automove window x", ClientError::BadFormat);
        let bad =
            ["slabs", "slabs automove", "slabs reassign 1", "slabs reassign 1 2 3", "slabs x"];
        bad.iter().for_each(|line| refuses(line, ClientError::UnknownCommand));
        for line in ["slabs automove ratio", "slabs automove ratio x", "slabs automove ratio nan"] {
            refuses(line, ClientError::UnknownCommand);
        }
    }

    #[test]
    fn lru_lines() {
        let tuned =
            Lru::Tune { hot_pct: 10, warm_pct: 20, hot_factor: real(0.1), warm_factor: real(2.0) };
        accepts("lru tune 10 20 0.1 2", Admin::Lru(tuned));
        accepts("lru mode flat", Admin::Lru(Lru::Mode(LruMode::Flat)));
        accepts("lru mode segmented", Admin::Lru(Lru::Mode(LruMode::Segmented)));
        accepts("lru mode probation", Admin::Lru(Lru::Mode(LruMode::Probation)));
        accepts("lru temp_ttl -1", Admin::Lru(Lru::TempTtl(-1)));
        let bad = ["lru", "lru mode", "lru mode x", "lru temp_ttl", "lru temp_ttl x", "lru tune 1"];
        bad.iter().for_each(|line| refuses(line, ClientError::UnknownCommand));
        refuses("lru tune x 20 0.1 2", ClientError::UnknownCommand);
    }

    #[test]
    fn crawler_lines() {
        let crawl = |classes| Admin::Crawler(Crawler::Crawl(classes));
        accepts("lru_crawler crawl all", crawl(Classes::All));
        accepts("lru_crawler crawl hash", crawl(Classes::Hash));
        accepts("lru_crawler crawl 1,3,,63", crawl(Classes::Listed(1 << 63 | 0b1010)));
        accepts("lru_crawler crawl ,", crawl(Classes::Listed(0)));
        for list in ["0", "64", "x", "1,x", "-1", "al", "1,2;3"] {
            accepts(&format!("lru_crawler crawl {list}"), crawl(Classes::Invalid));
        }
        let dump = |format| Admin::Crawler(Crawler::Dump(Classes::All, format));
        accepts("lru_crawler metadump all", dump(DumpFormat::Meta));
        accepts("lru_crawler mgdump all", dump(DumpFormat::Mg));
        accepts("lru_crawler enable", Admin::Crawler(Crawler::Enable(true)));
        accepts("lru_crawler dis", Admin::Crawler(Crawler::Enable(false)));
        accepts("lru_crawler sleep 9", Admin::Crawler(Crawler::Sleep(9)));
        accepts("lru_crawler tocrawl 9", Admin::Crawler(Crawler::ToCrawl(9)));
        refuses("lru_crawler sleep x", ClientError::BadFormat);
        refuses("lru_crawler tocrawl -1", ClientError::BadFormat);
        for line in ["", " crawl", " metadump", " metadump all 1", " enable 1", " x 1"] {
            refuses(&format!("lru_crawler{line}"), ClientError::UnknownCommand);
        }
    }

    #[test]
    fn memory_limit_lines() {
        accepts("cache_memlimit 100", Admin::MemoryLimit(100));
        accepts("cache_memlimit 100 7", Admin::MemoryLimit(100));
        refuses("cache_memlimit", ClientError::UnknownCommand);
        refuses("cache_memlimit x", ClientError::UnknownCommand);
        refuses("cache_memlimit -1", ClientError::UnknownCommand);
    }
}
