//! What the text parser and the reply writer cost a request. The input is what a socket would
//! have delivered; nothing is looked up.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use slabd::protocol::{Command, Number, Parsed, Protocol, Reply, Style, parse};

/// Requests of one kind, each parsed from the front of a buffer.
fn parsing(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    let requests = [
        ("get of 16 bytes", "get key:000000012345\r\n".to_owned()),
        ("get of 60 bytes", format!("get {}\r\n", "k".repeat(60))),
        ("gets", "gets key:000000012345\r\n".to_owned()),
        ("set of 32 bytes", format!("set key:000000012345 0 0 32\r\n{}\r\n", "v".repeat(32))),
        ("set, noreply", format!("set key:000000012345 0 0 32 noreply\r\n{:32}\r\n", "v")),
        ("incr", "incr key:000000012345 1\r\n".to_owned()),
        ("delete", "delete key:000000012345\r\n".to_owned()),
        ("touch", "touch key:000000012345 3600\r\n".to_owned()),
    ];
    for (name, request) in &requests {
        group.bench_function(*name, |b| {
            b.iter(|| {
                let parsed = parse(Protocol::Text, black_box(request.as_bytes()), 0);
                assert!(matches!(black_box(parsed), Parsed::Complete { .. }));
            });
        });
    }
    group.finish();
}

/// A get of 100 keys: to parse it, and to walk its keys besides.
fn many_keys(c: &mut Criterion) {
    let keys: Vec<_> = (0..100).map(|n| format!("key:{n:012}")).collect();
    let request = format!("get {}\r\n", keys.join(" "));
    let mut group = c.benchmark_group("get of 100 keys");
    group.throughput(Throughput::Elements(100));
    group.bench_function("parse", |b| {
        b.iter(|| black_box(parse(Protocol::Text, black_box(request.as_bytes()), 0)));
    });
    group.bench_function("parse and walk", |b| {
        b.iter(|| {
            let parsed = parse(Protocol::Text, black_box(request.as_bytes()), 0);
            let Parsed::Complete { request, .. } = parsed else { unreachable!("{parsed:?}") };
            let Command::Get(get) = request.command else { unreachable!("{request:?}") };
            get.keys.map(|key| black_box(key).len()).sum::<usize>()
        });
    });
    group.finish();
}

/// 32 requests in one buffer, as a pipelining client sends them.
fn pipeline(c: &mut Criterion) {
    let input: String = (0..32).map(|n| format!("get key:{n:012}\r\n")).collect();
    let mut group = c.benchmark_group("pipeline of 32 gets");
    group.throughput(Throughput::Elements(32));
    group.bench_function("parse", |b| {
        b.iter(|| {
            let mut rest = black_box(input.as_bytes());
            while let Parsed::Complete { request, len } = parse(Protocol::Text, rest, 0) {
                black_box(request);
                rest = &rest[len..];
            }
        });
    });
    group.finish();
}

/// Answers, into an output that has grown to its size.
fn replies(c: &mut Criterion) {
    let mut group = c.benchmark_group("reply");
    let mut out = Vec::with_capacity(64 << 10);
    let key = b"key:000000012345";
    for size in [32, 1024] {
        let value = vec![b'v'; size];
        for with_cas in [false, true] {
            let style = Style::Text { noreply: false, with_cas };
            let name = format!("hit of {size} bytes{}", if with_cas { ", cas" } else { "" });
            group.bench_function(name, |b| {
                b.iter(|| {
                    out.clear();
                    let mut reply = Reply::new(style, black_box(&mut out));
                    reply.hit_value(black_box(key), 0, black_box(123_456), black_box(&value));
                    reply.end();
                });
            });
        }
    }
    let style = Style::Text { noreply: false, with_cas: false };
    group.bench_function("STORED", |b| {
        b.iter(|| {
            out.clear();
            Reply::new(style, black_box(&mut out)).line("STORED");
        });
    });
    let (ttl, touched, vivified) = (None, None, None);
    let number = Number { key: b"k", number: 12_345_678, cas: 1, ttl, touched, vivified };
    group.bench_function("number", |b| {
        b.iter(|| {
            out.clear();
            Reply::new(style, black_box(&mut out)).number(black_box(&number));
        });
    });
    group.finish();
}

criterion_group!(benches, parsing, many_keys, pipeline, replies);
criterion_main!(benches);
