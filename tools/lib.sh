# lib.sh: how the scripts speak. Sourced by dev and tools/*.sh with the repository's root as working directory.
#
# A script says what it does before it does it. The output of a long step goes to a file in .cache/log and is shown
# only if the step fails; meanwhile the time it has taken is shown, on a terminal each second, elsewhere (CI) every
# twenty, so that a log that stands still means trouble.

mkdir -p .cache/log
is_terminal=false
if [ -t 2 ]; then is_terminal=true; fi

say() { printf '%s\n' "$*" >&2; }

fail() {
    printf './dev: %s\n' "$*" >&2
    exit 1
}

ticker_pid=
ticker_stop() {
    if [ -n "$ticker_pid" ]; then
        kill "$ticker_pid" 2>/dev/null || :
        wait "$ticker_pid" 2>/dev/null || :
        ticker_pid=
    fi
}

ticker_start() { # TEXT
    ticker_stop
    # A child that still has our trap when it is stopped would forget the signal, and we would wait for it for ever.
    trap - TERM
    (
        nap=
        trap '[ -z "$nap" ] || kill "$nap" 2>/dev/null; exit 0' TERM # the nap would outlive us
        seconds=0
        while kill -0 "$$" 2>/dev/null; do
            sleep 1 &
            nap=$!
            wait "$nap"
            seconds=$((seconds + 1))
            if $is_terminal; then
                printf '\r%s %d s' "$1" "$seconds" >&2
            elif [ $((seconds % 20)) -eq 0 ]; then
                printf '%s %d s\n' "$1" "$seconds" >&2
            fi
        done
    ) &
    ticker_pid=$!
    trap 'exit 143' TERM
}

# Runs a command with its output in .cache/log/NAME.log. Ends the script, showing the log, if the command fails.
step() { # NAME TEXT COMMAND...
    step_log=.cache/log/$1.log
    step_text="$2 ..."
    shift 2
    if $is_terminal; then printf '%s' "$step_text" >&2; else say "$step_text"; fi
    ticker_start "$step_text"
    step_status=0
    "$@" >"$step_log" 2>&1 </dev/null || step_status=$?
    ticker_stop
    if [ "$step_status" -ne 0 ]; then
        if $is_terminal; then printf '\n' >&2; fi
        tail -n 40 "$step_log" >&2
        fail "failed (status $step_status): $*; the whole log: $step_log"
    fi
    if $is_terminal; then printf '\r\033[K%s done\n' "$step_text" >&2; fi
}

trap ticker_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
