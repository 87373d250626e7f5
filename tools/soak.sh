#!/bin/sh
# soak.sh: ./dev soak. Builds the preset of the sanitizer and runs the soak (tests/soak/soak.c) in it.
#
#     ./dev soak [--seconds N] [--seed S] [--sanitizer asan|tsan|none]     60 seconds, a seed of its own, none
#     ./dev soak --all [--seconds N] [--seed S]                            a third of the time with each
set -eu
cd "$(dirname "$0")/.."
. tools/build.sh

seconds=60
seed=$(date +%s)
sanitizers=none
while [ $# -gt 0 ]; do
    case $1 in
    --all)
        sanitizers="asan tsan none"
        shift
        continue
        ;;
    --seconds | --seed | --sanitizer) [ $# -ge 2 ] || fail "$1 wants a value" ;;
    *) fail "no such option: $1 (there are: --seconds N, --seed S, --sanitizer asan|tsan|none, --all)" ;;
    esac
    case $1 in
    --seconds) seconds=$2 ;;
    --seed) seed=$2 ;;
    --sanitizer) sanitizers=$2 ;;
    esac
    shift 2
done
case $seconds$seed in *[!0-9]*) fail "--seconds and --seed want whole numbers" ;; esac
case $sanitizers in
asan | tsan | none) ;;
"asan tsan none") seconds=$(((seconds + 2) / 3)) ;;
*) fail "no such sanitizer: $sanitizers (there are: asan, tsan, none)" ;;
esac

# Settings of the developer's own must decide nothing; the plan makes its own.
for name in $(env | sed -n 's/^\(OTEL_[A-Z_]*\|OBSV_[A-Z_]*\|APP_[A-Z]*\|LOG_LEVEL\)=.*/\1/p'); do unset "$name"; done
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=second_deadlock_stack=1

setup test
status=0
for sanitizer in $sanitizers; do
    preset=$sanitizer
    wrapper=
    case $sanitizer in
    none) preset=dev ;;
    # Some kernels place mappings where gcc's thread sanitizer cannot work; without address randomisation they do not.
    tsan) if setarch "$(uname -m)" -R true 2>/dev/null; then wrapper="setarch $(uname -m) -R"; fi ;;
    esac
    build "$preset"
    say "soak in build/$preset"
    # shellcheck disable=SC2086 # the wrapper is several words, or none
    $wrapper "build/$preset/tests/soak/soak" --seconds "$seconds" --seed "$seed" || status=1
done
if [ "$sanitizers" = "asan tsan none" ]; then
    if [ "$status" -eq 0 ]; then say "3 soaks, all passed"; else say "soak: at least 1 failed, seed $seed"; fi
fi
exit "$status"
