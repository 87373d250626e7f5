#!/bin/sh
# test.sh: ./dev test. Builds what the suites need, runs them all even if one fails, and ends with each runner's own
# closing line; the status says whether all passed.
#
#     lint          layers, words, layout, papers, exported symbols, shell      pytest tests/lint
#     unit stress fault   the C tests of that kind in the dev build             ctest; fault also pytest tests/fault
#     asan tsan     all C tests under gcc's sanitizers                          ctest
#     soak          everything at once at random, 60 seconds in all                 tools/soak.sh
#     python integration e2e                                                    pytest tests/<suite>
#
# The Collector and Loki of the integration tests are built, the first time, while the other suites run.
set -eu
cd "$(dirname "$0")/.."
. tools/build.sh

everything="lint unit stress fault asan tsan soak python integration e2e"
suites=
while [ $# -gt 0 ]; do
    case $1 in
    all) suites="$suites $everything" ;;
    lint | unit | stress | fault | asan | tsan | soak | python | integration | e2e) suites="$suites $1" ;;
    -*) break ;;
    *) fail "no such suite: $1 (there are: $everything)" ;;
    esac
    shift
done
[ -n "$suites" ] || suites=$everything
wanted() { case " $suites " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# The developer's own settings must decide nothing.
for name in $(env | sed -n 's/^\(OTEL_[A-Z_]*\|OBSV_[A-Z_]*\|APP_[A-Z]*\|LOG_LEVEL\)=.*/\1/p'); do unset "$name"; done
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
export OBSV_BUILD_DIR="$PWD/build/dev"
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=second_deadlock_stack=1

peers_pid=
end() {
    ticker_stop
    [ -z "$peers_pid" ] || kill "$peers_pid" 2>/dev/null || :
}
trap end EXIT

# Some kernels place mappings where gcc's thread sanitizer cannot work; without address randomisation they do not.
tsan_wrapper=
if setarch "$(uname -m)" -R true 2>/dev/null; then tsan_wrapper="setarch $(uname -m) -R"; fi

started=$(date +%s)
closing_lines=
failed=
# Runs one suite. Its output goes to the terminal and to .cache/log/test-NAME.log; the last line that tells how many
# tests passed or failed is kept for the end.
run() { # NAME COMMAND...
    suite=$1
    shift
    say ""
    say "== $suite"
    suite_log=.cache/log/test-$suite.log
    {
        suite_status=0
        "$@" 2>&1 </dev/null || suite_status=$?
        printf '%s\n' "$suite_status" >.cache/log/test-status
    } | tee "$suite_log"
    read -r suite_status <.cache/log/test-status
    closing=$(grep -E '[0-9]+ (passed|failed|error)|tests? passed|No tests|soaks, all passed' "$suite_log" | tail -n 1 | tr -d '=\033' | sed 's/\[[0-9;]*m//g; s/^ *//; s/ *$//')
    verdict=ok
    if [ "$suite_status" -ne 0 ]; then
        verdict=FAILED
        failed="$failed $suite"
    fi
    closing_lines="$closing_lines$(printf '%-11s %-6s %s' "$suite" "$verdict" "${closing:-see $suite_log}")
"
}

run_pytest() { # NAME FOLDER ARGUMENTS...
    suite=$1
    folder=$2
    shift 2
    color=no
    if [ -t 1 ]; then color=yes; fi
    run "$suite" .venv/bin/python -m pytest --color="$color" "tests/$folder" "$@"
}

run_ctest() { # SUITE PRESET ARGUMENTS...
    suite=$1
    preset=$2
    shift 2
    # shellcheck disable=SC2046,SC2086 # the wrapper is several words, or none
    run "$suite" $([ "$preset" != tsan ] || printf '%s' "$tsan_wrapper") \
        ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$(nproc)" "$@"
}

setup test
if wanted integration && ! tools/peers.sh --are-built; then
    PYTHON=$PWD/.venv/bin/python tools/peers.sh >.cache/log/peers.log 2>&1 </dev/null &
    peers_pid=$!
    say "building the OpenTelemetry Collector and Grafana Loki in the background, once, eight minutes: .cache/log/peers.log"
fi
build dev
for suite in lint unit stress fault asan tsan soak python integration e2e; do
    wanted "$suite" || continue
    case $suite in
    unit | stress) run_ctest "$suite" dev -L "^$suite\$" "$@" ;;
    fault) # words are for the runner whose options they are
        case ${1:-} in "" | -[REI]*) run_ctest fault dev -L '^fault$' "$@" ;; esac
        case ${1:-} in -[REI]*) ;; *) run_pytest fault-python fault -n 2 "$@" ;; esac # they wait more than they work
        ;;
    asan | tsan)
        build "$suite"
        run_ctest "$suite" "$suite" "$@"
        ;;
    soak) run soak tools/soak.sh --all "$@" ;;
    *)
        if [ "$suite" = integration ] && [ -n "$peers_pid" ]; then
            ticker_start "waiting for the Collector and Loki to be built ..."
            wait "$peers_pid" || say "not all was built; see .cache/log/peers.log"
            peers_pid=
            ticker_stop
        fi
        run_pytest "$suite" "$suite" "$@"
        ;;
    esac
done

seconds=$(($(date +%s) - started))
printf '\n%s' "$closing_lines"
if [ -n "$failed" ]; then
    printf 'FAILED in %d min %02d s:%s\n' $((seconds / 60)) $((seconds % 60)) "$failed"
    exit 1
fi
printf 'all passed in %d min %02d s\n' $((seconds / 60)) $((seconds % 60))
