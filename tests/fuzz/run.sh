#!/usr/bin/env bash
# Installs what is missing, builds the fuzz targets and runs each in turn, from the kept seeds. One line a
# target, with executions, edges covered and seconds; exits with 1 when an input crashes, leaks, hangs or
# takes too much memory.
#   tests/fuzz/run.sh [SECONDS=600] [TARGET...]   TARGET: safetensors, torch_file, torch_pickle, image, coco,
#                                           http, connect
# What is found stays in build/fuzz/found/TARGET, the corpus that grew in build/fuzz/corpus/TARGET. Once
# mended, a finding goes to tests/fuzz/seeds/TARGET under a name that says what broke; the ordinary tests run
# all seeds.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=600
if [[ "${1:-}" =~ ^[0-9]+$ ]]; then seconds=$1; shift; fi
all=(safetensors torch_file torch_pickle image coco http connect)
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then targets=("${all[@]}"); fi
for target in "${targets[@]}"; do
  if [[ " ${all[*]} " != *" $target "* ]]; then
    echo "run.sh: no target '$target'; there are: ${all[*]}" >&2
    exit 2
  fi
done

deploy/install-deps.sh build build-worker web fuzz
cmake --preset fuzz > /dev/null
cmake --build --preset fuzz -j "$(nproc)"

export ASAN_OPTIONS=detect_leaks=1
export UBSAN_OPTIONS=print_stacktrace=1
scratch=$(mktemp -d -p /dev/shm)  # in memory: every input is written to a file
trap 'rm -rf "$scratch"' EXIT
failed=0
for target in "${targets[@]}"; do
  corpus=build/fuzz/corpus/$target
  found=build/fuzz/found/$target
  log=build/fuzz/$target.log
  mkdir -p "$corpus" "$found"
  result=ok
  TMPDIR=$scratch "build/fuzz/tests/${target}_fuzz" "$corpus" "tests/fuzz/seeds/$target" \
    -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -dict="tests/fuzz/dictionaries/$target.dict" -artifact_prefix="$found/" > "$log" 2>&1 ||
    result="FAILED, see $log and $found"
  [ "$result" = ok ] || failed=1
  executions=$(grep -oP 'stat::number_of_executed_units:\s*\K\d+' "$log" || echo 0)
  covered=$(grep -oP 'cov: \K\d+' "$log" | tail -1 || echo 0)
  took=$(grep -oP 'Done \d+ runs in \K\d+' "$log" || echo "?")
  echo "$target: $executions executions, $covered edges covered, $took s: $result"
done
exit $failed
