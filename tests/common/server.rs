//! A daemon under test: its own port, its own directory, killed when dropped.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::Client;

/// Longest a start may take, on a loaded machine.
const START_MAX: Duration = Duration::from_secs(20);

/// Another server than ours is being played to.
pub fn foreign_server() -> bool {
    std::env::var_os("SLABD_TEST_SERVER").is_some()
}

/// A running daemon.
pub struct Server {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl Server {
    /// With default options, on an ephemeral loopback port.
    pub fn start() -> Server {
        Server::with(&[])
    }

    /// With these options besides.
    pub fn with(options: &[&str]) -> Server {
        Server::launch(None, options)
    }

    /// This program instead of the daemon under test.
    pub fn of_program(program: &str, options: &[&str]) -> Server {
        Server::launch(Some(program), options)
    }

    /// On this port of loopback, which must be free.
    pub fn on_port(port: &str) -> Server {
        Server::launch(None, &["-p", port])
    }

    /// On a unix socket named `socket` in the daemon's directory, and on nothing else.
    pub fn on_unix_socket(options: &[&str]) -> Server {
        let directory = new_directory();
        let socket = directory.join("socket");
        Server::launch_unix(directory, socket, options)
    }

    /// On a unix socket of this path, and on nothing else.
    pub fn with_socket_at(path: &str) -> Server {
        Server::launch_unix(new_directory(), path.into(), &[])
    }

    fn launch_unix(directory: PathBuf, socket: PathBuf, options: &[&str]) -> Server {
        let mut command = command(None);
        command.arg("-s").arg(&socket).args(options);
        let child = spawn(command, &directory);
        let mut server = Server { child, port: 0, directory };
        server.wait_for("the socket", |_| is_served(&socket));
        server
    }

    /// With these options, and this variable in its environment.
    pub fn with_environment(name: &str, value: &str, options: &[&str]) -> Server {
        let mut command = command(None);
        command.env(name, value);
        Server::launch_command(command, options)
    }

    fn launch(program: Option<&str>, options: &[&str]) -> Server {
        Server::launch_command(command(program), options)
    }

    fn launch_command(mut command: Command, options: &[&str]) -> Server {
        let directory = new_directory();
        let port_file = directory.join("ports");
        command.args(["-l", "127.0.0.1", "-p", "-1"]).args(options);
        command.env("MEMCACHED_PORT_FILENAME", &port_file);
        let child = spawn(command, &directory);
        let mut server = Server { child, port: 0, directory };
        server.wait_for("its port", |_| port_file.exists());
        let ports = std::fs::read_to_string(&port_file).expect("the port file can be read");
        let port = ports.lines().find_map(|line| line.strip_prefix("TCP INET: "));
        server.port = port.expect("a TCP port").trim().parse().expect("a port number");
        server
    }

    /// A new connection (to the unix socket, if that is where it listens).
    pub fn client(&self) -> Client {
        match self.port {
            0 => Client::unix(&self.socket_path()),
            _ => Client::tcp(self.address()),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Its files: port file, standard error, socket.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The socket of [`Server::on_unix_socket`].
    pub fn socket_path(&self) -> PathBuf {
        self.directory.join("socket")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory, in bytes.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(path).expect("the daemon runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        let kib = line.split_whitespace().nth(1).expect("a number");
        kib.parse::<u64>().expect("a number") << 10
    }

    /// Processor time used so far.
    pub fn cpu_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.pid());
        let stat = std::fs::read_to_string(path).expect("the daemon runs");
        let behind_name = stat.rsplit(')').next().expect("a name in parentheses");
        let fields = behind_name.split_whitespace().skip(11).take(2);
        let ticks: u64 = fields.map(|field| field.parse::<u64>().expect("ticks")).sum();
        Duration::from_millis(ticks * 10) // USER_HZ is 100 on every Linux
    }

    /// Open file descriptors.
    pub fn open_files(&self) -> usize {
        let path = format!("/proc/{}/fd", self.pid());
        std::fs::read_dir(path).expect("the daemon runs").count()
    }

    /// From now on it may have this many files open.
    pub fn limit_open_files(&self, limit: u32) {
        let pid = self.pid().to_string();
        let mut prlimit = Command::new("prlimit");
        let status = prlimit.args(["--pid", &pid, &format!("--nofile={limit}")]).status();
        assert!(status.expect("prlimit runs").success());
    }

    /// Send a signal, by name: `TERM`.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let status = kill.arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.expect("kill runs").success(), "kill -{name}");
    }

    /// Wait until it has ended; fails after `limit`.
    #[track_caller]
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status;
            }
            assert!(start.elapsed() < limit, "the daemon still runs after {limit:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it wrote to standard error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("stderr")).unwrap_or_default()
    }

    /// It lives and answers.
    #[track_caller]
    pub fn assert_serves(&self) {
        self.client().send("set probe 0 0 2\r\nok\r\n").expect("STORED\r\n");
        self.client().send("get probe\r\n").expect("VALUE probe 0 2\r\nok\r\nEND\r\n");
    }

    /// One general statistic, as a number.
    #[track_caller]
    pub fn stat(&self, name: &str) -> u64 {
        let stats = self.client().stats("");
        let value = stats.get(name).unwrap_or_else(|| panic!("no stat {name}"));
        value.parse().unwrap_or_else(|_| panic!("{name} is {value}"))
    }

    /// Poll until `done`, at most 20 s: a busy machine is slow.
    #[track_caller]
    pub fn eventually(&self, what: &str, done: impl FnMut(&Server) -> bool) {
        self.eventually_within(Duration::from_secs(20), what, done);
    }
    /// The same, for so long at most.
    #[track_caller]
    pub fn eventually_within(
        &self,
        longest: Duration,
        what: &str,
        mut done: impl FnMut(&Server) -> bool,
    ) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < longest, "never came true: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for(&mut self, what: &str, mut done: impl FnMut(&Server) -> bool) {
        let start = Instant::now();
        while !done(self) {
            if let Some(status) = self.child.try_wait().expect("wait") {
                panic!("the daemon ended at start ({status}):\n{}", self.log());
            }
            assert!(start.elapsed() < START_MAX, "no sign of {what}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the daemon's standard error:\n{}---", self.log());
        }
        let _ = self.child.kill(); // it may have ended already, as asked
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn command(program: Option<&str>) -> Command {
    let chosen = std::env::var("SLABD_TEST_SERVER").ok();
    let own = env!("CARGO_BIN_EXE_slabd").to_string();
    let mut command = Command::new(program.map(str::to_string).or(chosen).unwrap_or(own));
    // Tests may run as root, in a container; then files in their directories belong to root.
    command.args(["-u", "root", "-t", "2"]);
    command
}

fn spawn(mut command: Command, directory: &Path) -> Child {
    let stderr = std::fs::File::create(directory.join("stderr")).expect("a file for stderr");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Somebody accepts there. Waits for the end of its connection, or what it leaves behind might be
/// seen by the test.
fn is_served(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok_and(|mut stream| {
        let _ = stream.set_read_timeout(Some(START_MAX));
        let _ = stream.write_all(b"quit\r\n");
        let _ = stream.read(&mut [0; 64]);
        true
    })
}

fn new_directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("slabd-test-{}-{count}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory).expect("a directory for the test");
    directory
}
