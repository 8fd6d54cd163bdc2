#!/usr/bin/env bash
# One whole turn of active learning on this machine, on pictures that Loupe makes itself: install, build,
# start, import 400 made-up pictures, train, serve 60 tasks to a rehearsing annotator, train again, compare.
#
#   deploy/quickstart.sh [DIR]    DIR: where coordinator, worker and pictures live; default build/quickstart.
#                                 What an earlier run left there is removed.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:-build/quickstart}
if [ -e "$dir" ] && [ ! -e "$dir/made-by-quickstart" ] && [ -n "$(ls -A "$dir")" ]; then
  echo "quickstart.sh: $dir holds something that quickstart didn't make; name an empty folder" >&2
  exit 1
fi

say() { printf '\n== %s\n' "$*"; }

say "Installing packages"
deploy/install-deps.sh

say "Building (a first build takes some ten minutes on two cores)"
cmake --preset release > /dev/null
cmake --build --preset release -j "$(nproc)" --target loupe loupe-server loupe-worker
export PATH="$PWD/build/release/bin:$PATH"

started=$SECONDS
if [ -e "$dir/server" ]; then loupe down --dir "$dir/server" || true; fi
rm -rf "$dir"
mkdir -p "$dir"
touch "$dir/made-by-quickstart"
dir=$(cd "$dir" && pwd)

say "Making 400 pictures of machined parts"
loupe-worker sample --out "$dir/parts" --images 400 --seed 7

say "Starting PostgreSQL, coordinator and worker"
loupe up --dir "$dir/server"
export LOUPE_SERVER LOUPE_TOKEN_FILE="$dir/server/admin.token"
LOUPE_SERVER=$(cat "$dir/server/server.address")

say "Importing them: the holdout labelled blind, and 20 % of the pool"
loupe project create parts --holdout-fraction 0.25 --seed 1 \
  --classes "$(/usr/bin/python3 deploy/quickstart_figures.py classes "$dir/parts/annotations.json")"
by_part='part_([0-9]+)'
loupe import --images "$dir/parts/images" --group-by "$by_part"
loupe image list --json > "$dir/images.json"
/usr/bin/python3 deploy/quickstart_figures.py labelled "$dir/images.json" 0.2 > "$dir/labelled.txt"
loupe import --images "$dir/parts/images" --coco "$dir/parts/annotations.json" --group-by "$by_part" \
  --only "@$dir/labelled.txt" --labelled "@$dir/labelled.txt" --blind

say "Round 1"
loupe round submit --recipe deploy/quickstart.textproto --watch

say "60 tasks, answered by a rehearsing annotator"
loupe annotate --oracle "$dir/parts/annotations.json" --tasks 60 --json > "$dir/annotated.json"
loupe status

say "Round 2: the same recipe and seed"
loupe round submit --recipe deploy/quickstart.textproto --watch
loupe provenance verify

loupe round list --json > "$dir/rounds.json"
loupe status --json > "$dir/status.json"
login=$(loupe token link)
pages=${login%%#*}
/usr/bin/python3 -c 'import sys, urllib.request as web; web.urlopen(sys.argv[1], timeout=10).read()' "$pages"
say "The turn"
/usr/bin/python3 deploy/quickstart_figures.py table "$dir" "$((SECONDS - started))"
cat <<END

Coordinator and worker are still running. The page is at
  $pages
and this link logs you in (once, within a day; \`loupe token link\` makes another one):
  $login

To label your own pictures:

  export PATH="$PWD/build/release/bin:\$PATH"
  loupe project create mine --classes scratch,dent --dir "$dir/server"
  loupe import --images FOLDER --project mine --dir "$dir/server"
  loupe next --project mine --dir "$dir/server"            prints a task; put your boxes in and send it back:
  loupe submit task.json --project mine --dir "$dir/server"

README.md goes on from there. To stop everything: loupe down --dir "$dir/server"
END
