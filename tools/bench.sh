#!/bin/sh
# bench.sh: ./dev bench. Builds, installs what the library is compared with, and runs bench/run.py with the options
# given (bench/README.md; ./dev bench --help).
set -eu
cd "$(dirname "$0")/.."
. tools/build.sh

build dev
setup bench
PYTHONPATH=$PWD/build/dev/python exec .venv/bin/python bench/run.py "$@"
