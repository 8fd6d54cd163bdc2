#!/usr/bin/env bash
# Runs a benchmark of the release build: a table, and as the last line one JSON object with the figures.
#   tests/bench/run.sh NAME [--quick]       NAME: annotate, bfloat16, bias, dashboards, detector, diversity,
#                                                 eval, gateway, import, label_efficiency, label_errors,
#                                                 label_stats, neu_det_training, provenance, queue, ranking,
#                                                 resize, reviewers, reviews
# --quick ends within two minutes.
set -euo pipefail
folder=$(dirname "$0")
name=${1:-}
if [ -z "$name" ] || [ ! -f "$folder/${name}_bench.py" ]; then
  names=$(ls "$folder"/*_bench.py | sed 's|.*/||; s/_bench\.py$//' | xargs)
  echo "usage: tests/bench/run.sh NAME [--quick]    NAME: $names" >&2
  exit 2
fi
shift
exec /usr/bin/python3 "$folder/${name}_bench.py" "$@"
