//! Tests of the auth file and of the check of a login.

use std::cell::Cell;

use proptest::prelude::*;

use super::*;

const KEY: Digest = [7; 32];

/// As `slabd passwd` makes it, but cheap.
fn cheap_hash(password: &str) -> String {
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::from(params);
    argon2.hash_password_with_salt(password.as_bytes(), b"salt and pepper!").unwrap().to_string()
}

fn users(text: &str) -> Users {
    let entries = parse(text.as_bytes(), Format::AuthFile, &KEY).unwrap();
    let dummy = entries.iter().find_map(|entry| entry.hash.clone());
    Users { path: "/none".into(), format: Format::AuthFile, key: KEY, entries, dummy }
}

fn complaint(text: &str) -> (usize, &'static str) {
    parse(text.as_bytes(), Format::AuthFile, &KEY).map(|entries| entries.len()).unwrap_err()
}

#[test]
fn a_password_is_all_behind_the_first_colon() {
    let mut users = users("ann:secret\nbob:a:b c \r\n\u{e9}:\u{fc}\nann:other");
    for (user, password, right) in [
        ("ann", "secret", true),
        ("ann", "other", true),
        ("bob", "a:b c ", true),
        ("\u{e9}", "\u{fc}", true),
        ("bob", "a", false),
        ("ann", "secre", false),
        ("ann", "secrets", false),
        ("ann", "", false),
        ("an", "nsecret", false),
        ("", "", false),
        ("bob", "secret", false),
        ("eve", "secret", false),
    ] {
        assert_eq!(users.verify(user.as_bytes(), password.as_bytes()), right, "{user} {password}");
    }
    assert_eq!(users.len(), 4);
}

#[test]
fn the_sasl_database_ends_a_password_at_the_next_colon() {
    let entries = parse(b"ann:secret:more:words\nbob:b", Format::SaslDatabase, &KEY).unwrap();
    let mut users = Users { format: Format::SaslDatabase, entries, ..users("x:y") };
    assert!(users.verify(b"ann", b"secret") && users.verify(b"bob", b"b"));
    assert!(!users.verify(b"ann", b"secret:more:words"));
}

#[test]
fn a_wrong_line_is_named_by_its_number() {
    for (text, line) in [
        ("", 1),
        ("\n", 1),
        ("\n\n\n", 1),
        ("ann:x\n\n", 2),
        ("ann:x\nbob\ncat:y\n", 2),
        (":x", 1),
        ("ann:", 1),
        ("ann:\r\n", 1),
        ("ann:$argon2id$", 1),
        ("ann:$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ", 1),
        ("ann:$argon2x$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g", 1),
    ] {
        assert_eq!(complaint(text).0, line, "{text:?}");
    }
    assert_eq!(complaint(&format!("a:b\na:{}", "x".repeat(LINE_MAX))).0, 2);
    let greedy = cheap_hash("x").replace("m=8", "m=4000000");
    assert_eq!(complaint(&format!("a:{greedy}")), (1, "not a hash that argon2 made"));
}

#[test]
fn hashes_stand_beside_passwords() {
    let hash = cheap_hash("hashed");
    assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
    let mut users = users(&format!("ann:secret\nbob:{hash}\n"));
    for _ in 0..2 {
        assert!(users.verify(b"ann", b"secret"));
        assert!(users.verify(b"bob", b"hashed"));
        assert!(!users.verify(b"bob", b"secret"));
        assert!(!users.verify(b"ann", b"hashed"));
        assert!(!users.verify(b"eve", b"hashed"));
        assert!(!users.verify(b"bob", hash.as_bytes()));
    }
}

#[test]
fn a_user_with_a_hash_has_one_line() {
    let hash = cheap_hash("x");
    for text in [
        format!("ann:plain\nann:{hash}"),
        format!("ann:{hash}\nann:plain"),
        format!("ann:{hash}\nann:{hash}"),
    ] {
        assert_eq!(complaint(&text), (2, "a user with a hash may have one line only"));
    }
}

#[test]
fn what_passwd_makes_is_understood_and_salted() {
    let (one, two) = (hash_password(b"pass word").unwrap(), hash_password(b"pass word").unwrap());
    assert_ne!(one, two);
    let mut users = users(&format!("ann:{one}\nbob:{two}"));
    assert!(users.verify(b"ann", b"pass word") && users.verify(b"bob", b"pass word"));
    assert!(!users.verify(b"ann", b"password"));
}

/// A confirmed password is known the next time, until the file is read again; a wrong one never.
#[test]
fn a_confirmed_password_is_remembered() {
    let mut users = users(&format!("bob:{}\nann:secret", cheap_hash("hashed")));
    assert!(!users.verify(b"bob", b"wrong"));
    assert!(users.entries[0].login.is_none());
    assert!(users.verify(b"bob", b"hashed"));
    assert_eq!(users.entries[0].login, Some(digest_login(&KEY, b"bob", b"hashed")));
    assert!(!users.verify(b"bob", b"wrong"));
}

/// Whoever asks, with whatever, every entry is looked at: by name and by password.
#[test]
fn every_entry_is_compared() {
    let mut text: String = (0..50).map(|n| format!("user{n}:password{n}\n")).collect();
    text.push_str(&format!("hashed:{}", cheap_hash("x")));
    let users = users(&text);
    for (user, password) in [
        ("user0", "password0"),
        ("user0", "wrong"),
        ("user49", "password49"),
        ("hashed", "x"),
        ("nobody", "password0"),
        ("", ""),
    ] {
        let (user, password) = (user.as_bytes(), password.as_bytes());
        let (name, login) = (digest_name(&KEY, user), digest_login(&KEY, user, password));
        let compared = Cell::new(0);
        let found = find(&users.entries, &name, &login, |a, b| {
            compared.set(compared.get() + 1);
            a.ct_eq(b)
        });
        assert_eq!(compared.get(), 2 * 51);
        assert_eq!(found.named == u64::MAX, user.is_empty() || user == b"nobody");
    }
}

#[test]
fn a_bad_file_leaves_the_users_as_they_were() {
    let path = std::env::temp_dir().join(format!("slabd-users-{}", std::process::id()));
    std::fs::write(&path, "ann:one\n").unwrap();
    let mut users = Users::load(&path, Format::AuthFile).unwrap();
    std::fs::write(&path, "ann:two\nbob\n").unwrap();
    let error = users.reload().unwrap_err().to_string();
    assert!(error.starts_with(&format!("Authfile [{}] has a malformed entry.", path.display())));
    assert!(error.ends_with("-- line 2: no colon"), "{error}");
    assert!(users.verify(b"ann", b"one") && !users.verify(b"ann", b"two"));
    std::fs::write(&path, "ann:two\nbob:x\n").unwrap();
    users.reload().unwrap();
    assert!(users.verify(b"ann", b"two") && users.verify(b"bob", b"x"));
    assert!(!users.verify(b"ann", b"one"));
    std::fs::remove_file(&path).unwrap();
    let error = users.reload().unwrap_err().to_string();
    assert!(error.starts_with("Could not open authfile ["), "{error}");
    assert!(users.verify(b"ann", b"two"));
    assert_eq!(format!("{users:?}"), format!("Users(2 in {})", path.display()));
}

/// What memcached's own splitting of a line would give.
fn naive(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let text: Vec<&[u8]> = line.splitn(2, |&byte| byte == b':').collect();
    let [user, password] = text[..] else { return None };
    let password = password.strip_suffix(b"\r").unwrap_or(password);
    let good = !user.is_empty() && !password.is_empty();
    good.then(|| (user.to_vec(), password.to_vec()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_a_file_or_an_error(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b':')], 0..400),
    ) {
        for format in [Format::AuthFile, Format::SaslDatabase] {
            match parse(&bytes, format, &KEY) {
                Ok(entries) => prop_assert!(!entries.is_empty()),
                Err((line, _)) => prop_assert!(line >= 1 && line <= bytes.len() + 1),
            }
        }
    }

    #[test]
    fn lines_are_what_splitting_them_gives(text in "([ab:$\r \u{0}]{0,6}\n){0,5}[ab:]{0,4}") {
        let bytes = text.as_bytes();
        let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|&byte| byte == b'\n');
        let expected: Option<Vec<_>> = lines.map(naive).collect();
        let entries = parse(bytes, Format::AuthFile, &KEY).ok();
        prop_assert_eq!(entries.is_some(), expected.is_some());
        for (entry, (user, password)) in entries.iter().flatten().zip(expected.iter().flatten()) {
            prop_assert_eq!(entry.name, digest_name(&KEY, user));
            prop_assert_eq!(entry.login, Some(digest_login(&KEY, user, password)));
        }
    }

    #[test]
    fn hashes_cut_or_changed_are_never_a_panic(at in 0..120usize, byte: u8) {
        let mut line = format!("a:{}", cheap_hash("x")).into_bytes();
        let at = at % line.len();
        line[at] = byte;
        let _ = parse(&line, Format::AuthFile, &KEY);
        let _ = parse(&line[..at], Format::AuthFile, &KEY);
    }
}
