//! The servers under test: started on one core with all their threads, observed through /proc,
//! ended when dropped.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use slabd::sys::{cpu, memory};

/// The server and all its threads run here, the load on the other.
const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;

/// How long a server may take until it answers.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// Who is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Slabd,
    Memcached,
    /// memcached with the two options that speed it up most.
    Tuned,
    Echo,
    /// Answers with values out of as much memory as a cache would, copied behind one another.
    Copy,
    /// The same, gathered by the kernel.
    Scatter,
    /// slabd without huge pages, which the kernel refuses it.
    NoHuge,
    /// slabd built with the feature `no-prefetch`.
    NoPrefetch,
}

impl Kind {
    /// Those that are compared everywhere, and after them what tells parts of slabd apart.
    pub const ALL: [Kind; 8] = [
        Kind::Slabd,
        Kind::Memcached,
        Kind::Tuned,
        Kind::Echo,
        Kind::Copy,
        Kind::Scatter,
        Kind::NoHuge,
        Kind::NoPrefetch,
    ];
    pub const USUAL: &[Kind] = Kind::ALL.split_at(6).0;
    pub const PARTS: &[Kind] = Kind::ALL.split_at(6).1;

    pub fn name(self) -> &'static str {
        match self {
            Kind::Slabd => "slabd",
            Kind::Memcached => "memcached",
            Kind::Tuned => "tuned",
            Kind::Echo => "echo",
            Kind::Copy => "copy",
            Kind::Scatter => "scatter",
            Kind::NoHuge => "no-huge",
            Kind::NoPrefetch => "no-prefetch",
        }
    }

    /// Does it keep what it is given? The others only answer.
    pub fn is_cache(self) -> bool {
        !matches!(self, Kind::Echo | Kind::Copy | Kind::Scatter)
    }

    pub fn is_memcached(self) -> bool {
        matches!(self, Kind::Memcached | Kind::Tuned)
    }

    fn extra_options(self) -> &'static [&'static str] {
        match self {
            Kind::Tuned => &["-R", "1000", "-o", "no_lru_maintainer"],
            _ => &[],
        }
    }
}

/// Where the programs are.
#[derive(Debug)]
pub struct Programs {
    pub slabd: PathBuf,
    pub memcached: PathBuf,
}

impl Programs {
    /// slabd without prefetches: `slabd-no-prefetch`, beside slabd.
    fn no_prefetch(&self) -> PathBuf {
        let mut name = self.slabd.clone().into_os_string();
        name.push("-no-prefetch");
        name.into()
    }
}

/// Processor time a server has used since it began.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuTime {
    /// All its threads, in nanoseconds.
    pub total_ns: u64,
    /// User and system part in clock ticks: only good for the proportion.
    pub user_ticks: u64,
    pub system_ticks: u64,
}

/// How much a server is to hold.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// `-m`.
    pub memory_mb: u32,
    /// Connections of the bench; `-c` is a few more.
    pub connections: usize,
    /// What else it is told.
    pub options: &'static [&'static str],
}

impl Room {
    pub fn new(memory_mb: u32, connections: usize) -> Room {
        Room { memory_mb, connections, options: &[] }
    }
}

/// A running server.
pub struct Server {
    pub kind: Kind,
    pub address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts a cache with one worker on the server's core, and waits until it answers.
    pub fn start(
        kind: Kind,
        programs: &Programs,
        memory_mb: u32,
        connections: usize,
    ) -> io::Result<Server> {
        Server::start_under(&[], kind, programs, &Room::new(memory_mb, connections))
    }

    /// The same by way of a program that runs other programs.
    pub fn start_under(
        wrapper: &[&str],
        kind: Kind,
        programs: &Programs,
        room: &Room,
    ) -> io::Result<Server> {
        let mut launch = Launch::new(wrapper, kind, programs, room.memory_mb)?;
        launch.command.args(["-c", &(room.connections + 100).to_string()]).args(room.options);
        memory::allow_huge_pages(kind != Kind::NoHuge)?;
        let child = spawn_on_server_core(&mut launch.command);
        memory::allow_huge_pages(true)?;
        launch.answering(child?)
    }

    /// Starts a cache with one worker and further options wherever the system sees fit: where
    /// time does not count.
    pub fn start_anywhere(
        kind: Kind,
        programs: &Programs,
        memory_mb: u32,
        options: &[String],
    ) -> io::Result<Server> {
        let mut launch = Launch::new(&[], kind, programs, memory_mb)?;
        let child = spawn(launch.command.args(options))?;
        launch.answering(child)
    }

    /// How long a cache takes from its start until it has answered once; it is ended then.
    pub fn time_start(kind: Kind, programs: &Programs) -> io::Result<Duration> {
        let mut launch = Launch::new(&[], kind, programs, 64)?;
        let begun = Instant::now();
        let child = spawn_on_server_core(&mut launch.command)?;
        let server = launch.server(child);
        while let Err(error) = server.version() {
            if begun.elapsed() > START_DEADLINE {
                return Err(server.failed(&format!("does not answer: {error}")));
            }
        }
        Ok(begun.elapsed())
    }

    /// Starts this program's own server that answers `workload` without keeping anything.
    pub fn start_echo(kind: Kind, workload: &str) -> io::Result<Server> {
        Server::start_echo_under(&[], kind, workload, 1)
    }

    /// The same with so many threads, by way of a program that runs other programs.
    pub fn start_echo_under(
        wrapper: &[&str],
        kind: Kind,
        workload: &str,
        threads: usize,
    ) -> io::Result<Server> {
        let mut command = under(wrapper, std::env::current_exe()?);
        command.args(["--echo-server", workload, &threads.to_string()]);
        command.args(["--servers", kind.name()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn_on_server_core(&mut command)?;
        let output = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port: u16 = line.trim().parse().map_err(io::Error::other)?;
        Ok(Server { kind, address: ([127, 0, 0, 1], port).into(), child })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_it_answers(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            match self.version() {
                Ok(_) => return Ok(()),
                Err(error) if begun.elapsed() > START_DEADLINE => {
                    return Err(self.failed(&format!("does not answer: {error}")));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(self.failed(&format!("ended at once: {status}")));
            }
        }
    }

    fn failed(&self, what: &str) -> io::Error {
        io::Error::other(format!("{} {what}", self.kind.name()))
    }

    /// The answer to `version`.
    pub fn version(&self) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(START_DEADLINE))?;
        stream.write_all(b"version\r\n")?;
        let mut line = String::new();
        BufReader::new(stream.take(100)).read_line(&mut line)?;
        match line.trim_end().strip_prefix("VERSION ") {
            Some(version) => Ok(version.to_string()),
            None => Err(self.failed(&format!("answers `version` with {line:?}"))),
        }
    }

    /// One number of `stats`.
    pub fn stat(&self, name: &str) -> io::Result<u64> {
        let value = self.stats("stats")?.remove(name);
        value.ok_or_else(|| self.failed(&format!("has no number {name}")))
    }

    /// All numbers that a command such as `stats slabs` answers, by name.
    pub fn stats(&self, command: &str) -> io::Result<HashMap<String, u64>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(START_DEADLINE))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut numbers = HashMap::new();
        for line in BufReader::new(stream).lines() {
            let line = line?;
            let mut words = line.split(' ').skip(1);
            match (words.next(), words.next().and_then(|text| text.parse().ok())) {
                (Some(name), Some(number)) => {
                    numbers.insert(name.to_string(), number);
                }
                (None, _) => break,
                _ => {}
            }
        }
        Ok(numbers)
    }

    /// Processor time of all threads until now.
    pub fn cpu_time(&self) -> io::Result<CpuTime> {
        let mut time = CpuTime::default();
        for task in fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            // A thread that ended since has no file any more; servers at work keep theirs.
            let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            time.total_ns += run_time_ns(&text);
        }
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
        // The fields after the command name, which may hold anything: state is the first.
        let fields = stat.rsplit(") ").next().unwrap_or_default();
        let mut ticks = fields.split(' ').skip(11).map(|text| text.parse().unwrap_or(0));
        time.user_ticks = ticks.next().unwrap_or(0);
        time.system_ticks = ticks.next().unwrap_or(0);
        Ok(time)
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        self.memory_line("status", "VmRSS:")
    }

    /// As much of it as lies in transparent huge pages.
    pub fn huge_bytes(&self) -> io::Result<u64> {
        self.memory_line("smaps_rollup", "AnonHugePages:")
    }

    fn memory_line(&self, file: &str, name: &str) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/{file}", self.pid()))?;
        let found = kibibytes_of(&status, name).map(|count| count << 10);
        found.ok_or_else(|| self.failed(&format!("has no {name}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whoever is not installed is left out, and that is said.
pub fn leave_out_what_is_missing(servers: &mut Vec<Kind>, programs: &Programs) {
    let memcached = || Command::new(&programs.memcached).arg("-V").output();
    if servers.iter().any(|kind| kind.is_memcached()) && memcached().is_err() {
        eprintln!("memcached not found: columns left out");
        servers.retain(|kind| !kind.is_memcached());
    }
    if servers.contains(&Kind::NoPrefetch) && !programs.no_prefetch().exists() {
        let path = programs.no_prefetch();
        eprintln!("{} not found (see scripts/bench.sh): column left out", path.display());
        servers.retain(|&kind| kind != Kind::NoPrefetch);
    }
}

/// Memory that new processes can have, in bytes; 0 if the system does not say.
pub fn available_bytes() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    kibibytes_of(&text, "MemAvailable:").map_or(0, |count| count << 10)
}

/// The number of a line `NAME: NUMBER kB`.
fn kibibytes_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Nanoseconds the calling thread has run.
pub fn own_cpu_ns() -> u64 {
    fs::read_to_string("/proc/thread-self/schedstat").map_or(0, |text| run_time_ns(&text))
}

/// Pins the load generator. False if there are not two cores of ours to keep apart.
pub fn pin_load() -> bool {
    cpu::core_count() > LOAD_CORE
        && cpu::pin_current_thread(SERVER_CORE).is_ok()
        && cpu::pin_current_thread(LOAD_CORE).is_ok()
}

/// Moves the calling thread of the load generator to the server's core.
pub fn pin_load_beside_server() -> io::Result<()> {
    cpu::pin_current_thread(SERVER_CORE)
}

/// The first number of a schedstat.
fn run_time_ns(schedstat: &str) -> u64 {
    schedstat.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A cache about to be started.
struct Launch {
    kind: Kind,
    port: u16,
    command: Command,
}

impl Launch {
    fn new(
        wrapper: &[&str],
        kind: Kind,
        programs: &Programs,
        memory_mb: u32,
    ) -> io::Result<Launch> {
        let program = match kind {
            Kind::Slabd | Kind::NoHuge => programs.slabd.clone(),
            Kind::NoPrefetch => programs.no_prefetch(),
            Kind::Memcached | Kind::Tuned => programs.memcached.clone(),
            Kind::Echo | Kind::Copy | Kind::Scatter => {
                unreachable!("an echo server is started for a workload")
            }
        };
        let port = free_port()?;
        let mut command = under(wrapper, program);
        command.args(["-t", "1", "-U", "0", "-l", "127.0.0.1", "-p", &port.to_string()]);
        command.args(["-m", &memory_mb.to_string()]).args(kind.extra_options());
        if fs::metadata("/proc/self")?.uid() == 0 {
            command.args(["-u", "root"]);
        }
        command.stdin(Stdio::null());
        Ok(Launch { kind, port, command })
    }

    fn server(&self, child: Child) -> Server {
        let address = ([127, 0, 0, 1], self.port).into();
        Server { kind: self.kind, address, child }
    }

    fn answering(self, child: Child) -> io::Result<Server> {
        let mut server = self.server(child);
        server.wait_until_it_answers()?;
        Ok(server)
    }
}

/// A program, or another that runs it.
fn under(wrapper: &[&str], program: PathBuf) -> Command {
    match wrapper {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    }
}

/// A child inherits the affinity of the thread that makes it.
fn spawn_on_server_core(command: &mut Command) -> io::Result<Child> {
    let pinned = cpu::core_count() > LOAD_CORE && cpu::pin_current_thread(SERVER_CORE).is_ok();
    let child = spawn(command);
    if pinned {
        cpu::pin_current_thread(LOAD_CORE)?;
    }
    child
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    command.spawn().map_err(|error| {
        let name = command.get_program().to_string_lossy();
        io::Error::new(error.kind(), format!("{name}: {error}"))
    })
}

/// A port nobody listens on at this moment.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
