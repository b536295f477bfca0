#!/usr/bin/env bash
# Fetches the official conformance suites at the commits of docs/conformance.md into a folder, and installs
# what they need there. What is there already is kept. Needs git, python3 with venv, node and npm.
#   tests/conformance/setup.sh FOLDER
set -euo pipefail
mkdir -p "${1:?a folder for the suites}"
cd "$1"

fetch() { # folder, repository, ref, commit
  [ -d "$1" ] && return
  rm -rf "$1.part"
  git init -q "$1.part"
  git -C "$1.part" fetch -q --depth 1 "https://github.com/$2" "$3"
  git -C "$1.part" checkout -q --detach FETCH_HEAD
  mv "$1.part" "$1"
  [ "$(git -C "$1" rev-parse HEAD)" = "$4" ] || echo "$1: $3 has moved on from $4" >&2
}
fetch tck-1.0-dev a2aproject/a2a-tck 1.0-dev 357c4a87afa2818731590647cccbea31c31733a2
fetch tck-0.3.x a2aproject/a2a-tck 0.3.x eb1f804c27ea25db8805264d9ed2d7ca077a7776
fetch acts a2aproject/A2A refs/pull/1882/head dbcabfba4f01cc162c965f0fde5f44fc1f1e70e5
fetch itk a2aproject/a2a-itk main cd1537f4035229839dd53a8a9fb49c1c4137ed12

environment() { # folder, packages...
  local folder=$1
  shift
  [ -e "$folder/installed" ] && return
  python3 -m venv "$folder"
  "$folder/bin/pip" install -q --disable-pip-version-check "$@"
  touch "$folder/installed"
}
environment tck-1.0-dev/.venv 'pytest>=8,<9' pytest-asyncio pytest-timeout pytest-html httpx grpcio protobuf \
  googleapis-common-protos jsonschema Jinja2 gherkin-official pyyaml
environment tck-0.3.x/.venv -r tck-0.3.x/requirements.txt python-dotenv pyOpenSSL
environment itk/venvs/runner httpx httpx-sse fastapi uvicorn pydantic protobuf grpcio
environment itk/venvs/v03 'a2a-sdk[grpc,http-server]==0.3.24' fastapi uvicorn click
environment itk/venvs/v10 'a2a-sdk[sqlite,grpc,http-server]==1.0.3' fastapi uvicorn grpcio-tools 'protobuf<7' \
  sse-starlette httpx-sse packaging
for version in v10 v03; do
  [ -d "itk/agents/ts/$version/node_modules" ] || (cd "itk/agents/ts/$version" && npm install --omit=dev --no-audit --no-fund)
done
