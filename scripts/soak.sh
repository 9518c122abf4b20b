#!/bin/sh
# Ten minutes (or as many seconds as the first argument says) of mixed load at full memory, with
# clients killed at random: memory within its limit at the end, and every invariant holds.
set -eu
cd "$(dirname "$0")/.."
SLABD_SOAK_SECONDS="${1:-600}" cargo test --release --features debug-commands \
    --test soak -- --ignored --nocapture
