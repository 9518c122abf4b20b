#!/bin/sh
# Runs the pieces that several threads share through every interleaving that loom can make.
set -eu
cd "$(dirname "$0")/.."
RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS="${LOOM_MAX_PREEMPTIONS:-3}" \
    CARGO_TARGET_DIR=target/loom cargo test --release --lib loom
