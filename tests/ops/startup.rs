//! The process as the operator finds it: user, limits, pid file, background, log.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{Client, Server};
use crate::{Directory, run, slabd};

/// Longest a stop may take.
const STOP_MAX: Duration = Duration::from_secs(5);

fn root() -> bool {
    let root = std::fs::metadata("/proc/self").expect("procfs").uid() == 0;
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

/// The numbers of a line such as `Uid:` in a process's status.
fn status(pid: u32, name: &str) -> Vec<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn root_without_u_becomes_someone_else_and_says_so() {
    if !root() {
        return;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabd"));
    command.args(["-l", "127.0.0.1", "-p", "-1", "-t", "1"]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program runs");
    let log = BufReader::new(child.stderr.take().expect("piped"));
    let said = log.lines().map_while(Result::ok).find(|line| line.contains("running as "));
    let (uid, gid) = (status(child.id(), "Uid:"), status(child.id(), "Gid:"));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let said = said.expect("a line of the log");
    assert!(said.contains("started as root without -u: running as "), "{said}");
    assert!(uid.iter().chain(&gid).all(|id| *id != 0), "{uid:?} {gid:?}");
}

/// The numbers of the cores that a thread may run on, as the kernel lists them.
fn cores(thread: &Path) -> String {
    let status = std::fs::read_to_string(thread.join("status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.expect("a line").trim().to_owned()
}

#[test]
fn workers_stay_on_the_cores_they_are_given() {
    let ours = cores(Path::new("/proc/self"));
    let first = ours.split(['-', ',']).next().expect("a core");
    let server = Server::with(&["-t", "2", "-o", &format!("worker_cpus={first}")]);
    // A connection each: when both are answered, both workers run.
    let mut clients = [server.client(), server.client()];
    clients.iter_mut().for_each(|c| _ = c.send("get k\r\n").expect("END\r\n"));
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.pid())).expect("it runs");
    let mut pinned = 0;
    for thread in threads {
        let path = thread.expect("a thread").path();
        let name = std::fs::read_to_string(path.join("comm")).expect("it runs");
        let worker = name.starts_with("worker-");
        assert_eq!(cores(&path), if worker { first } else { &ours }, "{name}");
        pinned += usize::from(worker);
    }
    assert_eq!(pinned, 2);
}

#[test]
fn a_core_that_is_not_there_is_named_with_those_that_are() {
    let run = slabd(&["-l", "127.0.0.1", "-p", "-1", "-u", "root", "-o", "worker_cpus=1023"]);
    assert_ne!(run.code, 0);
    let expected = "-o worker_cpus: no core 1023 for us; allowed: ";
    assert!(run.err.contains(expected), "{run:?}");
}

#[test]
fn u_root_stays_root() {
    if root() {
        let server = Server::start(); // with -u root
        assert_eq!(status(server.pid(), "Uid:"), [0, 0, 0, 0]);
    }
}

#[test]
fn an_unknown_user_is_exit_67() {
    if root() {
        let run = slabd(&["-u", "no-such-user"]);
        assert_eq!(run.code, 67);
        assert!(run.err.starts_with("can't find the user no-such-user to switch to\n"), "{run:?}");
    }
}

#[test]
fn more_clients_than_files_is_exit_71() {
    let program = env!("CARGO_BIN_EXE_slabd");
    let mut words = vec!["--nofile=100:100"];
    if root() {
        // Root may raise any limit, unless it lacks this capability.
        let lose = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"];
        words.extend(lose);
    }
    words.extend([program, "-u", "root", "-p", "-1", "-c", "1000"]);
    let refused = run(Path::new("prlimit"), &words);
    assert_eq!(refused.code, 71, "{refused:?}");
    let text = "failed to set rlimit for open files. Try starting as root or requesting smaller \
                maxconns value.\n -- -c \"1000\": ";
    assert!(refused.err.contains(text), "{refused:?}");
}

#[test]
fn the_limit_on_files_follows_c() {
    let server = Server::with(&["-c", "3000"]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let soft: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    assert!(soft >= 3000, "{line}");
}

#[test]
fn the_pid_file_stays_without_d() {
    let directory = Directory::new("pid");
    let path = directory.write("pid", "1\n");
    let mut server = Server::with(&["-P", &path]);
    let own = format!("{}\n", server.pid());
    server.eventually("its pid file", |_| std::fs::read_to_string(&path).is_ok_and(|t| t == own));
    let warning = "The pid file contained the following (running) pid: 1\n";
    assert!(server.log().contains(warning), "{}", server.log());
    server.signal("TERM");
    assert!(server.wait_exit(STOP_MAX).success());
    assert!(Path::new(&path).exists());
}

#[test]
fn in_the_background_it_serves_when_the_command_returns() {
    let directory = Directory::new("daemon");
    let file = |name: &str| directory.file(name).to_str().expect("plain path").to_owned();
    let (pid_file, socket) = (file("pid"), file("socket"));
    let run = slabd(&["-d", "-u", "root", "-t", "1", "-s", &socket, "-P", &pid_file]);
    assert_eq!((run.code, &*run.out), (0, ""), "{run:?}");

    let pid = std::fs::read_to_string(&pid_file).expect("written before the command returned");
    let pid: u32 = pid.trim().parse().expect("a number");
    Client::unix(Path::new(&socket)).send("version\r\n").expect("VERSION 1.6.45\r\n");
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
    assert_eq!(cwd, Path::new("/"));
    for standard in 0..=2 {
        let file = std::fs::read_link(format!("/proc/{pid}/fd/{standard}")).unwrap();
        assert_eq!(file, Path::new("/dev/null"));
    }

    let killed = Command::new("kill").arg(pid.to_string()).status().expect("kill runs");
    assert!(killed.success());
    let start = std::time::Instant::now();
    while Path::new(&pid_file).exists() {
        assert!(start.elapsed() < STOP_MAX, "the pid file is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn in_the_background_an_error_at_start_is_still_seen() {
    let taken = Server::start();
    let address = taken.address().to_string();
    let run = slabd(&["-d", "-u", "root", "-l", &address]);
    assert_eq!(run.code, 71, "{run:?}");
    assert!(run.err.contains("Address already in use"), "{run:?}");
}

#[test]
fn verbosity_changes_what_is_logged() {
    let directory = Directory::new("verbosity");
    let start = |name: &str, verbosity: &str| {
        let pid_file = directory.file(name);
        let server = Server::with(&["-P", pid_file.to_str().expect("plain path"), verbosity]);
        server.eventually("the end of its start", |_| pid_file.exists());
        server.client().send("version\r\n").expect("VERSION 1.6.45\r\n");
        server
    };
    let (quiet, loud) = (start("quiet", "-W"), start("loud", "-vv")); // -W changes nothing
    let before = quiet.log();
    loud.eventually("more log", |loud| loud.log().lines().count() > before.lines().count());
    quiet.client().send("verbosity 2\r\n").expect("OK\r\n");
    quiet.client().send("version\r\n").expect("VERSION 1.6.45\r\n");
    quiet.eventually("more log", |quiet| quiet.log().len() > before.len());
}

#[test]
fn the_example_file_starts_the_daemon() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/memcached.conf.example");
    let server = Server::with(&["--config", example]);
    server.assert_serves();
}

#[test]
fn debians_file_starts_the_daemon() {
    let directory = Directory::new("debian");
    let pid_file = directory.file("memcached.pid");
    let conf = format!(
        "# memcached default config file\n-d\nlogfile /var/log/memcached.log\n-m 64\n-p 11211\n\
         -u memcache\n-l 127.0.0.1\n-P {}\n",
        pid_file.display()
    );
    let conf = directory.write("memcached.conf", conf);
    let server = Server::with(&["--config", &conf]);
    server.assert_serves();
    server.eventually("its pid file", |_| pid_file.exists());
    assert!(server.log().contains(", line 2: -d counts on the command line only"));
}
