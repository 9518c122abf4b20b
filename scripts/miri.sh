#!/bin/sh
# Runs the unit tests of the store and of its memory, where nearly all unsafe code is, in an
# interpreter that sees undefined behaviour, races of threads included. Under it the tests do less
# of the same. Ends with 3 if it could not run.
set -eu
cd "$(dirname "$0")/.."
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo "not run: no miri (rustup +nightly component add miri)"
    exit 3
fi
# Isolation off: the seed of the key hash comes from the system.
export MIRIFLAGS="${MIRIFLAGS:--Zmiri-disable-isolation}"
echo "miri: an hour or more, on one core"
# One process for all tests: the interpreter takes five seconds to start one.
cargo +nightly miri test --lib -- -Zunstable-options --report-time store:: sys::memory:: sys::lazy::
