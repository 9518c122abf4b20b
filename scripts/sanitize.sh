#!/bin/sh
# Runs the unit tests and the model test under the address sanitizer, which sees what leaves the
# pages of the store. Fewer operations: it is some ten times slower. Ends with 3 if it could not
# run.
set -eu
cd "$(dirname "$0")/.."
target=x86_64-unknown-linux-gnu
if ! rustc +nightly -vV 2>/dev/null | grep -q "host: $target"; then
    echo "not run: no nightly toolchain for $target"
    exit 3
fi
export RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=target/sanitize
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1}"
cargo +nightly test --target "$target" --lib
SLABD_OPERATIONS="${1:-20000}" cargo +nightly test --target "$target" --test model
