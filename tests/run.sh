#!/usr/bin/env bash
# Installs what is missing, builds and runs every test. The last lines are ctest's summary.
#   tests/run.sh [PRESET] [ctest options]      PRESET: release (default), dev, asan, tsan
#   tests/run.sh --lint [FILE...]              clang-format and clang-tidy over changed files (tests/lint.sh)
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --lint ]; then shift; exec tests/lint.sh "$@"; fi
preset=release
case "${1:-}" in release | dev | asan | tsan) preset=$1; shift ;; esac

deploy/install-deps.sh
cmake --preset "$preset"
cmake --build --preset "$preset" -j "$(nproc)"
ctest --preset "$preset" "$@"
