#!/usr/bin/env bash
# clang-format and clang-tidy over changed C++ files; fails on the first tool that has something to say.
#   tests/run.sh --lint             files that differ from origin/main, or else from the commit before
#   tests/run.sh --lint FILE...     these files
set -euo pipefail
cd "$(dirname "$0")/.."
files=("$@")
if [ ${#files[@]} -eq 0 ]; then
  base=$(git merge-base HEAD origin/main 2> /dev/null || git rev-parse HEAD~1)
  mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- '*.cc' '*.h')
fi
if [ ${#files[@]} -eq 0 ]; then echo "lint: no C++ file has changed"; exit 0; fi

deploy/install-deps.sh build web lint
clang-format --dry-run --Werror "${files[@]}"

# A header is checked through its source, with commands that compile each file by itself.
sources=()
for file in "${files[@]}"; do
  source=${file%.h}
  source=${source%.cc}.cc
  if [ -f "$source" ]; then sources+=("$source"); fi
done
if [ ${#sources[@]} -eq 0 ]; then exit 0; fi
cmake -S . -B build/lint -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON > /dev/null
cmake --build build/lint --target loupe_generated > /dev/null
# Without an option that only g++ has.
sed -i 's/ -fpch-preprocess//' build/lint/compile_commands.json
printf '%s\n' "${sources[@]}" | sort -u | xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p build/lint
