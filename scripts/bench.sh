#!/bin/sh
# Measures slabd beside memcached and an echo server and keeps the results in benches/results, row
# by row: a run that is ended early keeps what it measured.
# Takes the options of the bench (see --help); for the README's table: scripts/bench.sh all --big
set -eu
cd "$(dirname "$0")/.."
cargo build --release --bin slabd
case " $* " in *" --big "*) # one more slabd, to tell what prefetches bring
    cargo build --release --bin slabd --features no-prefetch --target-dir target/no-prefetch
    cp target/no-prefetch/release/slabd target/release/slabd-no-prefetch ;;
esac
exec cargo bench --bench wire -- --slabd "$PWD/target/release/slabd" \
    --out "$PWD/benches/results" --markdown "$@"
