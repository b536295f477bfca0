#!/bin/sh
# Installs the pinned official A2A SDKs, of version 1.0 or, with the argument v03, of version 0.3, and
# prints where they are:
#   python=<interpreter>   node_modules=<directory>   js=<directory with the .mjs files>
# The install lives in a directory named after a hash of the pins, so a changed pin is a fresh
# install, an unchanged one costs a few milliseconds, and branches do not disturb each other.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P)
pins=$here${1:+/$1}
cache=${NUNCIO_PEERS:-$here/../../target/peers}
key=$(cat "$pins/requirements.txt" "$pins/package.json" "$pins/package-lock.json" | sha256sum | cut -c1-12)
mkdir -p "$cache"
dir=$(CDPATH= cd -- "$cache" && pwd -P)/$key

# Two test binaries may ask at once; the second one waits for the first.
exec 9>"$dir.lock"
flock 9

if [ ! -e "$dir/done" ]; then
    rm -rf "$dir"
    mkdir -p "$dir/js"
    # A virtual environment records absolute paths: it is created in place, never moved.
    python3 -m venv "$dir/venv" >&2
    "$dir/venv/bin/pip" install --quiet --no-deps --requirement "$pins/requirements.txt" >&2
    "$dir/venv/bin/pip" check >&2
    cp "$pins/package.json" "$pins/package-lock.json" "$dir/js/"
    npm --prefix "$dir/js" ci --omit=optional --omit=peer --no-audit --no-fund --loglevel=error >&2
    touch "$dir/done"
fi

# Node resolves a bare import from the directory of the importing file, with symbolic links
# followed first. So the scripts are copied beside node_modules, on every run, and stay current.
for script in "$pins"/*.mjs; do
    cmp -s "$script" "$dir/js/${script##*/}" || cp "$script" "$dir/js/"
done

echo "python=$dir/venv/bin/python"
echo "node_modules=$dir/js/node_modules"
echo "js=$dir/js"
