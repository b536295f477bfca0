#!/usr/bin/env bash
# Runs the conformance suite of storages in Spin itself: each case in a database and in a key-value store of its own.
#   tests/storage_component/in_spin.sh [SPIN]
# SPIN is the command, 4.1 or later. SPIN_PORT (9998) has to be free.
set -euo pipefail
spin=${1:-spin}
cd "$(dirname "$0")/../.."
cargo build --locked --target wasm32-wasip2 --profile component -p nuncio-storage-component \
  --features spin-sqlite,spin-key-value
component=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)/wasm32-wasip2/component/storage_component.wasm
address=127.0.0.1:${SPIN_PORT:-9998}
folder=$(mktemp -d)
pid=
stop() {
  [ -z "$pid" ] || { kill "$pid"; wait "$pid" || true; }
  pid=
} 2>/dev/null
trap 'stop; rm -rf "$folder"' EXIT

# Serves the component with a database and a store for each of the labels.
serve() {
  local labels
  stop
  labels=$(printf '"%s", ' "$@")
  cat >"$folder/spin.toml" <<MANIFEST
spin_manifest_version = 2
[application]
name = "storage"
[[trigger.http]]
route = "/..."
component = "storage"
[component.storage]
source = "$component"
sqlite_databases = [${labels%, }]
key_value_stores = [${labels%, }]
MANIFEST
  for label in "$@"; do
    printf '[sqlite_database."%s"]\ntype = "spin"\npath = "%s"\n' "$label" "$folder/$label.db"
    printf '[key_value_store."%s"]\ntype = "spin"\npath = "%s"\n' "$label" "$folder/$label.kv"
  done >"$folder/stores.toml"
  "$spin" up --quiet --from "$folder/spin.toml" --runtime-config-file "$folder/stores.toml" --listen "$address" >"$folder/log" 2>&1 &
  pid=$!
  for _ in $(seq 600); do
    curl --silent --noproxy '*' --output "$folder/cases" "http://$address/cases" && return
    kill -0 "$pid" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
    sleep 0.2
  done
  echo "nothing listens on $address" >&2
  exit 1
}

serve default
mapfile -t cases <"$folder/cases"
serve "${cases[@]}"
failed=0
for storage in sqlite key-value; do
  for case in "${cases[@]}"; do
    curl --silent --noproxy '*' --fail --output /dev/null -X POST "http://$address/cases/$case?storage=$storage&label=$case" ||
      { echo "FAILED $storage $case"; failed=$((failed + 1)); }
  done
done
tail -n 50 "$folder/.spin/logs/storage_stderr.txt" || true
echo "${#cases[@]} cases, in both storages, $failed failed"
[ $failed = 0 ]
