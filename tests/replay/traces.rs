//! Traces read from files.

use std::fs;
use std::path::PathBuf;

use crate::workloads::{self, Request};

/// A file of our own, removed when dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Temporary {
        Temporary(std::env::temp_dir().join(format!("slabd-{}-{name}", std::process::id())))
    }

    fn requests(&self) -> Vec<Request> {
        let workload = workloads::from_file(&self.0, vec![1], None);
        workload.requests(1).expect("a trace").collect()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // One of the two; it is only a temporary file.
        let _ = fs::remove_file(&self.0).or_else(|_| fs::remove_dir_all(&self.0));
    }
}

#[test]
fn oracle_general_records_are_24_bytes() {
    let file = Temporary::new("trace.bin");
    let mut bytes = Vec::new();
    for (seconds, id, size) in [(1_000_u32, 7_u64, 512_u32), (1_003, 1 << 40, 65_536)] {
        bytes.extend(seconds.to_le_bytes());
        bytes.extend(id.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend((-1_i64).to_le_bytes());
    }
    bytes.extend([0; 10]);
    fs::write(&file.0, bytes).expect("a temporary file");
    let request = |time_ms, key, value_len| Request {
        time_ms,
        key,
        key_len: 24,
        value_len,
        ttl_s: 0,
        is_write: false,
    };
    let expected = [request(0, 7, 512), request(3_000, 1 << 40, 65_536)];
    assert_eq!(file.requests(), expected, "what is left of a third is ignored");
}

#[test]
fn lines_of_twitters_open_format() {
    let file = Temporary::new("trace.csv");
    let text = "\
        5,nz:u:a,17,0,1,get,0\n\
        5,nz:u:a,17,300,1,set,3600\n\
        7,nz:u,b,17,0,2,gets,0\n\
        7,nz:u,b,17,0,2,delete,0\n\
        what is this\n\
        9,nz:u:a,17,250,1,get,0\n";
    fs::write(&file.0, text).expect("a temporary file");
    let found = file.requests();
    let what =
        |request: &Request| (request.time_ms, request.value_len, request.ttl_s, request.is_write);
    let expected = [
        (0, 1, 0, false),
        (0, 300, 3600, true),
        (2_000, 300, 3600, false),
        (4_000, 250, 3600, false),
    ];
    assert_eq!(found.iter().map(what).collect::<Vec<_>>(), expected);
    assert_eq!(found[0].key, found[1].key);
    assert_ne!(found[0].key, found[2].key);
    assert_eq!(found[0].key, found[3].key);
    assert!(found.iter().all(|request| request.key_len == 17));
}

#[test]
fn a_short_key_of_a_trace_stays_short() {
    let file = Temporary::new("short.csv");
    fs::write(&file.0, "1,some-key,4,10,1,get,0\n").expect("a temporary file");
    let mut key = Vec::new();
    file.requests()[0].push_key(&mut key);
    assert_eq!(key.len(), 4);
}

#[test]
fn histograms_of_a_cachebench_test() {
    let folder = Temporary::new("kvcache");
    fs::create_dir_all(&folder.0).expect("a temporary folder");
    let write = |name, text| fs::write(folder.0.join(name), text).expect("a temporary file");
    write("pop.json", r#"{ "popularityWeights": [3, 1, 5], "popularityBuckets": [20, 2000, 19] }"#);
    write("sizes.json", r#"{"valSizeRangeProbability" : [1, 1], "valSizeRange": [31, 63]}"#);
    write("config.json", "{ \"keySizeRange\": [16, 255],\n \"loneGetRatio\": 0.25 \n}");
    let found = folder.requests();
    assert_eq!(found.len(), 2_000_000);
    let part = |keep: &dyn Fn(&&Request) -> bool| {
        found.iter().filter(keep).count() as f64 / found.len() as f64
    };
    let near = |part: f64, expected: f64| assert!((part - expected).abs() < 0.01, "{part}");
    near(part(&|request| request.key > 100), 0.25);
    near(part(&|request| request.key == 0), 0.75 * 0.75);
    near(part(&|request| request.key > 0 && request.key <= 100), 0.75 * 0.25);
    assert!(found.iter().all(|request| matches!(request.value_len, 31 | 63)));
    assert!(found.iter().all(|request| (16..=64).contains(&request.key_len)));
}

#[test]
fn what_is_not_a_trace_is_refused() {
    let file = Temporary::new("trace.txt");
    fs::write(&file.0, "").expect("a temporary file");
    assert!(workloads::from_file(&file.0, vec![1], None).requests(1).is_err());
    let missing = PathBuf::from("/nowhere/at-all.bin");
    assert!(workloads::from_file(&missing, vec![1], None).requests(1).is_err());
}
