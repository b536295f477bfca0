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

step "lints of components and what runs them, built apart from the rest"
cargo clippy --locked -p nuncio-component-host -p nuncio-component-tests --all-targets -- -D warnings
component() { cargo clippy --locked --target wasm32-wasip2 "$@" -- -D warnings; }
component -p nuncio-behaviour-component
component -p nuncio-component-guest -p nuncio-conformance-component -p nuncio-peer-component
component -p nuncio-storage-component --features spin-sqlite,spin-key-value
component -p nuncio-storage-component --features spin-key-value
component -p nuncio-spin-agent --examples --features spin-sqlite
component -p nuncio-spin-agent --examples

step "what no component can have is refused in a sentence"
refused() { # the sentence, and what cargo is to build
  local sentence=$1 said
  shift
  if said=$(cargo check --locked --no-default-features "$@" 2>&1); then
    echo "this builds, and should not: $*" >&2
    exit 1
  fi
  grep -qF "$sentence" <<<"$said" || { echo "$said" >&2; exit 1; }
}
refused "gRPC needs HTTP/2 with trailers" --target wasm32-wasip2 -p nuncio-agent-sdk --features grpc
for storage in sqlite postgres nats; do
  refused "do not work on WebAssembly" --target wasm32-wasip2 -p nuncio-agent-sdk --features "$storage"
done
for storage in spin-sqlite spin-key-value; do
  refused "are for WebAssembly" -p nuncio-agent-sdk --features "$storage"
done

step "docs"
cargo doc --no-deps --locked --quiet
cargo doc --no-deps --locked --quiet --target wasm32-wasip2 -p nuncio-agent-sdk -p nuncio-a2a-host \
  -p nuncio-a2a-http-server -p nuncio-a2a-http-client --no-default-features \
  --features nuncio-agent-sdk/a2a-server,nuncio-agent-sdk/a2a-client,nuncio-agent-sdk/macros,nuncio-agent-sdk/spin-sqlite

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
cargo test --locked -p nuncio-component-host -p nuncio-component-tests
