#!/bin/sh
# demo.sh: ./dev demo. The example service logs for ten seconds; both of its sides are shown as they come, and the last
# line compares them. The status is 0 only if everything that was sent was received.
#
#     ./dev demo [--rate N] [--duration S] [--seed N]     options of the service (examples/trade_exec)
#
# Without an endpoint in the environment the other side is `obsv listen` on a free port of this machine, and `received`
# is what it counted. With OTEL_EXPORTER_OTLP_ENDPOINT set the logs go there, with all the other OTEL_* settings, and
# `received` is what that endpoint acknowledged.
set -eu
cd "$(dirname "$0")/.."
. tools/build.sh

build dev

work=$(mktemp -d)
listener=
service=
pumps=

# Everything that runs here ends with this script: first the service, which delivers what it still has within its
# shutdown deadline, then the receiver, then the pumps, which see the end of their input.
finish() {
    status=$?
    trap - EXIT
    trap : INT TERM
    ticker_stop
    stop "$service"
    stop "$listener"
    for pump in $pumps; do
        kill "$pump" 2>/dev/null || :
        wait "$pump" 2>/dev/null || :
    done
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

is_running() { # PID; one that has ended and was not waited for does not count
    case $(cat "/proc/$1/stat" 2>/dev/null) in '' | *') Z '*) return 1 ;; esac
}

stop() { # PID
    if [ -z "$1" ]; then return 0; fi
    kill "$1" 2>/dev/null || :
    tries=250
    while [ "$tries" -gt 0 ] && is_running "$1"; do
        sleep 0.02
        tries=$((tries - 1))
    done
    kill -KILL "$1" 2>/dev/null || :
    wait "$1" 2>/dev/null || :
}

color=never
dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    color=always
    dim=$(printf '\033[2m')
    plain=$(printf '\033[0m')
fi

# Copies a pipe to our stdout, each line with the name of its side in front.
pump() { # NAME PIPE
    sed -u "s/^/$dim$1 │$plain /" <"$2" &
    pumps="$pumps $!"
}

mkfifo "$work/stdout" "$work/stdout.lines" "$work/stderr" "$work/otlp"

if [ -n "${OTEL_EXPORTER_OTLP_ENDPOINT:-}${OTEL_EXPORTER_OTLP_LOGS_ENDPOINT:-}" ]; then
    say "shipping to the endpoint that the environment names"
else
    for name in $(env | sed -n 's/^\(OTEL_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
    export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
    pump 'otlp  ' "$work/otlp"
    "$obsv" listen --port 0 --port-file "$work/port" --color "$color" >"$work/otlp" 2>"$work/listen.log" &
    listener=$!
    while [ ! -f "$work/port" ]; do
        kill -0 "$listener" 2>/dev/null || fail "the receiver did not start: $(cat "$work/listen.log")"
        sleep 0.02
    done
    url=http://127.0.0.1:$(cat "$work/port")
    export OTEL_EXPORTER_OTLP_ENDPOINT="$url"
    say "receiver: obsv listen on $url"
fi
export OTEL_SERVICE_NAME="${OTEL_SERVICE_NAME:-trade-exec}"
export PYTHONPATH="$PWD/build/dev/python:$PWD/examples"

"$obsv" tail --color "$color" <"$work/stdout" >"$work/stdout.lines" &
pumps="$pumps $!"
pump 'stdout' "$work/stdout.lines"
pump 'stderr' "$work/stderr"

say "service:  python -m trade_exec, ten seconds; Ctrl-C ends it"
say ""
.venv/bin/python -m trade_exec --rate 300 --duration 10 --summary "$work/summary" "$@" >"$work/stdout" 2>"$work/stderr" &
service=$!
service_status=0
wait "$service" || service_status=$?
service=
[ -f "$work/summary" ] || fail "the service ended with status $service_status before its summary"

read -r sent delivered dropped lag <<END
$(.venv/bin/python -c '
import json, sys
summary = json.load(open(sys.argv[1]))
print(summary["sent"], summary["delivered"], summary["dropped"], format(summary["loop_lag_max_ms"], ".1f"))
' "$work/summary")
END

# The receiver counts what it decoded and printed, and says so when it ends.
received=$delivered
if [ -n "$listener" ]; then
    stop "$listener"
    listener=
    received=$(sed -n 's/^\([0-9][0-9]*\) records\{0,1\} in .*/\1/p' "$work/listen.log")
    [ -n "$received" ] || fail "the receiver ended early: $(cat "$work/listen.log")"
fi
for pump in $pumps; do wait "$pump" 2>/dev/null || :; done
pumps=

printf '\nsent %s, received %s, dropped %s, worst loop lag %s ms\n' "$sent" "$received" "$dropped" "$lag"
[ "$service_status" -eq 0 ] || fail "the service ended with status $service_status"
[ "$sent" -eq "$received" ] || exit 1
