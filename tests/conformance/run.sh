#!/usr/bin/env bash
# Runs the official conformance suites against examples/conformance_agent, in each of its configurations.
#   tests/conformance/run.sh FOLDER [tck] [acts] [itk] [tck03] [tck-component] [tck03-component]
# FOLDER is what setup.sh has filled; without names all of them run. The results are in target/conformance.
# The suites of a component run against the same agent in tests/component_host, or with SPIN=COMMAND in Spin.
# AGENT_PORT (9999) and the port after it have to be free.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
suites=$(cd "${1:?the folder of the suites}" && pwd)
shift
[ $# -gt 0 ] || set -- tck acts itk tck03 tck-component tck03-component
cd "$here/../.."

mkdir -p "${CARGO_TARGET_DIR:-target}/conformance"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
agent=$target/debug/examples/conformance_agent
component=$target/wasm32-wasip2/component/conformance_component.wasm
case " $* " in *" tck "* | *" acts "* | *" itk "* | *" tck03 "*)
  cargo build --locked -p nuncio-agent-sdk --example conformance_agent
  ;;
esac
case " $* " in *-component*)
  # Apart from each other: the features of native builds and of components are not to be unified.
  cargo build --locked --target wasm32-wasip2 --profile component -p nuncio-conformance-component \
    --features spin-sqlite
  cargo build --locked -p nuncio-component-host
  ;;
esac
out=$target/conformance
http=${AGENT_PORT:-9999}
url=http://127.0.0.1:$http
export NO_PROXY='*' no_proxy='*'
failed=0
pid=

stop() {
  [ -n "$pid" ] || return 0
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  pid=
}
trap stop EXIT

# The agent in one configuration, and a suite against it: with_agent "OPTIONS" COMMAND...
with_agent() {
  local options=$1
  shift
  # shellcheck disable=SC2086 # several options are several words
  judge "$agent" --httpPort "$http" --grpcPort $((http + 1)) $options -- "$@"
}

# The same with the agent as a component, its tasks in SQLite: with_component "NAME=VALUE ..." COMMAND...
with_component() {
  local variables=$1 options=() said=
  shift
  rm -rf "$out/component.db"* "$out/.spin"
  if [ -n "${SPIN:-}" ]; then
    for variable in $variables; do said+="${variable%%=*} = \"${variable#*=}\", "; done
    cat >"$out/spin.toml" <<MANIFEST
spin_manifest_version = 2
[application]
name = "conformance"
[[trigger.http]]
route = "/..."
component = "agent"
[component.agent]
source = "$component"
environment = { ${said%, } }
allowed_outbound_hosts = ["http://127.0.0.1:*"]
sqlite_databases = ["default"]
MANIFEST
    judge "$SPIN" up --from "$out/spin.toml" --listen "127.0.0.1:$http" -- "$@"
    return
  fi
  for variable in $variables; do options+=(--env "$variable"); done
  judge "$target/debug/component_host" "$component" --listen "127.0.0.1:$http" --allow 'http://127.0.0.1:*' \
    --sqlite "default=$out/component.db" "${options[@]}" -- "$@"
}

# A server, and a suite against it: judge SERVER -- COMMAND...
judge() {
  local server=()
  while [ "$1" != -- ]; do
    server+=("$1")
    shift
  done
  shift
  "${server[@]}" 2>"$out/agent.log" &
  pid=$!
  # A component is compiled first.
  for _ in $(seq 600); do
    "$suites/tck-1.0-dev/.venv/bin/python" -c "import urllib.request as r; r.urlopen('$url/health')" 2>/dev/null && break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  # Whoever else has the port would be taken for it.
  kill -0 "$pid" || { cat "$out/agent.log" >&2; exit 1; }
  "$@" || failed=1
  stop
}

tck() { # name of the run, options of pytest
  local name=$1
  shift
  printf '\n== TCK 1.0-dev, %s\n' "$name"
  (
    cd "$suites/tck-1.0-dev"
    PYTHONPATH=$PWD:$here .venv/bin/python -m pytest -p tck_1_0_1 -p no:cacheprovider tests/compatibility \
      --sut-host="$url" --webhook-host=127.0.0.1 --compatibility-report="$out/tck-$name" --tb=short -q -rfExXs "$@"
  ) >"$out/tck-$name.log" 2>&1
  local result=$?
  sed -n '/short test summary/,$p' "$out/tck-$name.log" | sed '$d'
  tail -n 1 "$out/tck-$name.log"
  return $result
}

acts() { # pass
  printf '\n== ACTS, %s pass\n' "$1"
  PYTHONPATH=$suites/tck-1.0-dev "$suites/tck-1.0-dev/.venv/bin/python" "$here/acts/run.py" "$url" \
    "$suites/acts/tests/acts" --pass "$1"
}

tck03() { # category, name of the run
  local name=${2:-$1}
  printf '\n== TCK 0.3.x, %s\n' "$name"
  (cd "$suites/tck-0.3.x" && PYTEST_ADDOPTS=-rfExXs TCK_STREAMING_TIMEOUT=5.0 .venv/bin/python run_tck.py --sut-url "$url" \
    --category "$1" --transports jsonrpc) >"$out/tck03-$name.log" 2>&1
  local result=$?
  grep -aE '^(FAILED |ERROR tests|SKIPPED|XFAIL|XPASS|[0-9]+ (passed|failed).* in )' "$out/tck03-$name.log"
  return $result
}

for suite in "$@"; do
  case $suite in
    tck)
      # It validates the card by the schema of 1.0, which allows nothing else.
      with_agent --strict-card tck full
      with_agent "--strict-card --reduced" tck reduced
      with_agent "--strict-card --required-extension" tck extension -k extension
      ;;
    acts)
      with_agent "" acts full
      with_agent --reduced acts reduced
      with_agent --auth acts auth
      ;;
    itk)
      printf '\n== ITK\n'
      "$suites/itk/venvs/runner/bin/python" "$here/itk.py" "$suites/itk" "$agent" "$out/itk" || failed=1
      # The JavaScript SDK of 0.3 has JSON-RPC only where the ITK runs it.
      "$suites/itk/venvs/runner/bin/python" "$here/itk.py" "$suites/itk" "$agent" "$out/itk-ts_v03" \
        --sdks ts_v03 --protocols jsonrpc || failed=1
      ;;
    tck03)
      # It takes the address of an interface for a URL, which that of gRPC is not.
      with_agent --no-grpc tck03 mandatory
      with_agent --no-grpc tck03 capabilities
      ;;
    tck-component)
      with_component CONFORMANCE_STRICT_CARD=1 tck component-full
      with_component "CONFORMANCE_STRICT_CARD=1 ITK_ACTS_REDUCED_CAPABILITIES=1" tck component-reduced
      with_component "CONFORMANCE_STRICT_CARD=1 CONFORMANCE_REQUIRED_EXTENSION=1" tck component-extension -k extension
      ;;
    tck03-component)
      with_component "" tck03 mandatory component-mandatory
      with_component "" tck03 capabilities component-capabilities
      ;;
    *)
      echo "no suite $suite" >&2
      exit 2
      ;;
  esac
done
exit $failed
