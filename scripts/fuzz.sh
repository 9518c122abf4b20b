#!/bin/sh
# Feeds random bytes to the parser and random operations to the store, under the address
# sanitizer: seconds per target as the first argument (60). A target that reaches too few edges
# fails: it no longer fuzzes what it did. Ends with 3 if it could not run.
set -eu
cd "$(dirname "$0")/.."
seconds="${1:-60}"
not_run() {
    echo "not run: $1"
    exit 3
}
cargo +nightly --version >/dev/null 2>&1 || not_run "no nightly toolchain (rustup toolchain add nightly)"
cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz ||
    not_run "cargo-fuzz could not be installed"
cd tests/fuzz
fuzz() { # target, least edges, longest input
    mkdir -p "corpus/$1"
    cargo +nightly fuzz run --fuzz-dir . "$1" -- -max_total_time="$seconds" -max_len="$3" \
        -print_final_stats=1 >"target/$1.log" 2>&1 || {
        tail -n 60 "target/$1.log"
        return 1
    }
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "target/$1.log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "target/$1.log" | tail -n 1)
    echo "$1: $executions executions, $edges edges (at least $2)"
    [ "$edges" -ge "$2" ]
}
mkdir -p target
# Floors: two thirds of what 40 s from an empty corpus reach.
fuzz parse_text 270 4096
fuzz parse_binary 230 4096
fuzz auth 510 2048
fuzz store_ops 1500 4096
