# build.sh: configures where needed and builds a preset. Sourced; brings lib.sh and setup.sh along.
#
# A build folder is configured when it has none of its own yet, and anew when the answers it was configured with
# changed: another place of the tree, another interpreter, other presets, tests wanted now. Otherwise Ninja alone
# decides what to do (it also runs CMake again when a CMakeLists.txt changed), which takes a fraction of a second
# when that is nothing.
. tools/lib.sh
. tools/setup.sh

obsv=build/dev/cli/obsv # the command, as the dev preset builds it

# The C tests need their own packages; before those are set up, the product alone is built.
tests_switch() {
    if [ -f .cache/setup-test ]; then printf ON; else printf OFF; fi
}

configure() { # PRESET
    set -- "$1" "-DOBSV_TESTS=$(tests_switch)" "-DPython3_EXECUTABLE=$PWD/.venv/bin/python" "-DPython_EXECUTABLE=$PWD/.venv/bin/python"
    if [ "$1" = release ]; then set -- "$1"; fi
    configured_key="$* $(cat CMakePresets.json .venv/pyvenv.cfg | cksum)"
    if [ -f "build/$1/build.ninja" ] && [ "$(cat "build/$1/configured-with" 2>/dev/null)" = "$configured_key" ]; then return 0; fi
    rm -f "build/$1/CMakeCache.txt" # found things may have moved
    preset=$1
    shift
    step "configure-$preset" "configuring build/$preset" cmake --preset "$preset" "$@"
    printf '%s\n' "$configured_key" >"build/$preset/configured-with"
}

build() { # PRESET
    setup run
    configure "$1"
    if $is_terminal; then
        NINJA_STATUS="building $1 [%f/%t] " cmake --build --preset "$1" >&2
    else
        ticker_start "building build/$1 ..."
        build_status=0
        cmake --build --preset "$1" -- --quiet >&2 || build_status=$?
        ticker_stop
        [ "$build_status" -eq 0 ] || fail "the build of the $1 preset failed"
    fi
}
