//! Who may log in: the file of -Y, or that of MEMCACHED_SASL_PWDB.
//!
//! Lines `user:password`, as memcached has them, but as many as one likes. The user ends at the
//! first colon. A password that begins `$argon2` is a hash in PHC form, as `slabd passwd` makes it,
//! and then its user has no other line.
//!
//! Invariants:
//!
//! - No password is kept: what is compared are digests under a key of this process, all of one
//!   length, so that no comparison can stop early. Every entry is compared, whoever asks.
//! - If there is any hash, a check of a password that is not known computes exactly one, whether
//!   the user exists or not. Hashes of different cost can still be told apart by their time.
//! - A password that its hash has confirmed is remembered (by its digest) until the next reload: a
//!   thousand clients that come back at once cost a millisecond, not a thousand hashes.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, try_generate_salt};
use argon2::{Algorithm, Argon2, Params};
use blake2::Blake2sMac256;
use blake2::digest::{KeyInit, Mac};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Longest line, in bytes: memcached takes 254; a hash alone is some 100.
pub const LINE_MAX: usize = 1024;
/// Longest file, in bytes: a hundred thousand users.
pub const FILE_MAX: u64 = 16 << 20;
/// Most memory a hash may ask for, in KiB, and most passes over it: a tenth of a gigabyte and a
/// second. The file is trusted, but a slip of the pen must not take the machine.
const HASH_MEMORY_MAX_KIB: u32 = 128 << 10;
/// See [`HASH_MEMORY_MAX_KIB`].
const HASH_PASSES_MAX: u32 = 64;

/// How the lines of a file end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// -Y: the password is all the rest of the line.
    AuthFile,
    /// MEMCACHED_SASL_PWDB: the password ends at the next colon, if there is one.
    SaslDatabase,
}

/// Why there are no users.
#[derive(Debug)]
pub enum UsersError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// A line (from 1) is not what it should be, and why.
    Malformed(PathBuf, usize, &'static str),
    /// The system has no random numbers.
    NoKey,
}

impl fmt::Display for UsersError {
    /// memcached's text, then what it leaves out. Never a word of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UsersError::Unreadable(path, error) => {
                let path = path.display();
                write!(f, "Could not open authfile [{path}] for reading, error {error}")
            }
            UsersError::Malformed(path, line, reason) => write!(
                f,
                "Authfile [{}] has a malformed entry. Should be 'user:password'\n \
                 -- line {line}: {reason}",
                path.display()
            ),
            UsersError::NoKey => f.write_str("The system gives no random numbers"),
        }
    }
}

impl std::error::Error for UsersError {}

/// A keyed digest.
type Digest = [u8; 32];

/// Everyone in the file.
#[derive(Clone)]
pub struct Users {
    path: PathBuf,
    format: Format,
    key: Digest,
    /// In the order of the file; not empty.
    entries: Vec<Entry>,
    /// A hash to be computed in vain: the first in the file, if there is one.
    dummy: Option<Box<PasswordHash>>,
}

/// One line.
#[derive(Clone)]
struct Entry {
    /// Digest of the user's name.
    name: Digest,
    /// Digest of name and password, if it is known: of a hash only once it was confirmed.
    login: Option<Digest>,
    hash: Option<Box<PasswordHash>>,
}

/// What all the entries say to a login.
struct Found {
    /// One of them knows it.
    known: Choice,
    /// Index of the last one of that name; `u64::MAX`: none.
    named: u64,
}

impl Users {
    /// The users in `path`.
    pub fn load(path: &Path, format: Format) -> Result<Users, UsersError> {
        let unreadable = |error| UsersError::Unreadable(path.to_owned(), error);
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > FILE_MAX {
            return Err(unreadable(io::Error::from(io::ErrorKind::FileTooLarge)));
        }
        Users::parse(path, &bytes, format)
    }

    /// The users in these bytes of `path`, which is not looked at.
    pub fn parse(path: &Path, bytes: &[u8], format: Format) -> Result<Users, UsersError> {
        let mut key = [0; 32];
        for half in key.chunks_exact_mut(16) {
            half.copy_from_slice(&try_generate_salt().map_err(|_| UsersError::NoKey)?);
        }
        let entries = parse(bytes, format, &key)
            .map_err(|(line, reason)| UsersError::Malformed(path.to_owned(), line, reason))?;
        let dummy = entries.iter().find_map(|entry| entry.hash.clone());
        Ok(Users { path: path.to_owned(), format, key, entries, dummy })
    }

    /// The same file again. On an error nothing changes.
    pub fn reload(&mut self) -> Result<(), UsersError> {
        // Opening a pipe would wait for a writer.
        match fs::metadata(&self.path) {
            Ok(file) if file.is_file() => {}
            Ok(_) => {
                let error = io::Error::other("not a regular file");
                return Err(UsersError::Unreadable(self.path.clone(), error));
            }
            Err(error) => return Err(UsersError::Unreadable(self.path.clone(), error)),
        }
        *self = Users::load(&self.path, self.format)?;
        Ok(())
    }

    /// How many lines there are.
    #[allow(clippy::len_without_is_empty)] // there is at least one
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Where they are from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Is this the password of that user? With hashes in the file this takes their time, some tens
    /// of milliseconds, unless the answer is a yes that was given before.
    pub fn verify(&mut self, user: &[u8], password: &[u8]) -> bool {
        let name = digest_name(&self.key, user);
        let login = digest_login(&self.key, user, password);
        let found = find(&self.entries, &name, &login, |a, b| a.ct_eq(b));
        if bool::from(found.known) {
            return true;
        }
        let Some(dummy) = self.dummy.as_deref() else { return false };
        let entry = usize::try_from(found.named).ok().and_then(|at| self.entries.get_mut(at));
        let own = entry.as_ref().and_then(|entry| entry.hash.as_deref());
        let right = Argon2::default().verify_password(password, own.unwrap_or(dummy)).is_ok();
        match entry {
            Some(entry) if right && entry.hash.is_some() => {
                entry.login = Some(login);
                true
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({} in {})", self.entries.len(), self.path.display())
    }
}

/// Hold a login against every entry, whatever the ones before said. `equal` compares two digests
/// in a time that says nothing of their content.
fn find(
    entries: &[Entry],
    name: &Digest,
    login: &Digest,
    mut equal: impl FnMut(&Digest, &Digest) -> Choice,
) -> Found {
    let mut found = Found { known: Choice::from(0), named: u64::MAX };
    for (at, entry) in (0..).zip(entries) {
        // What is not known yet is compared too, with what no digest is but by a miracle.
        found.known |= equal(&entry.login.unwrap_or([0; 32]), login);
        found.named.conditional_assign(&at, equal(&entry.name, name));
    }
    found
}

/// The entries in the bytes of a file, or which line (from 1) is wrong, and how.
fn parse(bytes: &[u8], format: Format, key: &Digest) -> Result<Vec<Entry>, (usize, &'static str)> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut entries: Vec<Entry> = Vec::new();
    // Whether the user of that name has a hash.
    let mut hashed: HashMap<&[u8], bool> = HashMap::new();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let wrong = |reason| (number, reason);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > LINE_MAX {
            return Err(wrong("longer than 1024 bytes"));
        }
        let colon = line.iter().position(|&byte| byte == b':').ok_or(wrong("no colon"))?;
        let (user, mut password) = (&line[..colon], &line[colon + 1..]);
        if format == Format::SaslDatabase {
            password = password.split(|&byte| byte == b':').next().unwrap_or_default();
        }
        if user.is_empty() {
            return Err(wrong("no user before the colon"));
        }
        if password.is_empty() {
            return Err(wrong("no password behind the colon"));
        }
        let hash = if password.starts_with(b"$argon2") {
            Some(Box::new(parse_hash(password).ok_or(wrong("not a hash that argon2 made"))?))
        } else {
            None
        };
        // Passwords may be several, for the time of a change. Of hashes only one is computed.
        let before = hashed.insert(user, hash.is_some());
        if before == Some(true) || (before.is_some() && hash.is_some()) {
            return Err(wrong("a user with a hash may have one line only"));
        }
        let login = hash.is_none().then(|| digest_login(key, user, password));
        entries.push(Entry { name: digest_name(key, user), login, hash });
    }
    Ok(entries)
}

/// A hash that can be computed, at a bearable price.
fn parse_hash(text: &[u8]) -> Option<PasswordHash> {
    let hash = PasswordHash::new(std::str::from_utf8(text).ok()?).ok()?;
    let known = Algorithm::try_from(hash.algorithm.as_str()).is_ok()
        && hash.version.is_none_or(|version| argon2::Version::try_from(version).is_ok());
    let params = Params::try_from(&hash).ok()?;
    let bearable = params.m_cost() <= HASH_MEMORY_MAX_KIB && params.t_cost() <= HASH_PASSES_MAX;
    (known && bearable && hash.salt.is_some() && hash.hash.is_some()).then_some(hash)
}

/// A line's password, hashed with a salt of its own: what `slabd passwd` prints.
pub fn hash_password(password: &[u8]) -> Result<String, UsersError> {
    let salt = try_generate_salt().map_err(|_| UsersError::NoKey)?;
    let hash = Argon2::default().hash_password_with_salt(password, &salt);
    Ok(hash.map_err(|_| UsersError::NoKey)?.to_string())
}

fn digest_name(key: &Digest, user: &[u8]) -> Digest {
    digest(key, &[b"name", user])
}

fn digest_login(key: &Digest, user: &[u8], password: &[u8]) -> Digest {
    digest(key, &[b"login", user, password])
}

/// Of all parts, each behind its length, so that no two lists of parts look the same.
fn digest(key: &Digest, parts: &[&[u8]]) -> Digest {
    let mut mac = Blake2sMac256::new_from_slice(key).expect("a key of 32 bytes is right");
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests;
