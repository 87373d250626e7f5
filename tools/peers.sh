#!/bin/sh
# peers.sh: builds the programs that the integration tests run against, those that this machine does not have yet, one
# after another. Progress goes to stderr.
#
#     tools/peers.sh               builds
#     tools/peers.sh --are-built   only says, by its status, whether there is nothing to build
set -eu
cd "$(dirname "$0")"
peers="collector loki"

missing=
for peer in $peers; do
    "$peer/build.sh" --is-built >/dev/null || missing="$missing $peer"
done
[ -n "$missing" ] || exit 0
[ "${1:-}" != --are-built ] || exit 1

build=
end() { # a build that is under way takes back what it began
    [ -z "$build" ] || { kill "$build" 2>/dev/null && wait "$build"; } || :
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

status=0
for peer in $missing; do
    "$peer/build.sh" >/dev/null &
    build=$!
    wait "$build" || status=1
    build=
done
[ "$status" -eq 0 ]
