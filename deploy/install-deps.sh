#!/usr/bin/env bash
# Installs Debian packages by the lists in deploy/packages.
#   deploy/install-deps.sh                  everything to build, run and test Loupe on one machine
#   deploy/install-deps.sh server worker    the named lists only
set -euo pipefail
lists=("$@")
if [ ${#lists[@]} -eq 0 ]; then lists=(build build-worker web server postgres worker client test); fi
here=$(cd "$(dirname "$0")" && pwd)

packages=()
for list in "${lists[@]}"; do
  file="$here/packages/$list.txt"
  if [ ! -f "$file" ]; then
    there=$(cd "$here/packages" && ls | sed 's/\.txt$//' | xargs)
    echo "install-deps.sh: no list '$list'; there are: $there" >&2
    exit 2
  fi
  mapfile -t -O ${#packages[@]} packages < <(grep -v '^#' "$file")
done

# Node that came another way serves as well. It may bring npm, beside which Debian's can't be installed.
has_node() {
  command -v npm > /dev/null &&
    node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2> /dev/null
}

missing=()
for package in "${packages[@]}"; do
  case "$package" in nodejs | npm) if has_node; then continue; fi ;; esac
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
# The distribution's own cluster would only take memory: Loupe makes a private one.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  "${as_root[@]}" mkdir -p /etc/postgresql-common
  echo "create_main_cluster = false" |
    "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf > /dev/null
fi
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
