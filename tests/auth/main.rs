//! Authentication (PROTOCOL 4): who gets in, who does not, and what happens meanwhile. Over
//! sockets, against the built daemon.
//!
//! Not tested here: that the time of a check says nothing (a unit test counts the comparisons
//! instead; a clock on a shared machine says nothing either).

#[path = "../common/mod.rs"]
mod common;

mod gate;
mod handshake;
mod load;
mod packets;
mod passwd;
mod reload;
mod sasl;
mod start;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{Client, Server};

/// What a wrong password is told.
const FAILURE: &str = "CLIENT_ERROR authentication failure\r\n";
/// What anything but a login is told.
const UNAUTHENTICATED: &str = "CLIENT_ERROR unauthenticated\r\n";

/// A file of users, removed with it.
struct UserFile(PathBuf);

impl UserFile {
    fn new(content: &str) -> UserFile {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("slabd-auth-{}-{count}", std::process::id());
        let file = UserFile(std::env::temp_dir().join(name));
        file.write(content);
        file
    }

    fn write(&self, content: &str) {
        std::fs::write(&self.0, content).expect("a temporary file");
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain path")
    }
}

impl Drop for UserFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A daemon with these users.
fn server_of(users: &str) -> (Server, UserFile) {
    let file = UserFile::new(users);
    let server = Server::with(&["-Y", file.path()]);
    (server, file)
}

/// A daemon that knows ann, whose password is `secret`, and bob, whose is `to ken`.
fn server() -> (Server, UserFile) {
    server_of("ann:secret\nbob:to ken\n")
}

/// The fake `set` of a login.
fn login(user: &str, password: &str) -> String {
    format!("set auth 0 0 {}\r\n{user} {password}\r\n", user.len() + 1 + password.len())
}

/// A connection that has logged in as ann.
fn ann(server: &Server) -> Client {
    let mut c = server.client();
    c.send(login("ann", "secret")).expect("STORED\r\n");
    c
}

/// Works as `crypt` would: a hash of `password` that costs next to nothing.
fn cheap_hash(password: &str) -> String {
    use argon2::password_hash::PasswordHasher;
    let argon2 = argon2::Argon2::from(argon2::Params::new(8, 1, 1, None).expect("legal"));
    let salt = b"salt and pepper!";
    argon2.hash_password_with_salt(password.as_bytes(), salt).expect("a hash").to_string()
}
