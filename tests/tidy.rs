//! The rules of the house, read off the source: who may import whom, that no files import each
//! other in a circle, where unsafe, sockets and clocks may stand, how long lines, functions and
//! files may be. It reports every breach by file and line, and tests itself on snippets that break
//! each rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest line, in columns (characters).
const LINE_MAX: usize = 100;
/// Longest function, signature and closing brace included.
const FUNCTION_LINES_MAX: usize = 70;
/// Longest file; beyond it, split by topic.
const FILE_LINES_MAX: usize = 600;

/// What each layer may name with `crate::`, besides itself (ARCHITECTURE, "who may import whom").
const LAYERS: [(&str, &[&str]); 7] = [
    ("sync", &[]),
    ("sys", &["sync"]),
    ("protocol", &[]),
    ("store", &["sync", "sys"]),
    ("ops", &["store", "sync", "sys"]),
    ("commands", &["protocol", "store", "ops", "sync"]),
    ("server", &["commands", "protocol", "store", "ops", "sync", "sys"]),
];

/// Words that belong to some places only: (word, path prefixes where it may stand, why).
const CONFINED: [(&str, &[&str], &str); 8] = [
    ("mio::", &["src/server/"], "sockets belong to the server"),
    ("std::net", &["src/server/", "src/ops/"], "sockets belong to the server"),
    ("socket2::", &["src/server/"], "sockets belong to the server"),
    ("libc::", &["src/sys/"], "only sys calls libc"),
    ("unsafe ", &["src/sys/", "src/store/arena"], "unsafe belongs to the arena and to sys"),
    ("Instant::now", &["src/server/clock.rs", "src/main.rs"], "only the clock reads clocks"),
    ("SystemTime::now", &["src/server/clock.rs", "src/main.rs"], "only the clock reads clocks"),
    ("thread::spawn", &["src/server/"], "threads belong to the server"),
];

/// What is written on the way and must not stay. Put together here, so as not to find itself.
const LEFTOVERS: [&str; 5] = [
    concat!("dbg", "!("),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];

#[test]
fn the_source_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches"] {
        collect(&root.join(folder), &mut files);
    }
    assert!(files.len() > 20, "only {} files were found", files.len());
    let (mut breaches, mut sources) = (Vec::new(), Vec::new());
    for file in files {
        let path = file.strip_prefix(root).expect("inside the package").display().to_string();
        let text = fs::read_to_string(&file).expect("source is UTF-8");
        breaches.extend(breaches_of(&path, &text));
        if path.starts_with("src/") {
            sources.push((path, text));
        }
    }
    breaches.extend(circles(&sources));
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Everything wrong with one file, as `path:line: what`.
fn breaches_of(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(format!("{path}:1: the file does not say what it is (//!)"));
    }
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        found.push(format!("{path}:{lines}: a file of {lines} lines; split it by topic"));
    }
    let mut in_tests = false;
    for (number, line) in (1..).zip(text.lines()) {
        in_tests |= is_for_tests(line) || path.ends_with("tests.rs");
        if line.chars().count() > LINE_MAX {
            found.push(format!("{path}:{number}: longer than {LINE_MAX} columns"));
        }
        for word in LEFTOVERS.iter().filter(|word| line.contains(**word)) {
            found.push(format!("{path}:{number}: {word} was left over"));
        }
        if path.starts_with("src/") {
            let code = line.split("//").next().unwrap_or_default();
            found.extend(
                misplaced(path, code, in_tests).map(|what| format!("{path}:{number}: {what}")),
            );
            found.extend(imports(path, code).map(|what| format!("{path}:{number}: {what}")));
        }
    }
    found.extend(long_functions(path, text));
    found
}

/// What follows is compiled into tests only.
fn is_for_tests(line: &str) -> bool {
    line.starts_with("#[cfg(") && (line.contains("test") || line.contains("loom"))
}

/// Words in places where they may not stand. Unit tests may use what they need, but unsafe.
fn misplaced<'a>(path: &str, code: &'a str, in_tests: bool) -> impl Iterator<Item = String> + 'a {
    let path = path.to_string();
    CONFINED.iter().filter_map(move |(word, homes, why)| {
        let excused = homes.iter().any(|home| path.starts_with(home))
            || (in_tests && *word != "unsafe ")
            || code.contains("unsafe_") && *word == "unsafe ";
        (has_word(code, word) && !excused).then(|| format!("{}: {why}", word.trim()))
    })
}

/// `word` stands in `code`, not as the tail of a longer name.
fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Layers named by `crate::` that the file's own layer may not name.
fn imports<'a>(path: &str, code: &'a str) -> impl Iterator<Item = String> + 'a {
    let own = path.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
    let row = LAYERS.iter().find(|(layer, _)| *layer == own);
    let named = code.split("crate::").skip(1).flat_map(paths_named);
    named.filter_map(move |path| {
        let (own, allowed) = row?;
        let layer = path.split("::").next().unwrap_or_default();
        let known = LAYERS.iter().any(|(name, _)| *name == layer);
        let may = layer == *own || allowed.contains(&layer);
        (known && !may).then(|| format!("{own} may not import {layer}"))
    })
}

/// The paths that begin here: one, or those of a brace list.
fn paths_named(code: &str) -> Vec<String> {
    let Some(list) = code.strip_prefix('{') else {
        let name = name_at(code);
        let Some(rest) = code[name.len()..].strip_prefix("::") else {
            return vec![name.to_string()];
        };
        return paths_named(rest).iter().map(|path| format!("{name}::{path}")).collect();
    };
    let mut depth = 0;
    let mut paths = Vec::new();
    let mut start = 0;
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                paths.extend(paths_named(list[start..at].trim()));
                start = at + 1;
            }
            _ => {}
        }
        if depth < 0 {
            paths.extend(paths_named(list[start..at].trim()));
            return paths;
        }
    }
    paths
}

fn name_at(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// Files, as (path, text), that import each other in a circle: each with those it imports of them.
/// What a file has by way of its `mod.rs` is not seen, nor is what tests import.
fn circles(files: &[(String, String)]) -> Vec<String> {
    let files: BTreeMap<String, &(String, String)> =
        files.iter().map(|file| (module_of(&file.0), file)).collect();
    let known: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    let mut imports: BTreeMap<&str, BTreeSet<&str>> =
        files.iter().map(|(own, (_, text))| (own.as_str(), siblings(own, text, &known))).collect();
    // Who imports nobody, or is imported by nobody, is in no circle; without those the same holds.
    loop {
        let before = imports.len();
        let imported: BTreeSet<&str> = imports.values().flatten().copied().collect();
        imports.retain(|module, names| imported.contains(module) && !names.is_empty());
        let left: BTreeSet<&str> = imports.keys().copied().collect();
        imports.values_mut().for_each(|names| names.retain(|name| left.contains(name)));
        if imports.len() == before {
            break;
        }
    }
    let breach = |(module, names): (&str, BTreeSet<&str>)| {
        let names: Vec<&str> = names.into_iter().collect();
        format!("{}:1: imports in a circle: {}", files[module].0, names.join(", "))
    };
    imports.into_iter().map(breach).collect()
}

/// The module in a file, as a path from the crate: `src/store/mod.rs` has `store`.
fn module_of(path: &str) -> String {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs").replace('/', "::");
    path.strip_suffix("::mod").map_or(path.clone(), str::to_string)
}

/// The known modules that a module imports, or names in its code, less those it stands in and
/// those that stand in it: they are as one.
fn siblings<'a>(own: &str, text: &str, known: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|two| is_for_tests(two[0]) && two[1].ends_with('{'));
    let code = lines[..tests.unwrap_or(lines.len())].iter();
    let code: Vec<&str> = code.map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let within = |inner: &str, outer: &str| format!("{inner}::").starts_with(&format!("{outer}::"));
    let begins = code.match_indices("crate::").chain(code.match_indices("super::"));
    let begins = begins.filter(|(at, _)| !code[..*at].ends_with([':', '_']));
    let paths = begins.flat_map(|(at, _)| paths_named(&code[at..]));
    let modules = paths.filter_map(|path| module_named(own, &path, known));
    modules.filter(|module| !within(module, own) && !within(own, module)).collect()
}

/// The known module that a path, from `crate` or `super`, in a module leads to, or into.
fn module_named<'a>(own: &str, path: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let mut whole: Vec<&str> = own.split("::").collect();
    for name in path.split("::") {
        match name {
            "crate" => whole.clear(),
            "super" => drop(whole.pop()),
            name => whole.push(name),
        }
    }
    let mut prefixes = (1..=whole.len()).rev().map(|len| whole[..len].join("::"));
    prefixes.find_map(|module| known.get(module.as_str()).copied())
}

/// Functions over the limit. rustfmt sets a function's closing brace under its first letter.
fn long_functions(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new(); // (indentation, first line)
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.trim_start();
        let indentation = line.len() - code.len();
        let head = code.split('(').next().unwrap_or_default();
        if head.split_whitespace().any(|word| word == "fn") && !code.starts_with("//") {
            open.push((indentation, number));
        }
        let ends = code == "}" || (code.ends_with(';') && !code.contains('{'));
        if ends && open.last().is_some_and(|(at, _)| *at == indentation) {
            let (_, first) = open.pop().expect("just seen");
            let lines = number - first + 1;
            if lines > FUNCTION_LINES_MAX {
                found.push(format!("{path}:{first}: a function of {lines} lines"));
            }
        }
    }
    found
}

/// Every rule reports a snippet that breaks it, and a snippet that keeps all is left alone.
#[test]
fn tidy_sees_what_it_should() {
    let path = "src/protocol/text.rs";
    let long_line = "x".repeat(LINE_MAX + 1);
    let long_function = format!("fn f() {{\n{}}}\n", "    x();\n".repeat(FUNCTION_LINES_MAX));
    let leftover = format!("// {} later", LEFTOVERS[1]);
    let cases = [
        (path, "use crate::server::Worker;", "protocol may not import server"),
        (path, "use crate::{protocol::Reply, store::Store};", "protocol may not import store"),
        ("src/ops/config.rs", "x: crate::commands::Next,", "ops may not import commands"),
        ("src/store/mod.rs", "use mio::Poll;", "mio::: sockets"),
        (path, "use std::net::TcpStream;", "std::net: sockets"),
        ("src/commands/get.rs", "let s = socket2::Socket::new();", "socket2::: sockets"),
        ("src/server/mod.rs", "libc::fork();", "libc::: only sys"),
        ("src/store/shard.rs", "unsafe { *p }", "unsafe: unsafe belongs"),
        ("src/server/worker.rs", "let t = Instant::now();", "Instant::now: only the clock"),
        ("src/store/lru.rs", "std::time::SystemTime::now()", "SystemTime::now: only the clock"),
        ("src/ops/mod.rs", "std::thread::spawn(f);", "thread::spawn: threads"),
        (path, leftover.as_str(), "was left over"),
        (path, long_line.as_str(), "longer than 100 columns"),
        (path, long_function.as_str(), "a function of 72 lines"),
    ];
    for (path, snippet, expected) in cases {
        let found = breaches_of(path, &format!("//! A file.\n{snippet}"));
        assert!(found.len() == 1 && found[0].contains(expected), "{snippet}: {found:?}");
    }
    assert!(breaches_of(path, "fn f() {}")[0].contains("does not say what it is"));
    let long_file = "//! x\n".repeat(FILE_LINES_MAX + 1);
    assert!(breaches_of(path, &long_file)[0].contains("split it by topic"));
    let good = "//! A file.\nuse crate::protocol::Reply; // not mio::\n#![deny(unsafe_code)]\n";
    assert_eq!(breaches_of(path, good), Vec::<String>::new());
}

/// Circles are found however the files name each other, and nothing else is taken for one.
#[test]
fn tidy_sees_circles() {
    let found = |files: &[(&str, &str)]| {
        let own = |&(path, text): &(&str, &str)| (path.to_string(), text.to_string());
        circles(&files.iter().map(own).collect::<Vec<_>>())
    };
    let (a, b) = ("src/store/a.rs", "src/store/b.rs");
    let circle = found(&[
        (a, "use super::{\n    Seconds,\n    b::{self, B},\n};"),
        (b, "fn f() { super::c::inner::f() }"),
        ("src/store/c/inner.rs", "use super::C;\nuse super::super::a;\nuse crate::sync;"),
        ("src/store/leads_there.rs", "use super::a::A;"),
        ("src/sync.rs", "use std::sync;"),
    ]);
    let expected = [
        "src/store/a.rs:1: imports in a circle: store::b",
        "src/store/b.rs:1: imports in a circle: store::c::inner",
        "src/store/c/inner.rs:1: imports in a circle: store::a",
    ];
    assert_eq!(circle, expected);
    let absolute = found(&[(a, "use crate::store::b::B;"), (b, "use crate::{x, store::a};")]);
    assert_eq!(absolute.len(), 2, "{absolute:?}");

    let names_a = [
        "// super::a is not named here",
        "#[cfg(test)]\nmod tests {\n    use super::a;",
        "use other_crate::store::a;",
        "use super::Seconds;",
    ];
    for text in names_a {
        assert_eq!(found(&[(a, "use super::b;"), (b, text)]), [""; 0], "{text}");
    }
    // A module and what stands in it are one; what comes behind a test module's name counts.
    assert_eq!(
        found(&[("src/store/mod.rs", "use crate::store::a;"), (a, "use super::A;")]),
        [""; 0]
    );
    let text = "#[cfg(test)]\nmod tests;\nuse super::a;";
    assert_eq!(found(&[(a, "use super::b;"), (b, text)]).len(), 2);
}
