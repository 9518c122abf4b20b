#!/bin/sh
# Flame graphs of slabd under lone and under pipelined gets, in benches/results. Needs perf and the
# right to use it (Debian: linux-perf; root, or kernel.perf_event_paranoid at most 1). Takes the
# options of the wire bench.
set -eu
cd "$(dirname "$0")/.."
command -v perf >/dev/null || { echo "flame.sh: perf is not installed" >&2; exit 1; }
# Stacks are walked by frame pointers, which a release build leaves out.
RUSTFLAGS="${RUSTFLAGS:-} -C force-frame-pointers=yes" \
    cargo build --release --bin slabd --target-dir target/flame
exec cargo bench --bench wire -- --slabd "$PWD/target/flame/release/slabd" \
    --out "$PWD/benches/results" "$@" flame
