//! Instructions a request in user space, by callgrind, from a server of its own.
//!
//! They say what a clock cannot on a busy machine: whether a change made the code longer or
//! shorter. memcached's include its background threads, which run as often as on any other day
//! while requests take fifty times as long: its figure is an upper bound.

use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::load::Load;
use crate::options::Options;
use crate::progress;
use crate::rows::Row;
use crate::script::Script;
use crate::server::{Kind, Server};
use crate::workloads::KeySet;

/// Filling more keys than this would take minutes; what is counted hardly depends on them.
const KEYS_MAX: u32 = 10_000;
/// And of values beyond this only copying would be counted.
const VALUE_LEN_MAX: usize = 100 << 10;
/// How long requests run before they are counted, and while they are.
const WARM_UP: Duration = Duration::from_millis(500);
const COUNTED: Duration = Duration::from_secs(2);
/// After so long the server has answered all that was sent.
const SETTLED: Duration = Duration::from_millis(300);

/// Is there a callgrind to count with?
pub fn available() -> bool {
    let runs = |name| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok();
    runs("valgrind") && runs("callgrind_control")
}

/// Adds the instructions of each cache to the rows of one key set.
pub fn add_to(rows: &mut [Row], set: &KeySet, options: &Options) -> io::Result<()> {
    if set.keys > KEYS_MAX || set.value_len > VALUE_LEN_MAX {
        return Ok(());
    }
    for &kind in options.servers.iter().filter(|kind| kind.is_cache()) {
        let counted = Counted::start(kind, set, options)?;
        for row in rows.iter_mut() {
            progress::show(&format!("{} instructions {}", row.workload.name, kind.name()));
            let script = Script::build(row.workload, options.seed, true);
            let connections = row.workload.connections(options.connections);
            let count = counted.count(&script, connections)?;
            let cell = row.cells.iter_mut().find(|cell| cell.kind == kind);
            cell.expect("a cell for each server").instructions = Some(count);
        }
    }
    Ok(())
}

/// A server under callgrind.
struct Counted {
    server: Server,
    /// Where its dumps go; a number is put behind.
    dumps: String,
}

impl Counted {
    fn start(kind: Kind, set: &KeySet, options: &Options) -> io::Result<Counted> {
        let name = format!("slabd-wire-{}-{}.callgrind", std::process::id(), kind.name());
        let dumps = std::env::temp_dir().join(name).to_string_lossy().into_owned();
        let out = format!("--callgrind-out-file={dumps}");
        let limit = (options.connections + 100).to_string();
        // memcached sets its limit of descriptors, which callgrind lets it do only to what it is.
        let wrapper = ["sh", "-c", "ulimit -S -n $0; exec \"$@\"", &limit, "valgrind", "-q"];
        let wrapper = [&wrapper[..], &["--tool=callgrind", &out]].concat();
        let room = set.room(options.connections);
        let server = Server::start_under(&wrapper, kind, &options.programs, &room)?;
        Client::connect(server.address)?.fill(set, |_, _| {})?;
        Ok(Counted { server, dumps })
    }

    /// Instructions for each request of the script. The server is left to finish what was sent
    /// before counting begins and before it ends, so that the same number is in flight both times.
    fn count(&self, script: &Script, connections: usize) -> io::Result<f64> {
        let mut load = Load::connect(self.server.address, script, connections)?;
        load.run_until(Instant::now() + WARM_UP)?;
        std::thread::sleep(SETTLED);
        self.control("--zero")?;
        let before = load.requests;
        load.run_until(Instant::now() + COUNTED)?;
        std::thread::sleep(SETTLED);
        self.control("--dump")?;
        let total = self.take_dump()?;
        Ok(total as f64 / (load.requests - before).max(1) as f64)
    }

    fn control(&self, what: &str) -> io::Result<()> {
        let mut command = Command::new("callgrind_control");
        command.args([what, &self.server.pid().to_string()]);
        match command.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("callgrind_control {what} failed"))),
        }
    }

    /// The total of the one dump there is. All files are removed: some are begun and left empty.
    fn take_dump(&self) -> io::Result<u64> {
        let mut total = None;
        for path in self.dump_files()? {
            let text = fs::read_to_string(&path)?;
            fs::remove_file(&path)?;
            let words = |name| text.lines().find_map(|line| line.strip_prefix(name));
            let found = words("summary: ").or_else(|| words("totals: "));
            total = total.or(found.and_then(|number| number.trim().parse().ok()));
        }
        total.ok_or_else(|| io::Error::other("no dump with a total was made"))
    }

    fn dump_files(&self) -> io::Result<Vec<std::path::PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(std::env::temp_dir())? {
            let path = entry?.path();
            if path.to_string_lossy().starts_with(&self.dumps) {
                found.push(path);
            }
        }
        Ok(found)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // What is left is an empty file or two; a system cleans its temporary directory anyway.
        self.dump_files().into_iter().flatten().for_each(|path| drop(fs::remove_file(path)));
    }
}
