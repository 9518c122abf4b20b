#!/bin/sh
# What every change must pass before it is looked at: layout, lints and documentation, with
# warnings as errors, in both the plain build and the one with test commands.
set -eu
cd "$(dirname "$0")/.."
cargo fmt --check
cargo clippy --all-targets -- -D warnings
cargo clippy --all-targets --all-features -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --all-features
