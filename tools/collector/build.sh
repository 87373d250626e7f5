#!/bin/sh
# Builds the OpenTelemetry Collector that the integration tests run against; see tools/gotool.sh. What it consists of
# is in builder.yaml; the project's own builder makes it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tool=otelcol
title="OpenTelemetry Collector"
version=0.149.0
go_min=1.25.0 # go.mod of cmd/builder v0.149.0
duration="two minutes"
definition=$here/builder.yaml
. "$here/../gotool.sh"

gotool_begin "$@"
sed "s|^dist:|dist:\n  output_path: $work/src\n  go: $go|" "$here/builder.yaml" >"$work/builder.yaml"
gotool_build "$go" run "go.opentelemetry.io/collector/cmd/builder@v$version" --config="$work/builder.yaml"
mv "$work/src/otelcol" "$work/$tool"
gotool_end
