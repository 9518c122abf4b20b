#!/bin/sh
# Runs the pieces that several threads share (page pool, clock, counters, the lock that readers
# share) through every interleaving that loom can make. Not the inbox: its channel and waker are
# crossbeam's and the kernel's, which loom cannot see into.
set -eu
cd "$(dirname "$0")/.."
export RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS="${LOOM_MAX_PREEMPTIONS:-3}"
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
CARGO_TARGET_DIR=target/loom cargo test --release --lib loom
