#!/bin/sh
# Feeds random bytes to the parser and random operations to the store, under the address
# sanitizer: seconds per target as the first argument (60). Ends with 3 if it could not run.
set -eu
cd "$(dirname "$0")/.."
seconds="${1:-60}"
not_run() {
    echo "not run: $1"
    exit 3
}
[ -f tests/fuzz/Cargo.toml ] || not_run "there is no tests/fuzz"
cargo +nightly --version >/dev/null 2>&1 || not_run "no nightly toolchain (rustup toolchain add nightly)"
if ! cargo fuzz --version >/dev/null 2>&1; then
    cargo install --locked cargo-fuzz || not_run "cargo-fuzz could not be installed"
fi
targets=$(cargo +nightly fuzz list --fuzz-dir tests/fuzz)
for target in $targets; do
    echo "fuzzing $target for $seconds s"
    cargo +nightly fuzz run --fuzz-dir tests/fuzz "$target" -- \
        -max_total_time="$seconds" -print_final_stats=1 -verbosity=0
done
