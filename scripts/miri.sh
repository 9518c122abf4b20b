#!/bin/sh
# Runs the unit tests of the store and of its memory, where nearly all unsafe code is, in an
# interpreter that sees undefined behaviour, races of threads included. Ends with 3 if it could not
# run. (It reads the source while it runs: do not edit it meanwhile.)
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
    cargo +nightly miri nextest run --lib -E 'test(store::) + test(sys::memory::)'
else
    cargo +nightly miri test --lib -- store:: sys::memory::
fi
