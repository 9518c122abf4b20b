#!/bin/sh
# Builds for 64-bit ARM with Debian's cross compiler and runs the unit tests of the layers that do
# not need a kernel of their own (store, codecs, commands, options) under qemu-user. What it cannot
# show: speed, and the memory order of a real ARM core, for qemu runs on this one's. Ends with 3 if
# it could not run.
set -eu
cd "$(dirname "$0")/.."
not_run() {
    echo "not run: $1"
    exit 3
}
target=aarch64-unknown-linux-gnu
rustup target add "$target" >/dev/null 2>&1 || not_run "no $target (rustup target add $target)"
for program in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v "$program" >/dev/null || not_run \
        "no $program (apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)"
done
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
cargo test --target "$target" --features debug-commands --lib -- \
    store:: protocol:: commands:: ops:: sys::
cargo build --target "$target"
