#!/bin/sh
# Builds the Grafana Loki that the integration tests run against; see tools/gotool.sh.
#
# Loki's own go.mod has replace lines, which Go honours in the main module alone: `go install …/loki@version` refuses
# it. So go.mod here is a module of nothing but that tool, with the same replacements (all but the one for pkg/push,
# which points into Loki's tree; the published version is the same code). go.sum pins every module.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tool=loki
title="Grafana Loki"
version=3.7.8
go_min=1.26.5 # go.mod of loki v3.7.8
duration="six minutes"
definition="$here/go.mod $here/go.sum"
. "$here/../gotool.sh"

gotool_begin "$@"
export CGO_ENABLED=0
gotool_build "$go" build -C "$here" -mod=readonly -trimpath -ldflags "-s -w" -o "$work/$tool" github.com/grafana/loki/v3/cmd/loki
gotool_end
