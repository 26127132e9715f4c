#!/bin/sh
# Runs a TypeScript program of this checkout on the Node that package.json pins, installing it (and the
# other development dependencies) first when it is missing. Works from any Node >= 20 with npm 11.
set -e
cd "$(dirname "$0")/.."
stamp=node_modules/.package-lock.json
if [ ! -x node_modules/node/bin/node ] || [ package-lock.json -nt "$stamp" ]; then
  echo "ovs-ts: installing the pinned Node and the development tools (once)..." >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch "$stamp"
fi
exec node_modules/node/bin/node --disable-warning=ExperimentalWarning "$@"
