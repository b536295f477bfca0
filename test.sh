#!/usr/bin/env bash
# All checks, on a fresh Debian machine with rustup: it installs what it needs (a wasm target, and the
# official SDKs from PyPI and npm into target/peers; PostgreSQL, NATS), starts what it needs on free ports, and stops it.
set -euo pipefail
cd "$(dirname "$0")"
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never} RUSTDOCFLAGS="-D warnings"

step() { printf '\n== %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

step "tools"
missing=()
have c++ || missing+=(g++)
have python3 && python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
have node && have npm || missing+=(nodejs npm)
have openssl || missing+=(openssl)
have flock || missing+=(util-linux)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
have nats-server || missing+=(nats-server)
if [ ${#missing[@]} -gt 0 ]; then
  root=()
  [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" apt-get update -qq
  "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
rustup component add rustfmt clippy
rustup target add wasm32-wasip2

step "format"
cargo fmt --all --check

step "lints"
cargo clippy --all-targets --locked -- -D warnings

step "the core builds for WebAssembly"
cargo check --locked --target wasm32-wasip2 -p nuncio-protocol-transport-core -p nuncio-a2a-protocol-core \
  -p nuncio-a2a-app-ports -p nuncio-a2a-task-engine -p nuncio-a2a-http-server

step "lints of what runs components, built apart from the rest"
cargo clippy --locked -p nuncio-component-host --all-targets -- -D warnings
cargo clippy --locked --target wasm32-wasip2 -p nuncio-component-guest -- -D warnings
cargo clippy --locked --target wasm32-wasip2 -p nuncio-storage-component --features spin-sqlite -- -D warnings
cargo clippy --locked --target wasm32-wasip2 -p nuncio-a2a-task-storage --no-default-features --features spin-sqlite -- -D warnings

step "docs"
cargo doc --no-deps --locked --quiet

step "dependencies"
if have cargo-deny; then
  cargo deny check bans licenses sources
else
  echo "cargo-deny is not installed: the check of licences and sources is left out (cargo install cargo-deny)"
fi

step "fuzz targets"
CARGO_TARGET_DIR=target/fuzz cargo check --manifest-path fuzz/Cargo.toml --locked

step "the official SDKs, as peers"
tests/peers/setup.sh

step "tests"
cargo test --locked

step "tests of components, built apart from the rest"
cargo test --locked -p nuncio-component-host
