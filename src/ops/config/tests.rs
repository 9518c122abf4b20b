//! The whole command line: each option's effect, error text and exit code.

use super::*;

/// What is true of a configuration when an option had its effect.
type Holds = fn(&Config) -> bool;

fn parse(words: &[&str]) -> Result<Config, ConfigError> {
    let words: Vec<OsString> = std::iter::once(&"slabd").chain(words).map(OsString::from).collect();
    match invocation(&words)? {
        Invocation::Run(config) => Ok(*config),
        Invocation::Print(text) => panic!("printed {text}"),
    }
}

fn with(words: &[&str]) -> Config {
    parse(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

/// First line of the message, and the exit code.
fn refusal(words: &[&str]) -> (String, u8) {
    let error = parse(words).expect_err(&format!("{words:?}"));
    (error.message, error.code)
}

fn tcp(host: &str, port: u16) -> ListenAddress {
    ListenAddress::Tcp { host: host.to_owned(), port }
}

fn unix(path: &str, mode: u32) -> ListenAddress {
    ListenAddress::Unix { path: PathBuf::from(path), mode }
}

fn setting<'a>(config: &'a Config, name: &str) -> &'a str {
    let found = config.other_settings.iter().find(|(setting, _)| *setting == name);
    &found.unwrap_or_else(|| panic!("{name}")).1
}

#[test]
fn an_empty_command_line_is_the_defaults() {
    let config = with(&[]);
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    let both = ["127.0.0.1", "::1"].map(|host| (tcp(host, 11211), Dialect::Auto));
    assert_eq!(config.listen, both);
    assert_eq!((config.listen_text, config.notes), (None, vec![]));
    assert_eq!((config.store.limit_bytes, config.threads), (64 << 20, 4));
}

#[test]
fn the_example_file_changes_nothing() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/memcached.conf.example");
    assert_eq!(format!("{:?}", with(&["--config", path])), format!("{:?}", Config::default()));
}

#[test]
fn where_it_listens() {
    for (words, listen) in [
        (&["-p", "5"][..], vec![tcp("127.0.0.1", 5), tcp("::1", 5)]),
        (&["-p", "-1"], vec![tcp("127.0.0.1", 0), tcp("::1", 0)]),
        (&["-l", "a,b:7;[::1]:8", "-p9"], vec![tcp("a", 9), tcp("b", 7), tcp("::1", 8)]),
        (&["-l", "a", "-l", "b", "-l", "a"], vec![tcp("a", 11211), tcp("b", 11211)]),
        (&["-l", "ab", "-l", "b"], vec![tcp("ab", 11211), tcp("b", 11211)]),
        (&["-l", "*,"], vec![tcp("*", 11211)]),
        (&["-l", "unix:/x,a:1", "-a", "770"], vec![unix("/x", 0o770), tcp("a", 1)]),
        (&["-l", "unix:/x:600", "-p", "0"], vec![unix("/x", 0o600)]),
        (&["-l", "unix:/x,a:1", "-p", "0"], vec![unix("/x", 0o700)]),
        (&["-s", "/y", "-l", "a", "-a", "0777"], vec![unix("/y", 0o777)]),
        (&["-s", "/y", "-p", "0"], vec![unix("/y", 0o700)]),
    ] {
        let addresses: Vec<_> = with(words).listen.into_iter().map(|(a, _)| a).collect();
        assert_eq!(addresses, listen, "{words:?}");
    }
    assert_eq!(with(&["-l", "a,b:7", "-l", "c"]).listen_text.as_deref(), Some("a,b:7,c"));
    assert_eq!(with(&["-p", "-1"]).port, -1);
    let nothing = ("Nothing to listen on".to_owned(), 64);
    assert_eq!(refusal(&["-p", "0"]), nothing);
    assert_eq!(refusal(&["-p", "0", "-l", "a:5"]), nothing);
}

#[test]
fn each_option_has_its_effect() {
    let changes: &[(&[&str], Holds)] = &[
        (&["-a", "777"], |c| c.unix_mode == 0o777),
        (&["-A"], |c| c.shutdown_command),
        (&["-b", "5"], |c| c.backlog == 5),
        (&["-B", "ascii"], |c| c.dialect == Dialect::Text),
        (&["-B", "auto"], |c| c.dialect == Dialect::Auto),
        (&["-B", "binary"], |c| c.dialect == Dialect::Binary),
        (&["-c", "7"], |c| c.max_connections == 7),
        (&["-C"], |c| !c.store.use_cas),
        (&["-d"], |c| c.daemonize),
        (&["-D", "|"], |c| c.prefix_delimiter == b'|' && c.detail_enabled),
        (&["-f", "2"], |c| c.store.growth_factor == 2.0),
        (&["-F"], |c| !c.flush_enabled),
        (&["-I", "2m"], |c| c.store.item_size_max == 2 << 20),
        (&["-I", "1g", "-m", "2048"], |c| c.store.item_size_max == 1 << 30),
        (&["-k"], |c| c.lock_memory),
        (&["-L"], |c| c.store.preallocate),
        (&["-m", "1024"], |c| c.store.limit_bytes == 1 << 30),
        (&["-m", "1", "-I", "512k"], |c| c.store.limit_bytes == 1 << 20),
        (&["-M"], |c| !c.store.evict),
        (&["-n", "100"], |c| c.store.chunk_size_min == 100),
        (&["-P", "/p"], |c| c.pid_file.as_deref() == Some("/p".as_ref())),
        (&["-r"], |c| c.core_dumps),
        (&["-R", "3"], |c| c.requests_per_event == Some(3)),
        (&["-s", "/y"], |c| c.unix_socket.as_deref() == Some("/y".as_ref())),
        (&["-t", "1"], |c| c.threads == 1 && c.store.threads == 1),
        (&["-u", "who"], |c| c.user.as_deref() == Some("who")),
        (&["-U", "0"], |c| setting(c, "udpport") == "0"),
        (&["-vvvvv"], |c| c.verbosity == 3),
        (&["-v", "-W"], |c| c.verbosity == 1),
        (&["-X"], |c| !c.dump_enabled),
        (&["-t", "65"], |c| c.notes.len() == 1),
    ];
    for (words, holds) in changes {
        assert!(holds(&with(words)), "{words:?}");
    }
    let config = Config::default();
    let held = changes.iter().filter(|(_, holds)| holds(&config)).count();
    assert_eq!(held, 2, "only -B auto and -U 0 are as by default");
}

#[test]
fn options_out_of_range_have_memcacheds_text_and_code() {
    for (words, message, code) in [
        (&["-p", "65536"][..], "ERROR: Invalid port number 65536.", 64),
        (&["-p", "-2"], "ERROR: Invalid port number -2.", 64),
        (&["-p", "x"], "ERROR: Invalid port number x.", 64),
        (&["-U", "65536"], "ERROR: Invalid port number 65536.", 64),
        (&["-c", "0"], "Maximum connections must be greater than 0", 1),
        (&["-c", "-1"], "Maximum connections must be greater than 0", 1),
        (&["-c", "1x"], "Maximum connections must be greater than 0", 1),
        (&["-f", "1.0"], "Factor must be greater than 1", 1),
        (&["-f", "-2"], "Factor must be greater than 1", 1),
        (&["-f", "inf"], "Factor must be greater than 1", 1),
        (&["-n", "0"], "Chunk size must be greater than 0", 1),
        (&["-n", "16385"], "The value of -n is too large", 1),
        (&["-c", "10000000"], "The value of -c is too large", 1),
        (&["-D", ""], "No delimiter specified", 1),
        (&["-t", "0"], "Number of threads must be greater than 0", 1),
        (&["-t", "1025"], "The value of -t is too large", 1),
        (&["-R", "0"], "Number of requests per event must be greater than 0", 1),
        (
            &["-B", "foo"],
            "Invalid value for binding protocol: foo\n \
             -- should be one of auto, binary, or ascii",
            64,
        ),
        (&["-I", "1023"], "Item max size cannot be less than 1024 bytes.", 64),
        (&["-I", "33m"], "Cannot set item size limit higher than 1/2 of memory max.", 64),
        (&["-m", "1"], "Cannot set item size limit higher than 1/2 of memory max.", 64),
        (&["-I", "1025m", "-m9999"], "Cannot set item size limit higher than a gigabyte.", 64),
        (&["-I", "x"], "Invalid value for -I", 64),
        (&["-m", "0"], "Invalid value for -m", 1),
        (&["-m", "x"], "Invalid value for -m", 1),
        (&["-a", "8"], "Invalid value for -a", 1),
        (&["-b", "0"], "Invalid value for -b", 1),
        (&["-P", ""], "Invalid value for -P", 1),
    ] {
        assert_eq!(refusal(words), (message.to_owned(), code), "{words:?}");
    }
}

#[test]
fn users_are_read_and_go_with_their_protocol_only() {
    let path = std::env::temp_dir().join(format!("slabd-config-{}", std::process::id()));
    let file = path.to_str().unwrap();
    let (message, code) = refusal(&["-Y", file]);
    assert!(message.starts_with(&format!("Could not open authfile [{file}] for reading, error ")));
    assert_eq!(code, 1);
    for content in ["", "\n", "ann\n", "ann:x\n\n"] {
        std::fs::write(&path, content).unwrap();
        let (message, code) = refusal(&["-Y", file]);
        let first = message.lines().next().unwrap();
        let expected =
            format!("Authfile [{file}] has a malformed entry. Should be 'user:password'");
        assert_eq!((first, code), (&*expected, 1), "{content:?}");
    }
    std::fs::write(&path, "ann:secret").unwrap();
    for words in [&["-Y", file][..], &["-Y", file, "-B", "ascii"]] {
        let config = with(words);
        assert!(config.requires_login() && config.users.is_some());
        assert_eq!(config.dialect, Dialect::Text);
    }
    assert_eq!(refusal(&["-Y", file, "-B", "auto"]).1, 64);
    for words in [&["-Y", file, "-S"][..], &["-S", "-Y", file, "-B", "auto"]] {
        let config = with(words);
        assert_eq!((config.dialect, config.sasl), (Dialect::Auto, true));
    }
    assert_eq!(refusal(&["-Y", file, "-S", "-B", "ascii"]).1, 64);
    assert_eq!(refusal(&["-Y", file, "-S", "-B", "binary"]).1, 64);
    let at = |words: &[&str]| {
        let all =
            [words, &["-l", "a,proto[ascii]:b,proto[negotiating]:c,proto[binary]:d"]].concat();
        with(&all).listen.iter().map(|(_, dialect)| *dialect).collect::<Vec<_>>()
    };
    let [text, auto, binary] = [Dialect::Text, Dialect::Auto, Dialect::Binary];
    assert_eq!(at(&[]), [auto, text, auto, binary]);
    assert_eq!(at(&["-B", "ascii"]), [text, text, auto, binary]);
    assert_eq!(at(&["-Y", file, "-S"]), [auto, text, auto, binary]);
    let (message, code) = refusal(&["-Y", file, "-l", "proto[binary]:a"]);
    let first = message.lines().next().unwrap();
    let expected = "Cannot use binary protocol when ascii authentication enabled";
    assert_eq!((first, code), (expected, 71));
    let config = with(&["-Y", file, "-l", "proto[negotiating]:a"]);
    assert_eq!((config.listen[0].1, config.notes.len()), (text, 1));
    assert!(!with(&[]).requires_login());
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn what_is_to_come_is_refused_by_name() {
    for words in [
        &["-e", "f"][..],
        &["-Z"],
        &["-N", "1"],
        &["-o", "ext_path=/x:5G"],
        &["-o", "ssl_chain_cert=x"],
        &["-o", "proxy_config=x"],
        &["-o", "no_hashexpand"],
        &["-o", "slab_automove_freeratio=0.1"],
        &["-o", "drop_privileges"],
        &["-o", "sock_cookie_id=3"],
        &["-o", "read_buf_mem_limit=3"],
    ] {
        let (message, code) = refusal(words);
        let name = format!("not supported yet: {}", words[0]);
        assert!(message.starts_with(&name), "{words:?}: {message}");
        let sub = words.get(1).and_then(|value| value.split('=').next()).unwrap_or_default();
        assert!(words[0] != "-o" || message.contains(sub), "{words:?}: {message}");
        assert_eq!(code, 1, "{words:?}");
    }
}

#[test]
fn each_sub_option_has_its_effect() {
    let changes: &[(&str, Holds)] = &[
        ("no_maxconns_fast", |c| !c.maxconns_fast),
        ("no_maxconns_fast,maxconns_fast,idle_timeout=1", |c| c.maxconns_fast),
        ("hashpower=20", |c| c.store.hash_power == 20),
        ("no_slab_reassign", |c| !c.store.background.reassign && c.notes.len() == 1),
        ("slab_automove=0", |c| c.store.background.automove == 0 && c.notes.len() == 1),
        ("no_slab_automove", |c| c.store.background.automove == 0),
        ("slab_automove=2", |c| c.store.background.automove == 2),
        ("slab_automove_ratio=0.5", |c| c.store.background.automove_ratio == 0.5),
        ("slab_automove_window=30", |c| c.store.background.automove_window_s == 30),
        ("tail_repair_time=10", |c| setting(c, "tail_repair_time") == "10"),
        ("no_lru_crawler", |c| !c.store.crawler),
        ("lru_crawler_sleep=0", |c| c.store.background.crawl_pause_us == 0),
        ("lru_crawler_tocrawl=5", |c| c.store.background.crawl_items_max == 5),
        ("no_lru_maintainer", |c| !c.store.segmented),
        ("hot_lru_pct=1,warm_lru_pct=79", |c| (c.store.hot_pct, c.store.warm_pct) == (1, 79)),
        ("hot_max_factor=0.5", |c| c.store.hot_max_factor == 0.5),
        ("warm_max_factor=3", |c| c.store.warm_max_factor == 3.0),
        ("temporary_ttl=90", |c| c.store.temporary_ttl == Some(90)),
        ("idle_timeout=9", |c| c.idle_timeout_s == 9),
        ("memory_total=100", |c| (c.memory_total, c.store.limit_bytes >> 20) == (100 << 20, 75)),
        ("worker_cpus=0-2+8", |c| c.worker_cpus == [0, 1, 2, 8]),
        ("request_timeout=9", |c| c.request_timeout_s == 9),
        ("body_timeout=0", |c| c.body_timeout_s == 0),
        ("write_timeout=9", |c| c.write_timeout_s == 9),
        ("tcp_user_timeout=9", |c| c.tcp_user_timeout_s == 9),
        ("watcher_logbuf_size=128", |c| c.watcher_logbuf == 131_072),
        ("worker_logbuf_size=1", |c| c.worker_logbuf == 1024),
        ("slab_sizes=100-200-3000", |c| c.store.slab_sizes == [100, 200, 3000]),
        ("slab_chunk_max=16", |c| c.store.slab_chunk_max == 16 << 10),
        ("no_chunked_items", |c| c.store.slab_chunk_max == 1 << 20),
        ("track_sizes", |c| c.store.track_sizes),
        ("strict_framing", |c| c.strict_framing),
        ("no_modern", |c| !c.store.crawler && !c.store.segmented && !c.maxconns_fast),
        ("no_modern,idle_timeout=1", |c| c.store.slab_chunk_max == 1 << 20),
        ("slab_chunk_max=64,no_modern", |c| c.store.slab_chunk_max == 64 << 10),
        ("no_modern,lru_crawler", |c| c.store.crawler && !c.store.segmented),
        ("resp_obj_mem_limit=1", |c| c.notes[0].starts_with("DEPRECATED: resp_obj_mem_limit")),
    ];
    for (list, holds) in changes {
        assert!(holds(&with(&["-o", list])), "{list}");
        let held = holds(&Config { notes: vec![String::new()], ..Config::default() });
        assert_eq!(held, *list == "no_maxconns_fast,maxconns_fast,idle_timeout=1", "{list}");
    }
}

#[test]
fn what_needs_nothing_changes_nothing() {
    for list in [
        "modern",
        "",
        "modern,",
        "maxconns_fast,lru_crawler,lru_maintainer",
        "slab_reassign,slab_automove",
        "slab_automove=1,slab_automove_ratio=0.8,slab_automove_window=10",
        "hash_algorithm=jenkins,hash_algorithm=murmur3,hash_algorithm=xxh3",
        "inline_ascii_resp,no_inline_ascii_resp,no_drop_privileges",
        "sock_cookie_id=0,read_buf_mem_limit=0",
        "lru_crawler_sleep=100,lru_crawler_tocrawl=0",
        "watcher_logbuf_size=256,worker_logbuf_size=64",
        "no_strict_framing",
    ] {
        let config = with(&["-o", list]);
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()), "{list}");
    }
}

#[test]
fn sub_options_out_of_range_have_memcacheds_text_and_code() {
    for (list, message, code) in [
        ("bogus", "Illegal suboption \"bogus\"", 1),
        ("modern,,idle_timeout=3", "Illegal suboption \"\"", 1),
        ("modern=3", "Illegal suboption \"modern=3\"", 1),
        ("hashpower", "Missing numeric argument for hashpower", 1),
        ("tail_repair_time", "Missing numeric argument for tail_repair_time", 1),
        ("idle_timeout", "Missing numeric argument for idle_timeout", 1),
        ("lru_crawler_sleep", "Missing lru_crawler_sleep value", 1),
        ("lru_crawler_tocrawl", "Missing lru_crawler_tocrawl value", 1),
        ("hash_algorithm", "Missing hash_algorithm argument", 1),
        ("slab_automove_ratio", "Missing slab_automove_ratio argument", 1),
        ("slab_automove_window", "Missing slab_automove_window argument", 1),
        ("hot_lru_pct", "Missing hot_lru_pct argument", 1),
        ("warm_max_factor", "Missing warm_max_factor argument", 1),
        ("temporary_ttl", "Missing temporary_ttl argument", 1),
        ("slab_sizes", "Missing slab_sizes argument", 1),
        ("slab_chunk_max", "Missing slab_chunk_max argument", 1),
        ("worker_logbuf_size", "Missing worker_logbuf_size argument", 1),
        ("request_timeout", "Missing request_timeout argument", 1),
        ("worker_cpus", "Missing worker_cpus argument", 1),
        ("worker_cpus=3-1", "could not parse argument to worker_cpus", 1),
        ("worker_cpus=0+1024", "could not parse argument to worker_cpus", 1),
        ("worker_cpus=0--1", "could not parse argument to worker_cpus", 1),
        ("hashpower=11", "Initial hashtable multiplier of 11 is too low", 1),
        ("hashpower=33", "Initial hashtable multiplier of 33 is too high", 1),
        ("hashpower=x", "could not parse argument to hashpower", 1),
        ("slab_automove=3", "slab_automove must be between 0 and 2", 1),
        ("slab_automove_ratio=0", "slab_automove_ratio must be > 0 and < 1", 1),
        ("slab_automove_ratio=1.1", "slab_automove_ratio must be > 0 and < 1", 1),
        ("slab_automove_window=2", "slab_automove_window must be > 2 and < 1800", 1),
        ("slab_automove_window=1801", "slab_automove_window must be > 2 and < 1800", 1),
        ("tail_repair_time=9", "Cannot set tail_repair_time to less than 10 seconds", 1),
        ("hash_algorithm=x", "Unknown hash_algorithm option (jenkins, murmur3, xxh3)", 1),
        ("lru_crawler_sleep=1000001", "LRU crawler sleep must be between 0 and 1 second", 1),
        ("lru_crawler_tocrawl=4294967296", "lru_crawler_tocrawl takes a numeric 32bit value", 1),
        ("hot_lru_pct=0", "hot_lru_pct must be > 1 and < 80", 1),
        ("warm_lru_pct=80", "warm_lru_pct must be > 1 and < 80", 1),
        ("hot_lru_pct=41", "hot_lru_pct + warm_lru_pct cannot be more than 80% combined", 64),
        ("hot_max_factor=0", "hot_max_factor must be > 0", 1),
        ("warm_max_factor=x", "warm_max_factor must be > 0", 1),
        (
            "temporary_ttl=5,no_lru_maintainer",
            "temporary_ttl requires lru_maintainer to be enabled",
            64,
        ),
        ("temporary_ttl=x", "could not parse argument to temporary_ttl", 1),
        ("idle_timeout=-1", "could not parse argument to idle_timeout", 1),
        ("body_timeout=31536001", "could not parse argument to body_timeout", 1),
        ("memory_total=15", "Too little memory", 64),
        ("memory_total=11", "could not parse argument to memory_total", 1),
        ("watcher_logbuf_size=x", "could not parse argument to watcher_logbuf_size", 1),
    ] {
        assert_eq!(refusal(&["-o", list]), (message.to_owned(), code), "{list}");
    }
}

#[test]
fn sizes_must_agree() {
    let usage = |words: &[&str]| {
        let (message, code) = refusal(words);
        assert_eq!(code, 64, "{words:?}");
        message
    };
    assert_eq!(
        usage(&["-I", "1024"]),
        "slab_chunk_max (bytes: 524288) cannot be larger than -I (item_size_max 1024)"
    );
    assert_eq!(with(&["-I", "1024", "-o", "slab_chunk_max=1"]).store.slab_chunk_max, 1024);
    assert_eq!(
        usage(&["-I", "1500k"]),
        "-I (item_size_max: 1536000) must be evenly divisible by slab_chunk_max (bytes: 524288)"
    );
    assert_eq!(
        usage(&["-I", "3m", "-o", "slab_chunk_max=3"]),
        "slab_chunk_max (bytes: 3072) must divide evenly into 1048576 (slab_page_size)"
    );
    assert_eq!(refusal(&["-o", "slab_chunk_max=0"]).0, "slab_chunk_max must be >= 0");
    assert_eq!(
        refusal(&["-o", "slab_chunk_max=1025"]).0,
        "slab_chunk_max must be specified in kilobytes."
    );
    for (list, message) in [
        ("slab_sizes=15", "slab size 15 is out of valid range"),
        ("slab_sizes=x", "slab size x is out of valid range"),
        ("slab_sizes=100-", "slab size  is out of valid range"),
        ("slab_sizes=524289", "slab size 524289 is out of valid range"),
        (
            "slab_sizes=100-100",
            "slab size 100 cannot be lower than or equal to a previous class size",
        ),
        (
            "slab_sizes=100-90",
            "slab size 90 cannot be lower than or equal to a previous class size",
        ),
        ("slab_sizes=100-108", "slab size 108 must be at least 8 bytes larger than previous class"),
    ] {
        assert_eq!(usage(&["-o", list]), message, "{list}");
    }
    let sizes = |count: u32| {
        let sizes: Vec<String> = (0..count).map(|i| (100 + 10 * i).to_string()).collect();
        format!("slab_sizes={}", sizes.join("-"))
    };
    assert_eq!(with(&["-o", &sizes(62)]).store.slab_sizes.len(), 62);
    assert_eq!(usage(&["-o", &sizes(63)]), "too many slab classes specified");
}

#[test]
fn an_error_says_which_option_which_value_and_what_is_allowed() {
    for (words, about) in [
        (&["-c", "none"][..], " -- -c \"none\": a whole number from 1 to 1048576"),
        (&["--conn-limit=0"], " -- -c \"0\": a whole number from 1 to 1048576"),
        (&["-o", "hot_lru_pct=80"], " -- -o hot_lru_pct \"80\": a whole number from 1 to 79"),
        (&["-D\x1b[2J", "-f", "\x1b"], " -- -f \"\\u{1b}\": a number above 1, such as 1.25"),
    ] {
        let text = parse(words).unwrap_err().to_string();
        assert_eq!(text.lines().last(), Some(about), "{words:?}");
    }
}

#[test]
fn the_first_error_from_the_left_counts() {
    assert_eq!(refusal(&["-c", "0", "-t", "0"]).0, "Maximum connections must be greater than 0");
    assert_eq!(refusal(&["-t", "0", "-c", "0"]).0, "Number of threads must be greater than 0");
    let words = ["slabd", "-h", "-c", "0"].map(OsString::from);
    assert!(matches!(invocation(&words), Ok(Invocation::Print(_))));
}

#[test]
fn what_is_wrong_names_the_unit_and_the_way_out() {
    for (words, expected) in [
        (&["-m", "64k"][..], " -- -m \"64k\": MiB, from 1 to 1048576"),
        (
            &["-m", "1"],
            " -- -I \"1048576\": at most 524288, half of -m; give a smaller -I or a larger -m",
        ),
        (
            &["-I", "1500k"],
            " -- -I \"1536000\": multiples of 512k; more with a smaller -o slab_chunk_max",
        ),
        (&["-o", "bogus=1"], " -- -o \"bogus=1\": no such sub-option; -h lists them"),
    ] {
        let words: Vec<OsString> = ["slabd"].iter().chain(words).map(OsString::from).collect();
        let text = invocation(&words).unwrap_err().to_string();
        assert_eq!(text.split_once('\n').unwrap().1, expected, "{words:?}");
    }
}

#[test]
fn every_sub_option_of_the_help_is_in_the_example_file() {
    let example = include_str!("../../../memcached.conf.example");
    let help = super::suboptions::help();
    let mut names = 0;
    for line in help.lines().skip(1) {
        let name = line.trim_start().split([' ', '=']).next().unwrap();
        let given = |text: &str| {
            text.strip_prefix("#-o ")
                .is_some_and(|list| list.split(',').any(|sub| sub.split('=').next() == Some(name)))
        };
        assert!(example.lines().any(given) || name == "no_modern", "{name}");
        names += 1;
    }
    assert!(names > 20, "{names}");
}

#[test]
fn every_sub_option_has_its_line_in_the_table() {
    let source = include_str!("suboptions.rs");
    let table: Vec<&str> = source.lines().filter(|line| line.starts_with("//! ")).collect();
    let arms = source.split("fn switch").nth(1).unwrap().split("impl<'a> Sub<'a>").next().unwrap();
    let mut names = 0;
    for line in arms.lines().map(str::trim).filter(|line| line.starts_with('"')) {
        let Some((patterns, _)) = line.split_once(" =>") else { continue };
        for name in patterns.split(" | ").map(|name| name.trim_matches('"')) {
            let word = |line: &&str| line.split([' ', ',', '.', ':']).any(|word| word == name);
            assert!(table.iter().any(word) || name == "no_strict_framing", "{name}");
            names += 1;
        }
    }
    assert!(names > 40, "{names}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        failure_persistence: None,
        cases: 300,
        ..Default::default()
    })]

    #[test]
    fn any_value_is_taken_or_refused(
        letter in "[a-zA-Z]",
        value in "[-0-9a-z=,;:.\\[\\]*/é\u{0}]{0,12}",
        sub in proptest::sample::select(vec!["", "slab_sizes=", "hashpower=", "slab_chunk_max="]),
    ) {
        let option = format!("-{letter}{sub}{value}");
        let words = ["slabd", &option, "-o", &format!("{sub}{value}")].map(OsString::from);
        if let Err(error) = invocation(&words) {
            proptest::prop_assert!([1, 64, 67, 71].contains(&error.code), "{error:?}");
            proptest::prop_assert!(!error.message.is_empty());
        }
    }
}
