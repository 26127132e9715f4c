# Sourced by every program in this directory: runs it on the Node that the project pins, from the bundle in
# dist/ when there is one, otherwise (or with OVS_TS_SOURCE set) from the source.
# Expects $me to be the path of the program, no symbolic link, and V8's options in $node_options or kind=tool.
case $me in
  /*) ;;
  *) me=$PWD/$me ;;
esac
OVS_TS_ROOT=${me%/bin/*}
OVS_TS_PROGRAM=${0##*/}
export OVS_TS_ROOT OVS_TS_PROGRAM
program=${me##*/}
# A tool lives for milliseconds and takes its keys from its user: no need to rehash V8's snapshot, nor to collect what
# little it leaves before there are 256 MB of it. One thread beside the main one compiles hot code: with Node's four, those
# that help to collect garbage are in its way, and a list of 100,000 flows takes a tenth longer.
# (To try others, run npm run build: V8 refuses the code in dist/ that was recorded with other options.)
tool_options='--no-rehash-snapshot --min-semi-space-size=16 --initial-heap-size=256 --v8-pool-size=1'
[ "$kind" = tool ] && node_options=$tool_options
node=$OVS_TS_ROOT/node_modules/node/bin/node
if [ ! -x "$node" ]; then
  echo "$program: $node is missing: run 'npm install' in $OVS_TS_ROOT first" >&2
  exit 127
fi
main=$OVS_TS_ROOT/dist/$program.cjs
if [ -n "$OVS_TS_SOURCE" ] || [ ! -f "$main" ]; then
  main=$OVS_TS_ROOT/src/node/main/$program.ts
fi
if [ -z "$NODE_COMPILE_CACHE" ] && [ -w "$OVS_TS_ROOT/dist" ]; then
  NODE_COMPILE_CACHE=$OVS_TS_ROOT/dist/compile-cache
  export NODE_COMPILE_CACHE
fi
exec "$node" --disable-warning=ExperimentalWarning $node_options "$main" "$@"
