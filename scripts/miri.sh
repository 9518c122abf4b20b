#!/bin/sh
# Runs the unit tests of the store, the only home of unsafe code besides sys, in an interpreter
# that sees undefined behaviour. Ends with 3 if it could not run.
set -eu
cd "$(dirname "$0")/.."
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo "not run: no miri (rustup +nightly component add miri)"
    exit 3
fi
# Isolation off: the seed of the key hash comes from the system.
export MIRIFLAGS="${MIRIFLAGS:--Zmiri-disable-isolation}"
if cargo nextest --version >/dev/null 2>&1; then
    # A process a test: as many at once as there are cores.
    cargo +nightly miri nextest run --lib -E 'test(store::)'
else
    cargo +nightly miri test --lib store::
fi
