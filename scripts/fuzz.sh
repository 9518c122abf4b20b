#!/bin/sh
# Feeds random bytes to the parsers and to whole connections, and random operations to the store,
# under the address sanitizer: seconds per target as the first argument (60). A target that reaches
# too few edges fails: it no longer fuzzes what it did. Ends with 3 if it could not run.
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
    target="$1" edges_min="$2" len_max="$3"
    set -- "corpus/$1"
    [ ! -d "seeds/$target" ] || set -- "$@" "seeds/$target"
    set -- "$@" -- -max_total_time="$seconds" -max_len="$len_max" -print_final_stats=1
    [ ! -f "dictionaries/$target" ] || set -- "$@" -dict="dictionaries/$target"
    cargo +nightly fuzz run --fuzz-dir . "$target" "$@" >"target/$target.log" 2>&1 || {
        tail -n 60 "target/$target.log"
        return 1
    }
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "target/$target.log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "target/$target.log" | tail -n 1)
    echo "$target: $executions executions, $edges edges (at least $edges_min)"
    [ "$edges" -ge "$edges_min" ]
}
# two TARGET EDGES LENGTH -- TARGET EDGES LENGTH: at a time, a core each.
two() {
    fuzz "$1" "$2" "$3" &
    first=$!
    shift 4
    fuzz "$@" || {
        wait "$first" || true
        return 1
    }
    wait "$first"
}
mkdir -p target
cargo +nightly fuzz build --fuzz-dir . 2>target/build.log || {
    tail -n 60 target/build.log
    exit 1
}
# Floors: two thirds of what 40 s reach from the seeds, or from nothing. A line of a connection is
# no longer than it may be: cut, a longer one ends the connection before its end is seen.
two parse_text 270 4096 -- parse_meta 780 2048
two parse_binary 230 4096 -- auth 510 2048
two store_ops 1500 4096 -- connection 3500 2048
